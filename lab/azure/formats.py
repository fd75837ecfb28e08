"""How Azure writes times, GUIDs and scopes."""

import datetime as dt
import re

_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def is_guid(text: object) -> bool:
    return isinstance(text, str) and _GUID.fullmatch(text) is not None


def without_dashes(guid: str) -> str:
    """A GUID as 32 hex digits, as error texts print it."""
    return guid.replace("-", "")


def timestamp(seconds: float) -> str:
    """ISO 8601 with seven digits after the second, the width of .NET's ticks."""
    moment = dt.datetime.fromtimestamp(seconds, dt.UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f") + "0Z"


def at_or_below(scope: str, top: str) -> bool:
    """Whether a scope is `top` or lies within it."""
    scope, top = scope.casefold().strip("/"), top.casefold().strip("/")
    return not top or scope == top or scope.startswith(top + "/")
