"""Conditions of role assignments (ABAC): a parser and an evaluator for those that Azure documents.

Sources: Microsoft Learn, "Azure role assignment condition format and syntax", "Actions and attributes for Azure role assignment
conditions" for Azure Blob Storage and for authorization, "Examples to delegate Azure role assignment management with
conditions". What is not implemented here is refused when a condition is parsed, so no condition holds by accident.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import translate
from functools import lru_cache

from lab.azure.roles import matches

Value = str | bool
Values = tuple[Value, ...]

ASSIGNMENTS = "Microsoft.Authorization/roleAssignments"
ROLE_DEFINITION_ID = f"{ASSIGNMENTS}:RoleDefinitionId"
PRINCIPAL_ID = f"{ASSIGNMENTS}:PrincipalId"
PRINCIPAL_TYPE = f"{ASSIGNMENTS}:PrincipalType"
ACCOUNT_NAME = "Microsoft.Storage/storageAccounts:name"
ACCOUNT_HNS = "Microsoft.Storage/storageAccounts:isHnsEnabled"
CONTAINER_NAME = "Microsoft.Storage/storageAccounts/blobServices/containers:name"
BLOB_PATH = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs:path"
BLOB_PREFIX = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs:prefix"
SUBOPERATION = "subOperation"

KNOWN = {
    "request": {ROLE_DEFINITION_ID, PRINCIPAL_ID, PRINCIPAL_TYPE, BLOB_PREFIX, SUBOPERATION},
    "resource": {
        ROLE_DEFINITION_ID,
        PRINCIPAL_ID,
        PRINCIPAL_TYPE,
        ACCOUNT_NAME,
        ACCOUNT_HNS,
        CONTAINER_NAME,
        BLOB_PATH,
    },
}
"""By source, the attributes that a condition may name."""


class ConditionError(Exception):
    """A condition is malformed, or uses what the lab does not evaluate."""


@dataclass(frozen=True)
class Attributes:
    """What a request and the resource that it is for look like, by the names of the attributes."""

    request: Mapping[str, Value] = field(default_factory=dict)
    resource: Mapping[str, Value] = field(default_factory=dict)
    suboperation: str = ""
    """Blob.List for example. Empty where the action has none."""

    def get(self, source: str, name: str) -> Values:
        """An attribute's values: none where the request or the resource lacks it."""
        if name == SUBOPERATION:
            return (self.suboperation,) if self.suboperation else ()
        held = self.request if source == "request" else self.resource
        return (held[name],) if name in held else ()


def allowed(condition: str, action: str, attributes: Attributes) -> bool:
    """Whether a condition lets a role assignment grant an action.

    Raises:
        ConditionError: it is no condition that the lab evaluates.
    """
    return parse(condition)(action, attributes)


Condition = Callable[[str, Attributes], bool]


@lru_cache(maxsize=256)
def parse(text: str) -> Condition:
    """
    Raises:
        ConditionError: the text is malformed, or uses what the lab does not evaluate.
    """
    parser = _Parser(text)
    condition = parser.expression()
    parser.end()
    return condition


_GUID = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_TOKEN = re.compile(
    rf"\s*(?:(?P<string>'[^']*')|(?P<guid>{_GUID})|@(?P<source>\w+)\[(?P<attribute>[^\]]+)\]"
    r"|(?P<word>[A-Za-z]+(?::[A-Za-z]+)?)|(?P<sign>&&|\|\||[!(){},]))"
)
_LOGICAL = {"&&": "AND", "||": "OR", "!": "NOT"}


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    source: str = ""


