"""The access that GitLab itself will need: exchange a service account's token at Entra, and use the containers with it.

Nothing is written. Reading, writing and deleting are attempted under a condition that no blob meets: `If-Match` with an ETag that
no blob has. Blob Storage checks the right before the condition. So a caller with the right gets 412 (ConditionNotMet) or 404
(BlobNotFound), and one without it gets 403 (Microsoft Learn, "Specifying conditional headers for Blob service operations").

Put Blob of a new name takes the action blobs/add/action or blobs/write. Replacing a blob, as GitLab does, takes blobs/write. So
does Set Blob Metadata (Microsoft Learn, "Authorize with Microsoft Entra ID": permissions for Blob service operations)."""

import asyncio
import re
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import aiohttp
from azure.core.credentials import AccessTokenInfo
from azure.core.rest import HttpRequest
from azure.identity.aio import ClientAssertionCredential

from gitlab_azure_identity.azure.answers import refusal
from gitlab_azure_identity.azure.errors import AzureError
from gitlab_azure_identity.azure.transport import (
    USER_AGENT,
    LoginTransport,
    Transport,
    azure_errors,
    not_azures,
)
from gitlab_azure_identity.clock import Clock
from gitlab_azure_identity.domain.access import Right
from gitlab_azure_identity.domain.clouds import Cloud
from gitlab_azure_identity.domain.observed import Identity
from gitlab_azure_identity.permit import Permit

BLOB_API_VERSION = "2023-11-03"
PROBE = "gitlab-azure-identity-access-check"  # the name of the blob that is never written
_NO_BLOB = {"If-Match": '"0x0"'}
_KEY_LIFETIME = timedelta(minutes=15)  # of the user delegation key, which is thrown away
_SHOWN = {"GET": b"<EnumerationResults", "POST": b"<UserDelegationKey>"}  # by the list, and by the key
# The codes by which a caller with the right learns that the condition is not met.
_ALLOWED = {"ConditionNotMet", "BlobNotFound"}


@dataclass(frozen=True)
class Answers:
    """For each attempt None when it is allowed, or else the error: of asking for the user delegation key, and of each right in
    each container."""

    signing: AzureError | None
    containers: Mapping[str, Mapping[Right, AzureError | None]]

    @property
    def lack_containers(self) -> bool:
        """Whether a container does not exist."""
        errors = (error for rights in self.containers.values() for error in rights.values())
        return any(error is not None and error.code == "ContainerNotFound" for error in errors)


class BlobAccess:
    """Attempts the access of a service account to the blobs.

    The requests are plain ones, since only the status of the answer is needed. The storage SDK spends more time on the pipeline
    of each container's client than the rest of a pass takes."""

    def __init__(
        self, cloud: Cloud, session: aiohttp.ClientSession, timeout: float, clock: Clock, permit: Permit | None = None
    ) -> None:
        self._cloud, self._session, self._timeout, self._clock = cloud, session, timeout, clock
        self._transport = Transport(session, timeout, permit)

    async def exchange(self, identity: Identity, assertion: str) -> AccessTokenInfo:
        """The storage token that Entra gives the identity for a service account's token. Raises AzureError."""
        credential = ClientAssertionCredential(
            identity.tenant_id,
            identity.client_id,
            lambda: assertion,
            authority=self._cloud.authority_host.rstrip("/"),
            transport=LoginTransport(self._session, self._timeout),
            retry_total=0,
        )
        async with azure_errors():
            return await credential.get_token_info(self._cloud.storage_scope)

    async def attempt(self, host: str, containers: Iterable[str], token: AccessTokenInfo) -> Answers:
        """Attempt everything that GitLab does, at the blob endpoint of this host."""
        names = tuple(containers)
        signing, *rights = await asyncio.gather(
            self._attempt(self._delegation_key(host), token),
            *(self._attempt(request, token) for name in names for request in _requests(host, name).values()),
        )
        errors = iter(rights)
        return Answers(signing, {name: {right: next(errors) for right in Right} for name in names})

    async def containers(self, host: str, token: AccessTokenInfo) -> tuple[str, ...]:
        """The names of the first containers of an account, in their order: at most 5000 (Microsoft Learn, "List Containers").
        Raises AzureError, also where the identity has no role at the account."""
        response = await self._sent(HttpRequest("GET", f"https://{host}/?comp=list"), token)
        return tuple(re.findall(r"<Name>([a-z0-9-]+)</Name>", response.content.decode("utf-8", "replace")))

    async def create(self, host: str, container: str, token: AccessTokenInfo) -> None:
        """Create a container. One that exists by now counts as created. Raises AzureError."""
        try:
            await self._sent(HttpRequest("PUT", f"https://{host}/{container}?restype=container"), token)
        except AzureError as error:
            if error.code != "ContainerAlreadyExists":
                raise

    def _delegation_key(self, host: str) -> HttpRequest:
        """The request for a user delegation key. GitLab signs every address with such a key (Microsoft Learn, "Get User
        Delegation Key")."""
        now = self._clock.now()
        start, expiry = (f"{moment:%Y-%m-%dT%H:%M:%SZ}" for moment in (now, now + _KEY_LIFETIME))
        return HttpRequest(
            "POST",
            f"https://{host}/?restype=service&comp=userdelegationkey",
            headers={"Content-Type": "application/xml"},
            content=f"<KeyInfo><Start>{start}</Start><Expiry>{expiry}</Expiry></KeyInfo>",
        )

    async def _attempt(self, request: HttpRequest, token: AccessTokenInfo) -> AzureError | None:
        try:
            response = await self._sent(request, token)
        except AzureError as error:
            return None if error.code in _ALLOWED and "If-Match" in request.headers else error
        # A proxy on the way may give a page of its own with 200. Under the condition nobody gets a success.
        body, shown = response.content, _SHOWN.get(request.method)
        if "If-Match" not in request.headers and shown and shown in body:
            return None
        return not_azures(refusal(response.status_code, response.headers, body), "access")

    async def _sent(self, request: HttpRequest, token: AccessTokenInfo) -> Any:
        """The response to a request that Blob Storage carried out. Raises AzureError."""
        request.headers.update(
            {
                "Authorization": f"Bearer {token.token}",
                "User-Agent": USER_AGENT,
                "x-ms-client-request-id": str(uuid.uuid4()),
                "x-ms-version": BLOB_API_VERSION,
            }
        )
        async with azure_errors():
            response = await self._transport.send(request)
        if response.status_code >= 300:  # noqa: PLR2004 - Blob Storage redirects nobody: a proxy on the way may
            raise refusal(response.status_code, response.headers, response.content)
        return response


def _requests(host: str, container: str) -> dict[Right, HttpRequest]:
    """The requests that prove each right in a container, in the order of the rights."""
    url = f"https://{host}/{container}"
    return {
        Right.LIST: HttpRequest("GET", f"{url}?restype=container&comp=list&maxresults=1"),
        Right.READ: HttpRequest("GET", f"{url}/{PROBE}", headers=_NO_BLOB),
        Right.WRITE: HttpRequest("PUT", f"{url}/{PROBE}", headers={"x-ms-blob-type": "BlockBlob", **_NO_BLOB}),
        Right.OVERWRITE: HttpRequest("PUT", f"{url}/{PROBE}?comp=metadata", headers=_NO_BLOB),
        Right.DELETE: HttpRequest("DELETE", f"{url}/{PROBE}", headers=_NO_BLOB),
    }
