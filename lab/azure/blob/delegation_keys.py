"""Get User Delegation Key: what Blob Storage refuses, and Azurite does not. Azurite makes the keys."""

import datetime as dt
from xml.etree import ElementTree as ET

from lab.azure.blob.errors import invalid_xml_value

LONGEST = dt.timedelta(days=7)
"""How far from now a key may expire (Microsoft Learn, Get User Delegation Key: request body)."""


def check_key_request(body: bytes, now: float) -> None:
    """Refuse a key that would live too long. `now` is in seconds since 1970.

    A body that cannot be read is left to Azurite, which answers 400.

    Raises:
        BlobError: the key would expire later than seven days from now.
    """
    try:
        expiry = ET.fromstring(body).findtext("Expiry", "")  # noqa: S314 - the lab's own clients wrote it
        moment = dt.datetime.fromisoformat(expiry)
    except (ET.ParseError, ValueError):
        return
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=dt.UTC)
    if moment > dt.datetime.fromtimestamp(now, dt.UTC) + LONGEST:
        raise invalid_xml_value(expiry)
