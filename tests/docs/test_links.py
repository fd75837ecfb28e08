"""Every link has a target: links between pages, and links in the operator's messages."""

import re
from pathlib import Path

import pytest

from .markdown import ROOT, Page, page, pages

_MENTION = re.compile(r"docs/[a-z-]+\.md(?:#[a-z0-9_-]+)?")
_FILES_WITH_MESSAGES = [
    path
    for folder in ("operator", "lab", "charts", "examples", "tests/image", ".ci")
    for path in sorted((ROOT / folder).rglob("*"))
    if path.is_file()
    and path.suffix in {".py", ".yaml", ".txt", ".tpl", ".json", ""}
    and "recordings" not in path.parts
]


def _broken(target: str, folder: Path) -> str | None:
    """The problem of a link in a file in `folder`, or None."""
    if "://" in target:
        return None
    path, _, anchor = target.partition("#")
    target_file = (folder / path).resolve() if path else None
    if target_file is not None and not target_file.exists():
        return f"{target}: no such file"
    if anchor and target_file is not None and anchor not in Page(target_file).anchors:
        return f"{target}: no such heading"
    return None


@pytest.mark.parametrize("source", pages(), ids=lambda source: source.name)
def test_links_of_a_page_lead_to_files_and_headings(source: Page) -> None:
    own = [f"{source.path.name}{target}" if target.startswith("#") else target for target in source.links]
    assert [problem for target in own if (problem := _broken(target, source.path.parent))] == []


def test_messages_name_pages_and_headings_that_exist() -> None:
    mentions = {
        (path.relative_to(ROOT).as_posix(), mention)
        for path in _FILES_WITH_MESSAGES
        for mention in _MENTION.findall(path.read_text(encoding="utf-8"))
    }
    assert any(path.endswith("operations.py") for path, _ in mentions), "the pattern finds no mentions"
    problems = {(path, problem) for path, mention in mentions if (problem := _broken(mention, ROOT))}
    assert problems == set()


def test_every_page_is_linked_from_the_readme_or_its_folders_list() -> None:
    """The list of a folder in docs/ is its README.md."""
    lists = [
        page("README.md"),
        *(found for found in pages() if found.name.startswith("docs/") and found.path.name == "README.md"),
    ]
    linked = {(found.path.parent / target.partition("#")[0]).resolve() for found in lists for target in found.links}
    assert {found.path for found in pages() if found.name.startswith("docs/")} <= linked
