"""How Azure writes times and GUIDs."""

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
