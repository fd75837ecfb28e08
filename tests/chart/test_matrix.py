"""The chart rendered with values in combinations, by the oldest Helm it names and by the newest.
tests/integration/test_chart.py gives each rendering to an API server."""

from __future__ import annotations

import itertools

import pytest
import yaml

from . import matrix, values_table
from .matrix import FACTORS
from .rendering import CHART, Document, Helm, Rendered, Values

CASES = [pytest.param(matrix.values(case), id=matrix.title(case)) for case in matrix.cases()]


def test_of_any_two_factors_every_two_levels_meet() -> None:
    met = set().union(*map(matrix.pairs, matrix.cases()))

    for a, b in itertools.combinations(FACTORS, 2):
        for i, j in itertools.product(range(len(FACTORS[a])), range(len(FACTORS[b]))):
            assert frozenset({(a, i), (b, j)}) in met


def test_every_value_is_in_the_matrix() -> None:
    varied = {path for levels in FACTORS.values() for level in levels for path in paths(level)}
    listed = {row.split("`")[1] for row in values_table.rows()}
    alike = {
        "settings.cluster",
        "settings.defaults",
        "image.repository",
        "azure.tenantId",
        "podSecurityContext",
        "securityContext",
    }

    assert {name for name in listed if not any(path.startswith(name) for path in varied)} == alike


def paths(values: Values, above: str = "") -> set[str]:
    found: set[str] = set()
    for key, value in values.items():
        found |= {above + key} | (paths(value, f"{above}{key}.") if isinstance(value, dict) else set())
    return found


@pytest.mark.parametrize("values", CASES)
def test_the_oldest_helm_and_the_newest_render_the_same(helm: Helm, oldest: Helm, values: Values) -> None:
    rendered = helm.template(**values)

    assert objects(oldest.template(**values)) == objects(rendered)
    names = [(d["kind"], d["metadata"].get("namespace"), d["metadata"]["name"]) for d in rendered.documents]
    assert len(set(names)) == len(names)


def objects(rendered: Rendered) -> list[Document]:
    return sorted(rendered.documents, key=yaml.safe_dump)


def test_the_oldest_helm_is_the_one_that_the_readme_names(oldest: Helm) -> None:
    major, minor, *_ = oldest.run("version", "--template", "{{ .Version }}").stdout.lstrip("v").split(".")

    assert f"Helm {major}.{minor} or newer" in (CHART / "README.md").read_text(encoding="utf-8")
