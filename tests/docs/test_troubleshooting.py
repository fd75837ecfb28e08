"""docs/troubleshooting.md has a section for every Reason of the code and for no other."""

import re
from functools import cache
from itertools import combinations

import pytest

from gitlab_azure_identity.api import conditions
from gitlab_azure_identity.api.reasons import Reason
from gitlab_azure_identity.azure import entra
from gitlab_azure_identity.domain.access import Right, may
from gitlab_azure_identity.domain.causes import CAUSES, CHAPTERS, alerts, reasons_of
from gitlab_azure_identity.domain.causes.holds import NOT_A_FAILURE
from gitlab_azure_identity.domain.causes.model import Case

from .commands import CAUSES as CAUSES_FOLDER
from .commands import OPERATOR, strings_in_python
from .markdown import page

TROUBLESHOOTING, RESOURCE = page("docs/troubleshooting.md"), page("docs/resource.md")
ALERTS = {cause.heading for cause in alerts.CHAPTER.causes}
SECTIONS = {title for title in TROUBLESHOOTING.headings if re.fullmatch(r"([A-Z][a-z]+)+", title)} - {
    "Troubleshooting",
    "Events",
    alerts.CHAPTER.title,
    *ALERTS,
}


def test_every_reason_has_a_section() -> None:
    assert {str(reason) for reason in Reason} - SECTIONS == set()


def test_every_section_is_about_a_reason() -> None:
    assert SECTIONS - {str(reason) for reason in Reason} == set()


def test_every_reason_is_used() -> None:
    """The operator's code uses it by its name."""
    paths = [path for path in OPERATOR.rglob("*.py") if path.name != "reasons.py" and path.parent != CAUSES_FOLDER]
    code = "".join(path.read_text(encoding="utf-8") for path in paths)
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


TOLD = [case for cause in CAUSES.values() for case in cause.cases if case.says and case.says not in entra.TABLE]


@cache
def _messages() -> tuple[str, ...]:
    """The texts of the operator's messages, with `{}` for what is filled in."""
    sources = [path.read_text(encoding="utf-8") for path in OPERATOR.rglob("*.py") if path.parent != CAUSES_FOLDER]
    refusals = [
        f"{may(set(denied))} in" for number in range(1, len(Right) + 1) for denied in combinations(Right, number)
    ]
    return (*(text for source in sources for text in strings_in_python(source)), *refusals)


@pytest.mark.parametrize("case", TOLD, ids=lambda case: case.says)
def test_the_operator_says_the_words_by_which_a_case_is_told(case: Case) -> None:
    assert any(case.is_told_by(text) for text in _messages())


def test_every_condition_of_the_chain_lists_its_reasons() -> None:
    """A refusal is listed by its chapter, and a sentence below the table has what any condition may be."""
    chapters = {cause.key: chapter for chapter in CHAPTERS for cause in chapter.causes}
    holds = {cause.key for cause in NOT_A_FAILURE.causes}
    anywhere = frozenset.intersection(*map(reasons_of, conditions.CHAIN))
    for link in conditions.CHAIN:
        row = " ".join(TROUBLESHOOTING.row(link) or ())
        elsewhere = {reason for reason in reasons_of(link) if link in chapters[reason].on} | anywhere
        assert {reason for reason in reasons_of(link) - elsewhere - holds if f"[{reason}]" not in row} == set()
