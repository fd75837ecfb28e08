"""User delegation keys. Azurite makes them; the lab refuses the requests that Azurite should, and remembers the keys."""

import base64
import datetime as dt
from collections.abc import Mapping
from xml.etree import ElementTree as ET

from lab.azure.blob.errors import invalid_xml_value

LONGEST = dt.timedelta(days=7)
"""How far from now a key may expire (Microsoft Learn, Get User Delegation Key: request body)."""

FIELDS = {
    "skoid": "SignedOid",
    "sktid": "SignedTid",
    "skt": "SignedStart",
    "ske": "SignedExpiry",
    "sks": "SignedService",
    "skv": "SignedVersion",
}
"""What describes a key in a URL that it signed, and in the answer that gave it out."""


def check_key_request(body: bytes, now: float) -> None:
    """Refuse a key that would live too long. `now` is in seconds since 1970.

    A body that cannot be read is left to Azurite, which answers 400.

    Raises:
        BlobError: the key would expire later than seven days from now.
    """
    try:
        expiry = ET.fromstring(body).findtext("Expiry", "")  # noqa: S314 - the lab's own clients wrote it
        moment = utc(expiry)
    except (ET.ParseError, ValueError):
        return
    if moment > dt.datetime.fromtimestamp(now, dt.UTC) + LONGEST:
        raise invalid_xml_value(expiry)


def utc(text: str) -> dt.datetime:
    """A time as Storage reads it: ISO 8601, in UTC where it names no zone.

    Raises:
        ValueError: it is no time.
    """
    moment = dt.datetime.fromisoformat(text)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=dt.UTC)


class DelegationKeys:
    """The keys that were given out, by storage account and by what describes them."""

    def __init__(self) -> None:
        self._keys: dict[tuple[str, ...], bytes] = {}

    def remember(self, account: str, answer: bytes) -> None:
        """Take over the key in an answer to Get User Delegation Key."""
        tree = ET.fromstring(answer)  # noqa: S314 - a child process wrote it
        described = (tree.findtext(name, "") for name in FIELDS.values())
        self._keys[(account, *described)] = base64.b64decode(tree.findtext("Value", ""))

    def find(self, account: str, query: Mapping[str, str]) -> bytes | None:
        """The key that the query of a signed URL names."""
        return self._keys.get((account, *(query.get(name, "") for name in FIELDS)))
