"""The access that GitLab itself will need: exchange a service account's token at Entra, and list its containers."""

import asyncio
from collections.abc import Iterable
from typing import Any

import aiohttp
from azure.core import AsyncPipelineClient
from azure.core.credentials import AccessTokenInfo
from azure.core.exceptions import HttpResponseError
from azure.core.pipeline.policies import RequestIdPolicy, UserAgentPolicy
from azure.core.rest import HttpRequest
from azure.identity.aio import ClientAssertionCredential

from gitlab_azure_identity.azure.errors import AzureError
from gitlab_azure_identity.azure.transport import USER_AGENT, LoginTransport, MeasurePolicy, Transport, azure_errors
from gitlab_azure_identity.domain.clouds import Cloud
from gitlab_azure_identity.domain.observed import Identity

BLOB_API_VERSION = "2023-11-03"


class BlobAccess:
    """Attempts the access of a service account to the blobs.

    Plain requests list the containers, since only the status of the answer is needed. The storage SDK spends more time on the
    pipeline of each container's client than the rest of a pass takes."""

    def __init__(self, cloud: Cloud, session: aiohttp.ClientSession, timeout: float) -> None:
        self._cloud, self._session, self._timeout = cloud, session, timeout
        self._client: AsyncPipelineClient[Any, Any] = AsyncPipelineClient(
            base_url="",
            policies=[
                RequestIdPolicy(),
                UserAgentPolicy(USER_AGENT, user_agent_overwrite=True),
                MeasurePolicy(),
            ],
            transport=Transport(session, timeout),
        )

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

    async def try_containers(
        self, account: str, containers: Iterable[str], token: AccessTokenInfo
    ) -> dict[str, AzureError | None]:
        """For each container, None when the token can list it, or else the error."""
        names = tuple(containers)
        answers = await asyncio.gather(*(self._try_container(account, name, token) for name in names))
        return dict(zip(names, answers, strict=True))

    async def _try_container(self, account: str, name: str, token: AccessTokenInfo) -> AzureError | None:
        request = HttpRequest(
            "GET",
            f"https://{account}.{self._cloud.blob_domain}/{name}?restype=container&comp=list&maxresults=1",
            headers={"Authorization": f"Bearer {token.token}", "x-ms-version": BLOB_API_VERSION},
        )
        try:
            async with azure_errors():
                response = await self._client.send_request(request)
                if response.status_code >= 400:  # noqa: PLR2004
                    raise HttpResponseError(response=response)
        except AzureError as error:
            return error
        return None
