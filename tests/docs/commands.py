"""Every az, kubectl, helm and azcopy command that the project tells people, and how each is checked.

A command is told in a page, in the chart's notes and refusals, in an example, or in a message of the operator. It is checked in
one of three ways:

- A test runs it in the lab, with the real tool. Such tests call `Person.runs` or `Person.follows` with the command's text
  (tests/integration/documented/person.py). So the calls themselves are the list of what is run.
- It is in `NOT_RUN`, with what the lab lacks. The tool parses it, and does nothing (tests/edges/test_command_syntax.py).
- It is in `NAMED`: the text only names a command. The tool must know it (the same file).
"""

import ast
import re
import textwrap
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import chain
from pathlib import Path

from .markdown import ROOT, pages

TOOLS = ("az", "kubectl", "helm", "azcopy")
CHART = ROOT / "charts" / "gitlab-azure-identity"
OPERATOR = ROOT / "operator" / "gitlab_azure_identity"
CAUSES = OPERATOR / "domain" / "causes"
"""The table of causes. docs/troubleshooting.md is generated from it, and has each of its commands."""
EXAMPLES = ROOT / "examples"
TESTS = ROOT / "tests" / "integration" / "documented"

_NAME = rf"(?:{'|'.join(TOOLS)})"
_CALL = re.compile(rf"(?<![\w./<>`-]){_NAME} (?=[\w-])")
_FENCE = re.compile(r"^```\w*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"(?:^ {4,}\S.*\n+)+", re.MULTILINE)
_SPAN = re.compile(r"`([^`]+)`")
_STATEMENT = re.compile(rf"(?:\w+=\$\(|(?:\w+=\S+ )*{_NAME} )")
_CONTINUED = re.compile(r"\\\n|(?<=\|)\n")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_HEREDOC = re.compile(r"^[^\n]*<<EOF\n.*?^EOF$", re.MULTILINE | re.DOTALL)
# In a sentence, a command ends where the sentence goes on.
_IN_A_SENTENCE = re.compile(rf"(?<![\w./<>`-]){_NAME} [\w-].*?(?=\)|,? (?:or|and) |[.:;] (?=[A-Z])|[.\"]*$)")


def normal(text: str) -> str:
    """The text on one line, as the tables below and the tests write it."""
    return " ".join(_CONTINUED.sub(" ", text).split())


# Reading


def _statements(block: str) -> Iterator[str]:
    """The statements of a code block that call one of the tools. In a line of output, the part from the tool on."""
    block = textwrap.dedent(block)
    heredocs = _HEREDOC.findall(block)
    lines = _CONTINUED.sub(lambda match: match[0].replace("\\\n", " ").replace("\n", " "), _HEREDOC.sub("", block))
    for line in chain(heredocs, lines.splitlines()):
        statement = re.sub(r"\s{2,}#.*", "", line).strip().removeprefix("$ ") if line not in heredocs else line
        if call := _CALL.search(statement):
            yield statement if _STATEMENT.match(statement) else statement[call.start() :]


def in_markdown(text: str) -> Iterator[str]:
    """The commands in a page: in its code blocks, and in code within sentences."""
    blocks = [*_FENCE.findall(text), *_INDENTED.findall(_FENCE.sub("", text) + "\n")]
    for block in blocks:
        yield from _statements(block)
    for span in _SPAN.findall(_INDENTED.sub("\n", _FENCE.sub("", text) + "\n")):
        if call := _CALL.search(span):
            yield normal(span[call.start() :])


def in_a_sentence(text: str) -> Iterator[str]:
    """The commands in a message."""
    for match in _IN_A_SENTENCE.finditer(" ".join(text.split())):
        yield match[0].rstrip(".,")


def strings_in_python(source: str) -> Iterator[str]:
    """The strings of a module, but its docstrings. `{}` stands for what is filled in."""
    tree = ast.parse(source)
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    parts = {id(value) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for value in node.values}
    for node in ast.walk(tree):
        if id(node) in docstrings or id(node) in parts:
            continue
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)


