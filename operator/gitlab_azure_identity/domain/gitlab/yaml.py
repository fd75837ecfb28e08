"""YAML as GitLab's components read it: block style, bare keys, and quotes around everything that a person may have typed.

A serializer decides by its own dialect of YAML which strings need quotes. PyYAML writes `1e5`, `0o17` and `08912` bare. All are
valid names of storage accounts, and Go's YAML reads them as the numbers 100000, 15 and 8912: silently another account. So
every string is quoted, unless our own source says that it is a word.

What a person wrote is read scalar by scalar, and none is interpreted: what had no quotes is written again without quotes, so that
each reader reads what it read before.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
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


class Plain(str):
    """A scalar as somebody wrote it without quotes. Only its reader knows whether it is a string."""

    __slots__ = ()


class Escaped(str):
    """A string of somebody that single quotes cannot contain, such as one with several lines."""

    __slots__ = ()


Node: TypeAlias = "str | bool | int | Mapping[str, Node] | Sequence[Node]"


class Unreadable(Exception):
    """A text that is not understood. `why` completes the sentence "The text …"."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


LONGEST = 16_384  # characters; the settings of a storage take some hundred
DEEPEST = 8  # mappings and lists in each other


def read(text: str) -> dict[str, Node]:
    """The mapping that a person wrote, in its order. A text without content is an empty mapping.

    Raises Unreadable for whatever could not be written again with the same meaning: anchors, tags, merge keys, several documents,
    keys that stand twice, and bytes that are no text."""
    if len(text) > LONGEST:
        raise Unreadable(f"is longer than {LONGEST} characters")
    if "\ufffd" in text:
        raise Unreadable("is not text in UTF-8")
    try:
        _check(list(yaml.parse(text, Loader=yaml.SafeLoader)))
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise Unreadable("is not YAML") from error
    if root is None:
        return {}
    content = _value(root)
    if not isinstance(content, dict):
        raise Unreadable("is not a mapping of keys to values")
    return content


def _check(events: Sequence[yaml.Event]) -> None:
    """Raises Unreadable for what the values alone do not show."""
    depth = 0
    for event in events:
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise Unreadable(f"is nested more than {DEEPEST} deep")
        if isinstance(event, yaml.NodeEvent) and (event.anchor or isinstance(event, yaml.AliasEvent)):
            raise Unreadable("uses anchors of YAML")
        if isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent) and event.tag:
            raise Unreadable("uses tags of YAML")
        if isinstance(event, yaml.DocumentStartEvent) and (event.version or event.tags):
            raise Unreadable("begins with a directive of YAML")
    if sum(isinstance(event, yaml.DocumentStartEvent) for event in events) > 1:
        raise Unreadable("has several YAML documents")


def _value(node: yaml.Node) -> Node:
    if isinstance(node, yaml.SequenceNode):
        return [_value(one) for one in node.value]
    if isinstance(node, yaml.MappingNode):
        pairs = [(_value(key), _value(value)) for key, value in node.value]
        keys = [key for key, _ in pairs if isinstance(key, str)]
        if len(keys) < len(pairs):
            raise Unreadable("has a key that is no word")
        if len(set(keys)) < len(keys):
            raise Unreadable("has a key twice")
        if "<<" in keys:
            raise Unreadable("uses merge keys of YAML")
        return dict(zip(keys, (value for _, value in pairs), strict=True))
    if isinstance(node, yaml.ScalarNode) and node.style is None:
        return Plain(node.value)
    text = str(node.value)
    return text if text.isprintable() else Escaped(text)


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


def _as_written(dumper: yaml.SafeDumper, scalar: str) -> yaml.ScalarNode:
    tag: str = dumper.resolve(yaml.ScalarNode, scalar, (True, False))  # type: ignore[no-untyped-call]
    return dumper.represent_scalar(tag, scalar)


def _escaped(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"')


def _block(dumper: yaml.SafeDumper, mapping: Mapping[str, Node]) -> yaml.MappingNode:
    pairs = [(_key(dumper, key), dumper.represent_data(value)) for key, value in mapping.items()]
    return yaml.MappingNode("tag:yaml.org,2002:map", pairs, flow_style=False)


def _key(dumper: yaml.SafeDumper, key: str) -> yaml.Node:
    """A key without quotes, as the start script looks for it, unless a reader would take it for something else than a word."""
    if type(key) is not str:
        return dumper.represent_data(key)
    word = re.fullmatch(r"[A-Za-z][\w./-]*", key, re.ASCII) and key.lower() not in MISREAD
    return _bare(dumper, key) if word else _quoted(dumper, key)


def _list(dumper: yaml.SafeDumper, values: Sequence[Node]) -> yaml.SequenceNode:
    return yaml.SequenceNode("tag:yaml.org,2002:seq", [dumper.represent_data(one) for one in values], flow_style=False)


_Dumper.add_representer(Word, _bare)
_Dumper.add_representer(Plain, _as_written)
_Dumper.add_representer(Escaped, _escaped)
_Dumper.add_representer(list, _list)
_Dumper.add_representer(str, _quoted)
_Dumper.add_representer(dict, _block)
