"""YAML as GitLab's components read it: block style, bare keys, and quotes around everything a person may have typed.

A serializer decides for itself what needs quotes, by its own dialect. PyYAML leaves `1e5`, `0o17` and `08912` bare, all
of them valid names of storage accounts, and Go's YAML reads them as the numbers 100000, 15 and 8912: another account,
silently. So nothing is decided here: a string is quoted, unless our own source says it is a word.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Self, TypeAlias

# Words that YAML 1.1 or 1.2 takes for a boolean or a null.
_RESERVED = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"})


class Word(str):
    """A string out of our own source, never out of the cluster, which is written bare: `provider: AzureRM`."""

    __slots__ = ()

    def __new__(cls, text: str) -> Self:
        """Raises ValueError for what a reader could take for anything but this string."""
        if not re.fullmatch(r"[A-Za-z][A-Za-z_-]*(\.[A-Za-z]+)*", text) or text.lower() in _RESERVED:
            msg = f"{text!r} is not a bare word in every dialect of YAML"
            raise ValueError(msg)
        return super().__new__(cls, text)


Node: TypeAlias = "str | bool | int | Mapping[str, Node]"


def block(mapping: Mapping[str, Node]) -> str:
    """The mapping as YAML, in the order given, ending with a newline.

    Raises ValueError for a string with a line break or another character that does not print: single quotes cannot hold
    one, and the API refuses it long before.
    """
    return "".join(f"{line}\n" for line in _lines(mapping))


def _lines(mapping: Mapping[str, Node], indent: str = "") -> Iterator[str]:
    for key, value in mapping.items():
        if isinstance(value, Mapping):
            yield f"{indent}{key}:"
            yield from _lines(value, indent + "  ")
        else:
            yield f"{indent}{key}: {_scalar(value)}"


def _scalar(value: str | bool | int) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, Word)):
        return str(value)
    if not value.isprintable():
        msg = f"{value!r} holds a character that does not print"
        raise ValueError(msg)
    return "'" + value.replace("'", "''") + "'"
