"""The map in CONTRIBUTING.md names every file of the operator and no other, each with its purpose."""

import ast
import re
from pathlib import Path

from .markdown import ROOT, page

OPERATOR = ROOT / "operator" / "gitlab_azure_identity"
HEADING = "### The operator, file by file"
_ENTRY = re.compile(r"^ {4}(?P<indent>(?:  )*)(?P<name>[\w.]+/?) {2,}(?P<purpose>\S.*)$")


def _mapped() -> list[str]:
    """The files of the map, as paths in the operator's package. The indentation of a line gives its folder."""
    text = page("CONTRIBUTING.md").text
    section = text[text.index(HEADING) : text.index("\n## ", text.index(HEADING))]
    folders: list[str] = []
    files = []
    for line in section.splitlines():
        if not line.startswith("    "):
            continue
        entry = _ENTRY.match(line)
        assert entry is not None, f"no name and purpose: {line!r}"
        del folders[len(entry["indent"]) // 2 :]
        path = "".join([*folders, entry["name"]])
        if entry["name"].endswith("/"):
            folders.append(entry["name"])
        else:
            files.append(path)
    return files


def _has_code(file: Path) -> bool:
    """Whether a module has more than a docstring. The `__init__.py` of a package often has no more."""
    statements = ast.parse(file.read_text(encoding="utf-8")).body
    return any(not (isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant)) for one in statements)


def test_the_map_names_every_file_of_the_operator() -> None:
    mapped = _mapped()
    existing = {
        file.relative_to(OPERATOR).as_posix()
        for file in OPERATOR.rglob("*.py")
        if file.name != "__init__.py" or _has_code(file)
    }
    assert len(mapped) == len(set(mapped))
    assert {"missing": existing - set(mapped), "too many": set(mapped) - existing} == {
        "missing": set(),
        "too many": set(),
    }
