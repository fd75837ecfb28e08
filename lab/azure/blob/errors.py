"""Blob Storage's error answers: XML, and the code in a header."""

import datetime as dt
from collections.abc import Mapping
from xml.sax.saxutils import escape

from aiohttp import web

from lab.azure import seeded
from lab.azure.hosts import STORAGE_AUDIENCE
from lab.azure.state import new_guid

CHALLENGE = (
    f"Bearer authorization_uri=https://login.microsoftonline.com/{seeded.TENANT}/oauth2/authorize "
    f"resource_id={STORAGE_AUDIENCE}"
)


class BlobError(Exception):
    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        details: Mapping[str, str] | None = None,
        challenge: bool = False,
    ) -> None:
        """`details` are the elements after the message: their names, and what is in them."""
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.details = details or {}
        self.challenge = challenge

    def response(self, request: web.BaseRequest, now: float) -> web.Response:
        """The answer. To a HEAD request it has no body."""
        request_id = new_guid()
        headers = {
            "x-ms-request-id": request_id,
            "x-ms-error-code": self.code,
            "Content-Type": "application/xml",
        }
        for name in ("x-ms-version", "x-ms-client-request-id"):
            if name in request.headers:
                headers[name] = request.headers[name]
        if self.challenge:
            headers["WWW-Authenticate"] = CHALLENGE
        moment = dt.datetime.fromtimestamp(now, dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%f0Z")
        details = "".join(f"<{name}>{escape(text)}</{name}>" for name, text in self.details.items())
        body = (
            # Storage begins its XML with a byte order mark.
            '\ufeff<?xml version="1.0" encoding="utf-8"?>'
            f"<Error><Code>{self.code}</Code><Message>{escape(self.message)}\nRequestId:{request_id}\nTime:{moment}"
            f"</Message>{details}</Error>"
        )
        reason = self.message.partition("\n")[0]
        content = b"" if request.method == "HEAD" else body.encode()
        return web.Response(status=self.status, reason=reason, headers=headers, body=content)


def no_authentication() -> BlobError:
    return BlobError(
        401,
        "NoAuthenticationInformation",
        "Server failed to authenticate the request. Please refer to the information in the www-authenticate header.",
        challenge=True,
    )


def invalid_authentication(detail: str) -> BlobError:
    return BlobError(
        401,
        "InvalidAuthenticationInfo",
        "Server failed to authenticate the request. Please refer to the information in the www-authenticate header.",
        {"AuthenticationErrorDetail": detail},
        challenge=True,
    )


def authentication_failed(detail: str = "") -> BlobError:
    """For a signature that does not match or is not valid now, and for every URL signed with an account key."""
    return BlobError(
        403,
        "AuthenticationFailed",
        "Server failed to authenticate the request. Make sure the value of Authorization header is formed correctly "
        "including the signature.",
        {"AuthenticationErrorDetail": detail} if detail else None,
    )


def no_key_access() -> BlobError:
    """For requests signed with an account key, and URLs signed with one, where the account permits neither.

    Recorded: AI-Landing-Zones issue 64. Microsoft Learn: "Prevent Shared Key authorization for an Azure Storage account".
    """
    return BlobError(
        403,
        "KeyBasedAuthenticationNotPermitted",
        "Key based authentication is not permitted on this storage account.",
    )


def no_network_access() -> BlobError:
    """For requests that the account's firewall does not let through. Recorded: AzureStorageExplorer issue 9150."""
    return BlobError(403, "AuthorizationFailure", "This request is not authorized to perform this operation.")


def permission_mismatch() -> BlobError:
    return BlobError(
        403,
        "AuthorizationPermissionMismatch",
        "This request is not authorized to perform this operation using this permission.",
    )


def no_account() -> BlobError:
    return BlobError(404, "ResourceNotFound", "The specified resource does not exist.")


def condition_not_met() -> BlobError:
    return BlobError(412, "ConditionNotMet", "The condition specified using HTTP conditional header(s) is not met.")


def no_blob() -> BlobError:
    return BlobError(404, "BlobNotFound", "The specified blob does not exist.")


def invalid_xml_value(value: str) -> BlobError:
    """The recorded answers have the value in both elements (azure-sdk-for-net issue 45789, django-storages issue 1525)."""
    return BlobError(
        400,
        "InvalidXmlNodeValue",
        "The value for one of the XML nodes is not in the correct format.",
        {"XmlNodeName": value, "XmlNodeValue": value},
    )


def directory_not_empty() -> BlobError:
    """Recorded: aptly issue 1060; what GitLab's registry makes of it: distribution issue 4153."""
    return BlobError(409, "DirectoryIsNotEmpty", "This operation is not permitted on a non-empty directory.")
