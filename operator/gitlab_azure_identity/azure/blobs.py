"""What GitLab itself would do: exchange a service account's token at Entra, and list its containers."""

import asyncio
from collections.abc import Iterable
from typing import Self

import aiohttp
from azure.core.credentials import AccessToken, AccessTokenInfo, TokenRequestOptions
from azure.identity.aio import ClientAssertionCredential
from azure.storage.blob.aio import BlobServiceClient

from gitlab_azure_identity.azure.errors import AzureError
from gitlab_azure_identity.azure.transport import azure_errors, new_transport
from gitlab_azure_identity.domain.clouds import Cloud
from gitlab_azure_identity.domain.observed import Identity


class _Fixed:
    """A credential that is one token."""

    def __init__(self, token: AccessTokenInfo) -> None:
        self._token = token

    async def get_token(self, *_scopes: str, **_options: object) -> AccessToken:
        return AccessToken(self._token.token, self._token.expires_on)

    async def get_token_info(self, *_scopes: str, options: TokenRequestOptions | None = None) -> AccessTokenInfo:
        del options
        return self._token

    async def close(self) -> None: ...

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None: ...


class BlobAccess:
    """Tries the way from a service account to the blobs. Every method raises AzureError."""

    def __init__(self, cloud: Cloud, session: aiohttp.ClientSession, timeout: float) -> None:
        self._cloud, self._session, self._timeout = cloud, session, timeout

    async def exchange(self, identity: Identity, assertion: str) -> AccessTokenInfo:
        """The storage token that Entra gives the identity for a service account's token."""
        credential = ClientAssertionCredential(
            identity.tenant_id,
            identity.client_id,
            lambda: assertion,
            authority=self._cloud.authority_host.rstrip("/"),
            transport=new_transport(self._session, self._timeout),
            retry_total=0,
        )
        async with azure_errors():
            return await credential.get_token_info(self._cloud.storage_scope)

    async def try_containers(
        self, account: str, containers: Iterable[str], token: AccessTokenInfo
    ) -> dict[str, AzureError | None]:
        """For each container, None when it can be listed with the token, or why not. The first entry of a list tells."""
        names = tuple(containers)
        url = f"https://{account}.{self._cloud.blob_domain}"
        service = BlobServiceClient(
            url,
            _Fixed(token),
            transport=new_transport(self._session, self._timeout),
            retry_total=0,
        )
        answers = await asyncio.gather(*(self._try_container(service, name) for name in names))
        return dict(zip(names, answers, strict=True))

    async def _try_container(self, service: BlobServiceClient, name: str) -> AzureError | None:
        try:
            async with azure_errors():
                pages = service.get_container_client(name).list_blobs(results_per_page=1).by_page()
                async for _page in pages:
                    break
        except AzureError as error:
            return error
        return None