def in_python(source: str) -> Iterator[str]:
    """The commands in a module's messages. `{}` stands for what is filled in, whether by the module or by a table's reader."""
    for text in strings_in_python(source):
        yield from in_a_sentence(re.sub(r"\{[\w.]*\}", "{}", text))


def in_template(text: str) -> Iterator[str]:
    """The commands in a template of the chart whose text people read. `{}` stands for what Helm fills in."""
    return _statements(re.sub(r"\{\{.*?\}\}", "{}", text))


@cache
def told() -> Mapping[str, Mapping[str, str]]:
    """Every command that people are told, by its normal text: where it stands, with its text there."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    templates = CHART / "templates"
    for path, commands in chain(
        ((page.path, in_markdown(page.text)) for page in pages()),
        (
            (path, in_python(path.read_text(encoding="utf-8")))
            for path in OPERATOR.rglob("*.py")
            if path.parent != CAUSES
        ),
        ((path, in_template(path.read_text(encoding="utf-8"))) for path in [templates / "NOTES.txt"]),
        ((path, _in_quotes(path)) for path in [templates / "_validate.tpl"]),
        ((path, _in_lines(path)) for path in [CHART / "values.yaml", *EXAMPLES.iterdir()]),
    ):
        for command in commands:
            found[normal(command)][path.relative_to(ROOT).as_posix()] = command
    return found


def _in_quotes(path: Path) -> Iterator[str]:
    for quoted in _QUOTED.findall(path.read_text(encoding="utf-8")):
        yield from in_a_sentence(quoted)


def _in_lines(path: Path) -> Iterator[str]:
    for line in path.read_text(encoding="utf-8").splitlines():
        yield from in_a_sentence(line)


# How each is checked

NAMED = (
    "az identity federated-credential create",
    "az lock",
    "helm install",
    "helm uninstall",
    "helm upgrade",
    "kubectl apply",
    "kubectl explain gai.spec.…",
    "kubectl rollout restart",
    "kubectl wait",
    "kubectl wait --for=condition=Ready",
)
"""Texts that name a command and leave its arguments to the reader."""

NO_CLUSTER = "the lab has no AKS"
NOT_RUN: Mapping[str, str] = {
    "az account list-locations -o table": "the lab's Azure has one location, and no list of them",
    "az aks update --name <cluster> --resource-group <group> --enable-oidc-issuer": NO_CLUSTER,
    "az aks update --name <cluster> --resource-group <group> --enable-oidc-issuer --enable-workload-identity": NO_CLUSTER,
    "az aks update --name <cluster> --resource-group <group> --enable-workload-identity": NO_CLUSTER,
    "az login": "nobody can log in with a browser there",
    "az role definition create --role-definition role.json": "the lab has no custom roles",
    "az storage account network-rule add --account-name <account> --subnet <subnet id>": "the lab has no virtual networks",
}
"""Complete commands that the lab cannot carry out, and why."""

NO_COMMAND = ("kubectl uses",)
"""Words of a sentence that only look like a command."""


@cache
def run() -> Mapping[str, Sequence[str]]:
    """The commands that tests run in the lab, with the files of these tests."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted(TESTS.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in RUNNERS:
                for argument in node.args:
                    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                        found[argument.value].append(path.name)
    return found


RUNNERS = frozenset({"runs", "sets", "watches", "is_refused", "follows"})
"""The methods of tests/integration/documented/person.py by which a test runs a command that people are told."""


def is_run(command: str) -> bool:
    """Whether a test runs the command.

    A message may be put together from two strings, so what stands in the code may be the beginning of what is run. What the code
    fills in may be anything in it.
    """
    if any(not place.endswith(".py") for place in told()[command]):
        return command in run()
    pattern = re.compile(rf"{re.escape(command)}( .*)?".replace(re.escape("{}"), ".+?"))
    return any(pattern.fullmatch(text) for text in run())
