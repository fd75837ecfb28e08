"""Requests that are signed with an access key of the storage account.

Source: Microsoft Learn, "Authorize with Shared Key", the Shared Key scheme of the Blob service since version 2015-02-21.
"""

import base64
import hmac
from collections.abc import Iterator, Mapping

from multidict import MultiMapping

from lab.azure.blob.errors import authentication_failed

SCHEME = "SharedKey "
HEADERS = (
    "Content-Encoding",
    "Content-Language",
    "Content-Length",
    "Content-MD5",
    "Content-Type",
    "Date",
    "If-Modified-Since",
    "If-Match",
    "If-None-Match",
    "If-Unmodified-Since",
    "Range",
)


def verify(
    account: str, keys: tuple[str, ...], method: str, path: str, query: MultiMapping[str], headers: Mapping[str, str]
) -> None:
    """Hold a request to its signature. `path` is still escaped.

    The detail is recorded: azure-storage-node issue 422, azure-sdk-for-net issue 12414.

    Raises:
        BlobError: it is signed with none of the account's keys.
    """
    named, _, signature = headers["Authorization"].removeprefix(SCHEME).partition(":")
    text = "\n".join(_signed(account, method, path, query, headers))
    computed = (base64.b64encode(hmac.digest(base64.b64decode(key), text.encode(), "sha256")) for key in keys)
    if named != account or not any(hmac.compare_digest(one, signature.encode()) for one in computed):
        raise authentication_failed(
            f"The MAC signature found in the HTTP request '{signature}' is not the same as any computed signature. Server "
            f"used following string to sign: '{text}'."
        )


def _signed(
    account: str, method: str, path: str, query: MultiMapping[str], headers: Mapping[str, str]
) -> Iterator[str]:
    """The lines of the string to sign, in their order."""
    yield method
    for name in HEADERS:
        value = headers.get(name, "")
        yield "" if (name, value) == ("Content-Length", "0") else value
    ours = {name.casefold(): value for name, value in headers.items() if name.casefold().startswith("x-ms-")}
    yield from (f"{name}:{' '.join(ours[name].split())}" for name in sorted(ours))
    yield f"/{account}{path}"
    parameters = {name.casefold(): name for name in query}
    yield from (f"{name}:{','.join(sorted(query.getall(parameters[name])))}" for name in sorted(parameters))
