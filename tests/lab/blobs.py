"""What tests of Blob Storage need: a principal that uses it, delegation keys, and the URLs that they sign."""

import base64
import datetime as dt
import hmac
from dataclasses import dataclass
from urllib.parse import urlencode

from .objects import assign
from .plain import BLOB, Plain, Reply

LIST = "/registry?restype=container&comp=list"


@dataclass
class Workload:
    """A principal that uses the storage."""

    plain: Plain
    principal_id: str

    async def ask(self, method: str, target: str, *, data: bytes | None = None, **headers: str) -> Reply:
        return await self.plain.blob(method, target, principal=self.principal_id, data=data, **headers)

    async def put(self, target: str, content: bytes) -> Reply:
        return await self.ask("PUT", target, data=content, x_ms_blob_type="BlockBlob")

    async def assign(self, role: str, scope: str, condition: str = "") -> str:
        conditioned = {"condition": condition, "conditionVersion": "2.0"} if condition else {}
        return await assign(self.plain, self.principal_id, role, scope, **conditioned)


def refused(reply: Reply) -> bool:
    """Whether Azure refused the request. Checks that a refusal has the form of Azure's."""
    if reply.status != 403:
        return False
    assert reply.headers["x-ms-error-code"] == "AuthorizationPermissionMismatch"
    assert reply.text.startswith(
        '\ufeff<?xml version="1.0" encoding="utf-8"?><Error><Code>AuthorizationPermissionMismatch<'
    )
    message = "This request is not authorized to perform this operation using this permission.\nRequestId:"
    assert f"<Message>{message}{reply.headers['x-ms-request-id']}\nTime:" in reply.text
    return True


async def delegation_key(workload: Workload, expires: dt.datetime | None = None) -> Reply:
    now = dt.datetime.now(dt.UTC)
    start, expiry = (f"{moment:%Y-%m-%dT%H:%M:%SZ}" for moment in (now, expires or now + dt.timedelta(hours=1)))
    body = f'<?xml version="1.0"?><KeyInfo><Start>{start}</Start><Expiry>{expiry}</Expiry></KeyInfo>'
    return await workload.ask("POST", "/?restype=service&comp=userdelegationkey", data=body.encode())


class SignedUrl:
    """A URL that is signed by a user delegation key, as GitLab signs them (documentation: create a user delegation SAS)."""

    def __init__(
        self,
        key: str,
        path: str = "/registry/hello.txt",
        permissions: str = "r",
        *,
        resource: str = "b",
        version: str = "2020-12-06",
        starts: dt.datetime | None = None,
        expires: dt.datetime | None = None,
        rscd: str = "",
        rsct: str = "",
    ) -> None:
        def field(name: str) -> str:
            return key.partition(f"<{name}>")[2].partition("<")[0]

        start = f"{starts:%Y-%m-%dT%H:%M:%SZ}" if starts else ""
        expiry = f"{expires or dt.datetime.now(dt.UTC) + dt.timedelta(minutes=30):%Y-%m-%dT%H:%M:%SZ}"
        signer = {
            "skoid": field("SignedOid"),
            "sktid": field("SignedTid"),
            "skt": field("SignedStart"),
            "ske": field("SignedExpiry"),
            "sks": field("SignedService"),
            "skv": field("SignedVersion"),
        }
        others = [""] * (0 if version < "2020-02-10" else 3 if version < "2025-07-05" else 5)  # who else may use it
        scope = [""] * (0 if version < "2020-12-06" else 1 if version < "2026-04-06" else 3)
        rest = ["", "https", version, resource, "", *scope, "", rscd, "", "", rsct]
        text = "\n".join([permissions, start, expiry, f"/blob/gitlabstore{path}", *signer.values(), *others, *rest])
        signature = hmac.digest(base64.b64decode(field("Value")), text.encode(), "sha256")
        query = {"sp": permissions, "st": start, "se": expiry, **signer, "spr": "https", "sv": version, "sr": resource}
        query |= {"rscd": rscd, "rsct": rsct, "sig": base64.b64encode(signature).decode()}
        self.query = urlencode({name: value for name, value in query.items() if value})
        self.url = f"{BLOB}{path}?{self.query}"


def detail_of(reply: Reply) -> str:
    """The detail of an answer that refuses a signature."""
    assert (reply.status, reply.headers["x-ms-error-code"]) == (403, "AuthenticationFailed")
    return reply.text.partition("<AuthenticationErrorDetail>")[2].partition("<")[0]
