"""Every reason that the operator's code can give, found where the code makes findings, conditions and events."""

import ast
from collections.abc import Iterator
from pathlib import Path

from .markdown import ROOT

OPERATOR = ROOT / "operator" / "gitlab_azure_identity"
# kopf.on.event in the handlers is no event of ours.
_FILES = [path for path in sorted(OPERATOR.rglob("*.py")) if path.name != "handlers.py"]

# What takes a reason, and at which place among its arguments.
_PLACES = {"Failure": 0, "Entry": 0, "good": 1, "Verdict": 1, "Finding": 2, "as_condition": 3, "event": 2, "_event": 2}
_STATES = {"UNTRIED"}  # constants that stand where a reason could: a container's state


def reasons() -> dict[str, str]:
    """Reason to the file that gives it."""
    return {reason: path.name for path in _FILES for reason in _of(path)}


def _of(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and (place := _PLACES.get(_name(node.func))) is not None:
            yield from _texts(_argument(node, place))
        if isinstance(node, ast.Assign) and {_name(target) for target in node.targets} & _STATES:
            yield from _texts(node.value)
        if isinstance(node, ast.Assign) and any(_name(target) == "reason" for target in node.targets):
            yield from _texts(node.value)


def unreadable() -> list[str]:
    """Places where a reason is neither a text nor handed on from something that has one: this search overlooks them."""
    return [
        f"{path.name}:{node.lineno}"
        for path in _FILES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and (place := _PLACES.get(_name(node.func))) is not None
        if (argument := _argument(node, place)) is not None
        if not list(_texts(argument)) and _name(argument) != "reason" and not isinstance(argument, ast.Starred)
    ]


def _argument(call: ast.Call, place: int) -> ast.expr | None:
    named = next((keyword.value for keyword in call.keywords if keyword.arg == "reason"), None)
    return named or (call.args[place] if len(call.args) > place else None)


def _texts(node: ast.expr | None) -> Iterator[str]:
    """The text itself, or both of `this if … else that`."""
    match node:
        case ast.Constant(value=str() as text):
            yield text
        case ast.IfExp(body=one, orelse=other):
            yield from _texts(one)
            yield from _texts(other)


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
