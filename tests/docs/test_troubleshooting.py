"""docs/troubleshooting.md has a section for every reason that the code can give, and for no other."""

import re

import pytest

from gitlab_azure_identity.api import conditions
from gitlab_azure_identity.azure import access, errors

from .markdown import page, pages
from .reasons import OPERATOR, reasons, unreadable

TROUBLESHOOTING, RESOURCE = page("docs/troubleshooting.md"), page("docs/resource.md")
SECTIONS = {title for title in TROUBLESHOOTING.headings if re.fullmatch(r"([A-Z][a-z]+)+", title)} - {
    "Troubleshooting",
    "Events",
}


def test_the_collection_knows_the_table_of_errors() -> None:
    assert {entry.reason for entry in errors.TABLE.values()} <= reasons().keys()
    assert {
        "NotOwned",
        "Propagating",
        "DriftRepaired",
        "Applied",
        "Suspended",
        "Pending",
        "Forbidden",
    } <= reasons().keys()


def test_the_collection_overlooks_none() -> None:
    assert unreadable() == []


def test_every_reason_has_a_section() -> None:
    assert {reason: file for reason, file in reasons().items() if reason not in SECTIONS} == {}


def test_every_section_is_about_a_reason_that_the_code_gives() -> None:
    assert SECTIONS - reasons().keys() == set()


def test_refusals_by_entra_are_explained() -> None:
    explained = {code for code in access._ADVICE if TROUBLESHOOTING.row(code)}
    assert explained == access._ADVICE.keys()


@pytest.mark.parametrize("name", [*conditions.LINKS, conditions.READY])
def test_both_tables_have_the_condition(name: str) -> None:
    assert TROUBLESHOOTING.row(name)
    assert RESOURCE.row(name)


def test_the_table_of_conditions_is_in_the_order_of_the_chain() -> None:
    wanted = [*conditions.LINKS, conditions.READY, conditions.RECONCILING, conditions.STALLED]
    first = re.findall(r"^\| (\w+) \|", RESOURCE.prose[RESOURCE.prose.index("\n## Conditions") :], re.MULTILINE)
    assert first[1 : len(wanted) + 1] == wanted


QUOTED = (
    "cannot log in to Azure",
    "keep the cluster out",
    "Could not reach storage account",
)


@pytest.mark.parametrize("words", QUOTED)
def test_what_is_quoted_is_what_the_operator_says(words: str) -> None:
    said = "".join(path.read_text(encoding="utf-8") for path in OPERATOR.rglob("*.py"))
    assert words in said
    assert words in "".join(" ".join(found.text.split()) for found in pages())
