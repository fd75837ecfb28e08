"""Releases of GitLab and of its chart."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

from gitlab_azure_identity.api.gitlab import GITLAB_VERSION

Version = tuple[int, int, int]
"""Major, minor and patch."""

FIRST_GITLAB: Final = 17
"""A major from here on is GitLab's, and a smaller one is the chart's."""

MAJORS_APART: Final = 9
"""The chart's major is GitLab's minus this, and their minors are equal. Their patches are not: chart 8.11.8 has GitLab 17.11.7
(chart, doc/installation/version_mappings.md)."""


@dataclass(frozen=True)
class Releases:
    """The releases from `first` up to, and without, `beyond`. Without `first` they are all before `beyond`."""

    beyond: Version
    first: Version | None = None

    @classmethod
    def named(cls, numbers: Sequence[int]) -> Self:
        """The releases that one to three numbers name: 9 is every 9.x, and 9.5 is every 9.5.x."""
        beyond = [*numbers[:-1], numbers[-1] + 1]
        return cls(_padded(beyond), _padded(numbers))

    def overlaps(self, other: Releases) -> bool:
        return (self.first or ()) < other.beyond and (other.first or ()) < self.beyond

    def within(self, other: Releases) -> bool:
        return (other.first or ()) <= (self.first or ()) and self.beyond <= other.beyond

    def __str__(self) -> str:
        """In words, such as `9.11.0 to 9.11.2` or `before 8.9`."""
        major, minor, patch = self.beyond
        if self.first is None:
            return f"before {major}.{minor}"
        first = ".".join(map(str, self.first))
        return f"{first} to {major}.{minor}.{patch - 1}" if patch else f"{first} to before {major}.{minor}"


def _padded(numbers: Sequence[int]) -> Version:
    major, minor, patch = (*numbers, 0, 0)[:3]
    return major, minor, patch


@dataclass(frozen=True)
class GitLabRelease:
    """A release of the chart or of GitLab that a person named, or several of them. It is both: the releases of the chart, and
    those of GitLab that belong to them."""

    text: str
    chart: Releases
    gitlab: Releases

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `spec.gitlab.version`. Raises ValueError for a text that the schema does not admit."""
        if not re.fullmatch(GITLAB_VERSION, text):
            msg = f"not a version of the GitLab chart or of GitLab: {text!r}"
            raise ValueError(msg)
        numbers = [int(number) for number in re.split(r"[+-]", text.removeprefix("v"))[0].split(".")]
        major, *minor = numbers[:2]
        if major < FIRST_GITLAB:
            return cls(text, chart=Releases.named(numbers), gitlab=Releases.named([major + MAJORS_APART, *minor]))
        return cls(text, chart=Releases.named([major - MAJORS_APART, *minor]), gitlab=Releases.named(numbers))
