"""docs/architecture.md names modules, functions, layers and tests that exist. Layers are in their order."""

import re
import tomllib
from functools import cache
from pathlib import Path

import pytest

from .markdown import ROOT, Page, page, pages

OPERATOR = ROOT / "operator" / "gitlab_azure_identity"
ARCHITECTURE = page("docs/architecture.md")
BUILDING = [ARCHITECTURE, *(found for found in pages() if found.name.startswith("docs/decisions/"))]

_FILE = re.compile(r"(?<![\w./-])((?:\w+/)*\w+\.py)\b")
_FOLDER = re.compile(r"`((?:\w+/)+)`")
_TEST = re.compile(r"`(?P<file>tests/[\w/]+\.py)::(?P<name>\w+)`")
_NAMED = re.compile(r"`(?P<file>[\w/]+\.py)` `(?P<name>\w+)`")


def section(title: str) -> str:
    """A section's text, without its heading."""
    _, heading, rest = ARCHITECTURE.text.partition(f"\n## {title}\n")
    assert heading, title
    return rest.partition("\n## ")[0]


def rows(title: str) -> list[list[str]]:
    """The rows of a section's table, without the head."""
    lines = [line for line in section(title).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


@cache
def source(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def defines(path: Path, name: str) -> bool:
    """Whether a module defines this class, function, method or variable."""
    pattern = rf"^ *(?:class|def|async def) {name}\b|^{name}(?:: [^=]+)? ="
    return re.search(pattern, source(path), re.MULTILINE) is not None


@pytest.mark.parametrize("found", BUILDING, ids=lambda found: found.name)
def test_files_and_folders_that_a_page_names_exist(found: Page) -> None:
    named = {name for name in _FILE.findall(found.text) if not name.startswith("_core/")}  # a file of kopf
    named |= {name for name in _FOLDER.findall(found.text) if not name.startswith("operator/")}
    assert {name for name in named if not any((base / name).exists() for base in (OPERATOR, ROOT))} == set()


def test_the_layers_are_those_of_the_import_contract() -> None:
    """They have the same order. The page may name more layers than the contract."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (contract,) = [one for one in project["tool"]["importlinter"]["contracts"] if one["type"] == "layers"]
    enforced = [{name.strip().rpartition(".")[2] for name in layer.split("|")} for layer in contract["layers"]]
    documented = [
        {name.strip("/").removesuffix(".py") for name in re.findall(r"`([^`]+)`", row[0])} for row in rows("Layers")
    ]
    assert [layer for layer in documented if layer in enforced] == enforced


def test_kopf_is_imported_where_the_page_says() -> None:
    sentence = re.search(r"^Only (.*) import kopf\.", section("Layers"), re.MULTILINE)
    assert sentence is not None
    importing = {
        file.relative_to(OPERATOR).as_posix()
        for file in OPERATOR.rglob("*.py")
        if re.search(r"^\s*(?:import|from) kopf\b", source(file), re.MULTILINE)
    }
    assert importing == set(re.findall(r"`([^`]+)`", sentence[1]))


def test_contributing_describes_a_pass_in_the_same_words() -> None:
    lines = re.findall(r"^\d\. \*\*([^*]+)\*\*", section("A pass in six lines"), re.MULTILINE)
    paragraph = re.search(r"^A pass goes: .*?^$", page("CONTRIBUTING.md").text, re.MULTILINE | re.DOTALL)
    assert paragraph is not None
    assert [" ".join(words.split()) for words in re.findall(r"\*\*([^*]+)\*\*", paragraph[0])] == lines
    assert len(lines) == 6


@pytest.mark.parametrize("row", rows("Where a judgement lives"), ids=lambda row: row[0])
def test_a_judgement_is_a_function_with_a_table_test(row: list[str]) -> None:
    function, test = _NAMED.fullmatch(row[1]), ROOT / row[2].strip("`")
    assert function is not None
    assert function["file"].startswith("domain/")
    assert defines(OPERATOR / function["file"], function["name"])
    assert re.search(rf"\b{function['name']}\b", source(test))


def test_every_invariant_names_a_test_that_exists() -> None:
    invariants = re.split(r"^\d+\. ", section("Invariants"), flags=re.MULTILINE)[1:]
    assert len(invariants) > 5
    named = [list(_TEST.finditer(invariant)) for invariant in invariants]
    assert all(named)
    missing = {test["name"] for tests in named for test in tests if not defines(ROOT / test["file"], test["name"])}
    assert missing == set()


@pytest.mark.parametrize("row", rows("Words"), ids=lambda row: row[0])
def test_a_word_is_defined_in_the_module_that_the_page_names(row: list[str]) -> None:
    place = _NAMED.fullmatch(row[2])
    assert place is not None
    assert defines(OPERATOR / place["file"], place["name"])


def test_no_word_is_explained_twice() -> None:
    words = [row[0] for row in rows("Words")]
    assert len(words) == len(set(words))
