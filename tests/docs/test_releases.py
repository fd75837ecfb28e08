"""docs/resource.md has what is known of releases of GitLab, as the operator has it."""

from gitlab_azure_identity.domain.gitlab.versions import KNOWN, Known

from .markdown import page

RESOURCE = page("docs/resource.md")
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
