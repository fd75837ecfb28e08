"""docs/decisions has one page for each decision. All pages have the same form and are in the list."""

import re

import pytest

from .markdown import ROOT, Page, page, pages

LIST = page("docs/decisions/README.md")
DECISIONS = [found for found in pages() if found.name.startswith("docs/decisions/") and found != LIST]
LONGEST = 45  # lines


def test_the_list_has_every_decision_with_its_title() -> None:
    listed = re.findall(r"^\| \[([^\]]+)\]\(([\w-]+\.md)\) \| \S", LIST.text, re.MULTILINE)
    assert sorted(listed) == sorted((found.headings[0], found.path.name) for found in DECISIONS)
    assert {found.path for found in DECISIONS} == set((ROOT / "docs/decisions").iterdir()) - {LIST.path}


@pytest.mark.parametrize("found", DECISIONS, ids=lambda found: found.path.stem)
def test_a_decision_has_a_date_a_context_and_consequences_on_one_page(found: Page) -> None:
    lines = found.text.splitlines()
    assert re.fullmatch(r"20\d\d-(0[1-9]|1[0-2])", lines[2])
    assert found.headings[1:] == ["Context", "Decision", "Consequences"]
    assert len(lines) <= LONGEST