def _tokens(text: str) -> Iterator[_Token]:
    position, text = 0, text.rstrip()
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise ConditionError(f"The condition cannot be read from {text[position : position + 40]!r} on.")
        position = match.end()
        kind = match.lastgroup or ""
        word = match[kind]
        if kind in ("word", "sign"):
            word = _LOGICAL.get(word, word.upper() if word.upper() in ("AND", "OR", "NOT") else word)
        yield _Token(kind, word, (match["source"] or "").casefold())


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens = list(_tokens(text))
        self._at = 0

    def expression(self) -> Condition:
        """Operands joined by AND or by OR. Both in one expression need parentheses (documentation: grouping and precedence)."""
        operands = [self._operand()]
        joined = self._peek("AND", "OR")
        while joined and self._take(joined):
            operands.append(self._operand())
        if self._peek("AND", "OR"):
            raise ConditionError("The condition joins AND and OR without parentheses.")
        held = tuple(operands)
        if joined == "OR":
            return lambda action, attributes: any(one(action, attributes) for one in held)
        return lambda action, attributes: all(one(action, attributes) for one in held)

    def end(self) -> None:
        if self._at < len(self._tokens):
            raise ConditionError(f"The condition goes on after its end: {self._tokens[self._at].text!r}.")

    def _operand(self) -> Condition:
        if self._take("NOT"):
            inner = self._operand()
            return lambda action, attributes: not inner(action, attributes)
        if self._take("("):
            inner = self.expression()
            self._require(")")
            return inner
        if self._take("ActionMatches"):
            patterns = self._strings()
            return lambda action, _: matches(patterns, action)
        if self._take("SubOperationMatches"):
            names = {name.casefold() for name in self._strings()}
            return lambda _, attributes: attributes.suboperation.casefold() in names
        if self._take("Exists"):
            source, name = self._attribute(self._next())
            return lambda _, attributes: bool(attributes.get(source, name))
        return self._comparison()

    def _comparison(self) -> Condition:
        source, name = self._attribute(self._next())
        operator = self._next()
        quantifier, _, function = operator.text.rpartition(":")
        if operator.kind != "word" or function not in _FUNCTIONS or quantifier not in _QUANTIFIERS:
            raise ConditionError(f"The lab evaluates no operator {operator.text!r}.")
        compare, combine, right = _FUNCTIONS[function], _QUANTIFIERS[quantifier], self._values(several=bool(quantifier))

        def holds(_: str, attributes: Attributes) -> bool:
            left = attributes.get(source, name)
            # An attribute that is not there satisfies no comparison.
            return bool(left) and combine(compare, left, right)

        return holds

    def _attribute(self, token: _Token) -> tuple[str, str]:
        known = {name.casefold(): name for name in KNOWN.get(token.source, ())}
        name = known.get(token.text.casefold())
        if token.kind != "attribute" or name is None:
            shown = f"@{token.source}[{token.text}]" if token.source else repr(token.text)
            raise ConditionError(f"The lab evaluates no attribute {shown}.")
        return token.source, name

    def _strings(self) -> tuple[str, ...]:
        return tuple(value for value in self._values(several=True) if isinstance(value, str))

    def _values(self, *, several: bool) -> Values:
        """A value, or several in braces."""
        if not self._take("{"):
            return (self._value(self._next()),)
        if not several:
            raise ConditionError("An operator without ForAnyOf or ForAllOf compares with one value, not with several.")
        values = [self._value(self._next())]
        while self._take(","):
            values.append(self._value(self._next()))
        self._require("}")
        return tuple(values)

    def _value(self, token: _Token) -> Value:
        if token.kind == "string":
            return token.text[1:-1]
        if token.kind == "guid":
            return token.text
        if token.kind == "word" and token.text.casefold() in ("true", "false"):
            return token.text.casefold() == "true"
        raise ConditionError(f"The condition has {token.text!r} where a value is expected.")

    def _peek(self, *texts: str) -> str:
        if self._at < len(self._tokens) and self._tokens[self._at].kind in ("word", "sign"):
            text = self._tokens[self._at].text
            return text if text in texts else ""
        return ""

    def _take(self, text: str) -> bool:
        found = bool(self._peek(text))
        self._at += found
        return found

    def _require(self, text: str) -> None:
        if not self._take(text):
            raise ConditionError(f"The condition lacks {text!r}.")

    def _next(self) -> _Token:
        if self._at >= len(self._tokens):
            raise ConditionError("The condition ends too early.")
        self._at += 1
        return self._tokens[self._at - 1]


def _text(value: Value) -> str:
    return str(value)


Compare = Callable[[Value, Value], bool]

_POSITIVE: dict[str, Compare] = {
    "StringEquals": lambda left, right: left == right,
    "StringStartsWith": lambda left, right: _text(left).startswith(_text(right)),
    "StringLike": lambda left, right: re.match(translate(_text(right)), _text(left)) is not None,
}


def _folded(compare: Compare) -> Compare:
    return lambda left, right: compare(_text(left).casefold(), _text(right).casefold())


def _negated(compare: Compare) -> Compare:
    return lambda left, right: not compare(left, right)


_FUNCTIONS: dict[str, Compare] = {
    **_POSITIVE,
    **{f"{name}IgnoreCase": _folded(compare) for name, compare in _POSITIVE.items()},
    **{name.replace("String", "StringNot"): _negated(compare) for name, compare in _POSITIVE.items()},
    **{
        f"{name.replace('String', 'StringNot')}IgnoreCase": _negated(_folded(compare))
        for name, compare in _POSITIVE.items()
    },
    "GuidEquals": _folded(_POSITIVE["StringEquals"]),
    "GuidNotEquals": _negated(_folded(_POSITIVE["StringEquals"])),
    "BoolEquals": _POSITIVE["StringEquals"],
    "BoolNotEquals": _negated(_POSITIVE["StringEquals"]),
}

_QUANTIFIERS: dict[str, Callable[[Compare, Values, Values], bool]] = {
    "": lambda compare, left, right: compare(left[0], right[0]),
    "ForAnyOfAnyValues": lambda compare, left, right: any(compare(one, other) for one in left for other in right),
    "ForAllOfAnyValues": lambda compare, left, right: all(any(compare(one, other) for other in right) for one in left),
    "ForAnyOfAllValues": lambda compare, left, right: any(all(compare(one, other) for other in right) for one in left),
    "ForAllOfAllValues": lambda compare, left, right: all(compare(one, other) for one in left for other in right),
}
