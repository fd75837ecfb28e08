"""Reads the project's Markdown files."""

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).parents[2]

_FENCE = re.compile(r"^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"^ {4,}\S.*$", re.MULTILINE)
_LINK = re.compile(r"\]\((?P<target>[^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} (?P<title>.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Page:
    """One Markdown file."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.relative_to(ROOT).as_posix()

    @cached_property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def prose(self) -> str:
        """The text without code blocks."""
        return _INDENTED.sub("", _FENCE.sub("", self.text))

    @property
    def headings(self) -> list[str]:
        return [match["title"] for match in _HEADING.finditer(self.prose)]

    @property
    def anchors(self) -> set[str]:
        return {slug(title) for title in self.headings}

    @property
    def links(self) -> list[str]:
        return [match["target"] for match in _LINK.finditer(self.prose)]

    def blocks(self, language: str) -> list[str]:
        """The fenced code blocks of a language."""
        return [match["text"] for match in _FENCE.finditer(self.text) if match["language"] == language]

    def row(self, first: str) -> list[str] | None:
        """The cells of the table row that begins with this cell."""
        for line in self.prose.splitlines():
            cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
            if line.startswith("|") and cells[0] == first:
                return cells
        return None


def slug(title: str) -> str:
    """The anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def pages() -> list[Page]:
    """All pages that belong to the project."""
    found = [path for pattern in ("*.md", "docs/**/*.md", "charts/**/*.md", "lab/*.md") for path in ROOT.glob(pattern)]
    return [Page(path) for path in sorted(found)]


def page(name: str) -> Page:
    return Page(ROOT / name)
