"""docs/troubleshooting.md has a section for every Reason of the code and for no other."""

import re

import pytest

from gitlab_azure_identity.api import conditions
from gitlab_azure_identity.api.reasons import Reason
from gitlab_azure_identity.azure import entra

from .markdown import ROOT, page, pages

OPERATOR = ROOT / "operator" / "gitlab_azure_identity"

TROUBLESHOOTING, RESOURCE = page("docs/troubleshooting.md"), page("docs/resource.md")
SECTIONS = {title for title in TROUBLESHOOTING.headings if re.fullmatch(r"([A-Z][a-z]+)+", title)} - {
    "Troubleshooting",
    "Events",
}


def test_every_reason_has_a_section() -> None:
    assert {str(reason) for reason in Reason} - SECTIONS == set()


def test_every_section_is_about_a_reason() -> None:
    assert SECTIONS - {str(reason) for reason in Reason} == set()


def test_every_reason_is_used() -> None:
    """The operator's code uses it by its name."""
    code = "".join(path.read_text(encoding="utf-8") for path in OPERATOR.rglob("*.py") if path.name != "reasons.py")
    assert [reason.name for reason in Reason if f"Reason.{reason.name}" not in code] == []


def test_refusals_by_entra_are_explained() -> None:
    advised = {code for code, line in entra.TABLE.items() if line.advice}
    assert {code for code in advised if TROUBLESHOOTING.row(code)} == advised


@pytest.mark.parametrize("name", [*conditions.CHAIN, conditions.READY])
def test_both_tables_have_the_condition(name: str) -> None:
    assert TROUBLESHOOTING.row(name)
    assert RESOURCE.row(name)


def test_the_table_of_conditions_is_in_the_order_of_the_chain() -> None:
    wanted = [*conditions.CHAIN, conditions.READY, conditions.RECONCILING, conditions.STALLED]
    first = re.findall(r"^\| (\w+) \|", RESOURCE.prose[RESOURCE.prose.index("\n## Conditions") :], re.MULTILINE)
    assert first[1 : len(wanted) + 1] == wanted


QUOTED = (
    "cannot log in to Azure",
    "refused to let the operator",
    "Could not reach storage account",
)


@pytest.mark.parametrize("words", QUOTED)
def test_quoted_messages_are_those_of_the_operator(words: str) -> None:
    code = "".join(path.read_text(encoding="utf-8") for path in OPERATOR.rglob("*.py"))
    assert words in code
    assert words in "".join(" ".join(found.text.split()) for found in pages())
