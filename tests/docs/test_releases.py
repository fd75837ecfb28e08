"""docs/resource.md has what is known of releases of GitLab, and what is left to a person's own values, as the operator has it."""

from collections.abc import Iterator, Mapping

import pytest

from gitlab_azure_identity.api.containers import CHART_NAMES
from gitlab_azure_identity.domain.gitlab.own_values import own_values
from gitlab_azure_identity.domain.gitlab.use import Use
from gitlab_azure_identity.domain.gitlab.values import values_of
from gitlab_azure_identity.domain.gitlab.versions import KNOWN, Known

from .markdown import page

RESOURCE = page("docs/resource.md")
SECRET, STORE = ("s", "k"), ("gitlabstore", "blob.core.windows.net")
HEAD = "| Releases | What is known | Source |"


def _row(known: Known) -> str:
    whose = "chart" if known.of == "chart" else "GitLab"
    return f"| {whose} {known.releases} | {known.message} | [{known.source.rpartition('/')[2][:8]}]({known.source}) |"


def test_the_table_is_that_of_the_code() -> None:
    lines = RESOURCE.text.splitlines()
    start = lines.index(HEAD) + 2
    table = lines[start : lines.index("", start)]
    expected = [_row(known) for known in KNOWN]
    assert table == expected, "docs/resource.md should have:\n" + "\n".join(expected)


def _without(purpose: str, *, follow: bool) -> Use:
    """A GitLab that uses everything but this purpose, which is Disabled."""
    containers = {other: name for other, name in CHART_NAMES.items() if other != purpose}
    registry, backups = (None if purpose == entry else SECRET for entry in ("registry", "backups"))
    off = frozenset({purpose})
    return Use(["gitlab"], containers, registry, SECRET, backups, *STORE, disabled=off, follow=follow)


def _off(values: Mapping[str, object], path: str = "") -> Iterator[str]:
    """The switches in values that are off, as the page writes them."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _off(value, f"{path}{key}.")
        elif value is False and key == "enabled":
            yield f"{path}{key}: false"


USUAL = set(_off(values_of(Use(["gitlab"], CHART_NAMES, SECRET, SECRET, SECRET, *STORE))))


@pytest.mark.parametrize("purpose", CHART_NAMES)
def test_the_page_says_who_switches_off_what_is_disabled(purpose: str) -> None:
    (row,) = [
        line for line in RESOURCE.text.splitlines() if line.startswith("| `") and f"`{purpose}`" in line.split("|")[1]
    ]
    _, _, leave, follow, _ = [cell.strip().replace("<purpose>", purpose) for cell in row.split("|")]

    own = own_values(_without(purpose, follow=False))
    written = set(_off(values_of(_without(purpose, follow=True)))) - USUAL

    assert all(f"`{one.path}" in leave for one in own)
    assert bool(own) is not leave.startswith("nothing")
    assert all(f"`{one}`" in follow for one in written)
    assert len(written) == follow.count(": false`")
