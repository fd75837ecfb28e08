"""YAML as GitLab's components read it: block style, bare keys, and quotes around everything that a person may have typed.

A serializer decides by its own dialect of YAML which strings need quotes. PyYAML writes `1e5`, `0o17` and `08912` bare. All are
valid names of storage accounts, and Go's YAML reads them as the numbers 100000, 15 and 8912: silently another account. So
every string is quoted, unless our own source says that it is a word.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from typing import Self, TypeAlias

import yaml

# Words that YAML 1.1 or 1.2 reads as a boolean, a null or a number, in any case.
MISREAD = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"})


class Word(str):
    """A string that is written bare, such as `provider: AzureRM`. It comes from our own source, never from the cluster."""

    __slots__ = ()

    def __new__(cls, text: str) -> Self:
        """Raises ValueError for a text that a reader could take for something else than this string."""
        if not re.fullmatch(r"[A-Za-z][A-Za-z_-]*(\.[A-Za-z]+)*", text) or text.lower() in MISREAD:
            msg = f"{text!r} is not a bare word in every dialect of YAML"
            raise ValueError(msg)
        return super().__new__(cls, text)


Node: TypeAlias = "str | bool | int | Mapping[str, Node]"


def block(mapping: Mapping[str, Node]) -> str:
    """The mapping as YAML, in its order, with a newline at the end. An empty mapping gives an empty text.

    Raises ValueError for a string with a line break or another character that does not print. Single quotes cannot contain one,
    and the API server refuses it earlier.
    """
    return yaml.dump(mapping, Dumper=_Dumper, sort_keys=False, width=sys.maxsize, allow_unicode=True) if mapping else ""


class _Dumper(yaml.SafeDumper):
    """Writes repeated values in full: the start script works on lines, and does not know anchors."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def _bare(dumper: yaml.SafeDumper, word: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", word)


def _quoted(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    if not text.isprintable():
        msg = f"{text!r} contains a character that does not print"
        raise ValueError(msg)
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="'")


def _block(dumper: yaml.SafeDumper, mapping: Mapping[str, Node]) -> yaml.MappingNode:
    pairs = [(_bare(dumper, key), dumper.represent_data(value)) for key, value in mapping.items()]
    return yaml.MappingNode("tag:yaml.org,2002:map", pairs, flow_style=False)


_Dumper.add_representer(Word, _bare)
_Dumper.add_representer(str, _quoted)
_Dumper.add_representer(dict, _block)
