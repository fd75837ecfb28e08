"""The map in lab/README.md names every file of the lab and no other."""

import re

from .markdown import ROOT, page

KINDS = {".py", ".sh", ".cjs", ".go", ".yaml"}


def test_the_map_names_every_file_of_the_lab() -> None:
    mapped: list[str] = []
    folder = ""
    for line in page("lab/README.md").text.splitlines():
        if heading := re.fullmatch(r"### `(lab/.*)`", line):
            folder = heading[1]
        elif row := re.match(r"\| `([^`]+)` \| \S", line):
            mapped.append(folder + row[1])

    existing = {
        file.relative_to(ROOT).as_posix()
        for file in (ROOT / "lab").rglob("*")
        if file.suffix in KINDS and file.name != "__init__.py"
    }
    assert len(mapped) == len(set(mapped))
    assert set(mapped) == existing
