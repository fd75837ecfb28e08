"""URLs that are signed with a user delegation key: who signed them, and what they permit.

The lab verifies them, since Azurite 3.35 does not know the signatures of version 2026-04-06 and later. Source: Microsoft Learn,
"Create a user delegation SAS"; for the versions since 2025-07-05 also azure-storage-blob 12.31.

Understood are URLs for a blob (`sr=b`) or a container (`sr=c`), for whoever has them: no directories, snapshots and versions,
no signed headers, parameters, IP addresses and users.
"""

import base64
import datetime as dt
import email.utils
import hmac
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from lab.azure.blob.delegation_keys import FIELDS, DelegationKeys, utc
from lab.azure.blob.errors import authentication_failed

SIGNING = frozenset({"sv", "sr", "sp", "st", "se", "sip", "spr", "ses", "sig", *FIELDS})
"""The parameters that are about the signature. All others are about the request."""


@dataclass(frozen=True)
class SignedUrl:
    principal_id: str
    """Who requested the key. The URL permits nothing that this principal may not do."""
    permissions: str
    """The letters of `sp`, such as `rw`."""


def verified(account: str, path: str, query: Mapping[str, str], keys: DelegationKeys, now: float) -> SignedUrl:
    """What a signed URL says, once its signature and its times are verified. `path` is still escaped.

    Raises:
        BlobError: the signature does not match, or is not valid now.
    """
    key = keys.find(account, query)
    text = "\n".join(_signed(account, path, query))
    if key is None or not hmac.compare_digest(_signature(key, text), query["sig"].encode()):
        raise authentication_failed(f"Signature did not match. String to sign used was {text}")
    moment = dt.datetime.fromtimestamp(now, dt.UTC)
    _check_time(query["skt"], query["ske"], moment)
    _check_time(query.get("st"), query.get("se", ""), moment)
    return SignedUrl(query["skoid"], query.get("sp", ""))


def _signature(key: bytes, text: str) -> bytes:
    return base64.b64encode(hmac.digest(key, text.encode(), "sha256"))


def _signed(account: str, path: str, query: Mapping[str, str]) -> Iterator[str]:
    """The fields of the string to sign, in their order."""

    def fields(*names: str) -> Iterator[str]:
        return (query.get(name, "") for name in names)

    version = query.get("sv", "")
    container, _, blob = path.lstrip("/").partition("/")
    resource = unquote(container if query.get("sr") == "c" else f"{container}/{blob}")
    yield from fields("sp", "st", "se")
    yield f"/blob/{account}/{resource}"
    yield from fields(*FIELDS)
    if version >= "2020-02-10":
        yield from fields("saoid", "suoid", "scid")
    if version >= "2025-07-05":
        yield from fields("skdutid", "sduoid")
    yield from fields("sip", "spr", "sv", "sr")
    yield ""  # the time of a snapshot
    if version >= "2020-12-06":
        yield from fields("ses")
    if version >= "2026-04-06":
        yield from ("", "")  # signed headers, and signed parameters
    yield from fields("rscc", "rscd", "rsce", "rscl", "rsct")


def _check_time(start: str | None, expiry: str, now: dt.datetime) -> None:
    """The texts are recorded: AzureStorageExplorer issues 3219 and 6198.

    Raises:
        BlobError: it is too early or too late.
    """
    try:
        begins, ends = utc(start) if start else now, utc(expiry)
    except ValueError as error:
        raise authentication_failed("Signature fields not well formed.") from error
    if ends < begins:
        raise authentication_failed(
            f"Signed expiry time [{_http_date(ends)}] has to be after signed start time [{_http_date(begins)}]"
        )
    if not begins <= now < ends:
        raise authentication_failed(
            f"Signature not valid in the specified time frame: Start [{_http_date(begins)}] - Expiry [{_http_date(ends)}] "
            f"- Current [{_http_date(now)}]"
        )


def _http_date(moment: dt.datetime) -> str:
    return email.utils.format_datetime(moment.astimezone(dt.UTC), usegmt=True)


def without_signature(target: str) -> str:
    """A path and query without the parameters that are about the signature. Everything else stays as it was escaped."""
    path, _, query = target.partition("?")
    kept = [pair for pair in query.split("&") if pair and pair.partition("=")[0] not in SIGNING]
    return f"{path}?{'&'.join(kept)}" if kept else path
