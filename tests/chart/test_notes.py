"""The chart's notes after an install, and its README."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from . import settings_schema, values_table
from .rendering import CHART, MINIMAL, NAMESPACE, RELEASE, Helm, Values


def notes(helm: Helm, values: Values) -> str:
    """The notes, rendered as a manifest in a copy of the chart. Helm 3 prints notes only if it reaches a cluster."""
    with tempfile.TemporaryDirectory() as folder:
        chart = Path(shutil.copytree(CHART, Path(folder) / CHART.name))
        text = (chart / "templates" / "NOTES.txt").read_text(encoding="utf-8")
        manifest = (
            f'{{{{ define "notes" }}}}{text}{{{{ end }}}}\nkind: Notes\ntext: {{{{ include "notes" . | toJson }}}}\n'
        )
        (chart / "templates" / "notes.yaml").write_text(manifest, encoding="utf-8")
        done = helm.run("template", RELEASE, str(chart), values=values)
    assert done.returncode == 0, done.stderr
    return str(next(d["text"] for d in yaml.safe_load_all(done.stdout) if d and d["kind"] == "Notes"))


def test_the_notes_report_an_empty_policy_with_the_rule_to_add(helm: Helm) -> None:
    assert "Nothing is permitted yet" in notes(helm, MINIMAL)
    assert "namespaces: [gitlab]" in notes(helm, MINIMAL)

    policy = {"cluster": "prod", "policy": [{"namespaces": ["gitlab"]}]}
    assert "Nothing is permitted yet" not in notes(helm, {**MINIMAL, "settings": policy})


def test_the_notes_say_how_many_replicas_work(helm: Helm) -> None:
    assert "with 2 replicas, of which one works and the rest stand by, and manages" in notes(helm, MINIMAL)
    assert "runs in namespace gitlab-azure-identity and manages" in notes(helm, {**MINIMAL, "replicaCount": 1})


def test_the_notes_have_the_operators_own_federated_credential(helm: Helm) -> None:
    text = notes(helm, {**MINIMAL, "settings": {"cluster": "prod", "cloud": "AzureChina"}})

    assert f"--subject system:serviceaccount:{NAMESPACE}:{RELEASE}" in text
    assert "--audiences api://AzureADTokenExchangeChina" in text


def test_the_readme_has_the_table_of_the_values_and_their_schema() -> None:
    assert values_table.README.read_text(encoding="utf-8") == values_table.readme(), "run `make values`"


def test_helm_knows_every_setting_of_the_operator() -> None:
    assert json.loads(settings_schema.FILE.read_text(encoding="utf-8")) == settings_schema.schema(), "run `make values`"


def sections(values: dict[str, Any], schema: dict[str, Any], above: str = "") -> Iterator[tuple[str, bool]]:
    """The values that have values of their own, and whether the schema requires them."""
    for name, value in values.items():
        if value and "properties" in (described := schema["properties"][name]):
            yield above + name, name in schema.get("required", ())
            yield from sections(value, described, f"{above}{name}.")


def test_values_without_a_section_are_told_by_the_schema_and_not_by_a_template_that_fails() -> None:
    """`helm upgrade --reuse-values` has the sections of the former chart only."""
    values = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    schema = json.loads(settings_schema.FILE.read_text(encoding="utf-8"))

    found = dict(sections(values, schema))
    assert "azure.proxy" in found
    assert [name for name, required in found.items() if not required] == []


def test_the_chart_has_the_version_of_the_project() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))
    project = (CHART.parents[1] / "pyproject.toml").read_text(encoding="utf-8")

    assert f'\nversion = "{chart["appVersion"]}"\n' in project
