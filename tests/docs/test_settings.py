"""docs/settings.md has the name, the default and the meaning of every setting."""

import json
from pathlib import Path

import pytest
from pydantic import BaseModel

from gitlab_azure_identity.domain.clouds import CLOUDS
from gitlab_azure_identity.domain.policy import IdentityRule, PolicyRule, StorageRule

from .markdown import page
from .settings_table import rows
from .test_examples import load_settings

SETTINGS = page("docs/settings.md")
HEAD = "| Setting | Variable | Default | Meaning |"


def test_the_table_is_that_of_the_code() -> None:
    lines = SETTINGS.text.splitlines()
    start = lines.index(HEAD) + 2
    table = lines[start : lines.index("", start)]
    expected = list(rows())
    assert table == expected, "docs/settings.md should have:\n" + "\n".join(expected)


def test_the_example_is_accepted(tmp_path: Path) -> None:
    (example,) = SETTINGS.blocks("yaml")
    settings = load_settings(tmp_path / "settings.yaml", example)
    assert settings.defaults.storage_resource_group == "rg-storage"
    assert settings.policy[0].identities.adopt


@pytest.mark.parametrize(
    ("variable", "value", "path", "expected"),
    [
        ("GAI_CLUSTER", "other", "cluster", "other"),
        ("GAI_DEFAULTS__SUBSCRIPTION_ID", "x", "defaults.subscription_id", "x"),
        ("GAI_DEFAULTS__STORAGE_RESOURCE_GROUP", "x", "defaults.storage_resource_group", "x"),
        ("GAI_PROPAGATION_LIMIT", "60", "propagation_limit", 60),
        ("GAI_THROTTLE__IDENTITY_BURST", "7", "throttle.identity_burst", 7),
        ("GAI_POLICY", json.dumps([{"namespaces": ["gitlab"]}]), "policy.0.namespaces.0", "gitlab"),
    ],
)
def test_a_variable_takes_precedence_over_the_file(
    variable: str, value: str, path: str, expected: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert f"`{variable}`" in SETTINGS.text
    monkeypatch.setenv(variable, value)
    found: object = load_settings(tmp_path / "settings.yaml", SETTINGS.blocks("yaml")[0])
    for part in path.split("."):
        found = found[int(part)] if isinstance(found, tuple) else getattr(found, part)
    assert found == expected


def test_the_page_shows_the_json_for_the_policy_variable() -> None:
    assert "GAI_POLICY='" + json.dumps([{"namespaces": ["gitlab"]}]) + "'" in SETTINGS.text


def test_every_field_of_a_rule_is_described() -> None:
    fields = {name for model in (PolicyRule, IdentityRule, StorageRule) for name in _spellings(model)}
    described = {row for row in fields if SETTINGS.row(f"`{row}`")}
    assert described == fields - {"identities", "storage"}


def _spellings(model: type[PolicyRule | IdentityRule | StorageRule]) -> set[str]:
    prefixes: dict[type[BaseModel], str] = {PolicyRule: "", IdentityRule: "identities.", StorageRule: "storage[]."}
    return {f"{prefixes[model]}{field.alias or name}" for name, field in model.model_fields.items()}


def test_clouds_are_those_of_the_code() -> None:
    for name, cloud in CLOUDS.items():
        assert SETTINGS.row(f"`{name}`") == [f"`{name}`", f"`{cloud.audience}`", f"`{cloud.blob_domain}`"]
        assert cloud.audience in page("docs/azure-permissions.md").text
