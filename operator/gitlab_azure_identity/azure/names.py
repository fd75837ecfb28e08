"""The names that exist, for somebody who may have misspelt one; and what Azure's clock says. Only a person's commands ask for
them."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import aiohttp
from azure.core.rest import HttpRequest

from gitlab_azure_identity.azure.clients import Clients
from gitlab_azure_identity.azure.storage import STORAGE_API_VERSION
from gitlab_azure_identity.azure.transport import Transport, azure_errors
from gitlab_azure_identity.clock import dated
from gitlab_azure_identity.domain.arm_ids import StorageScope

RESOURCES_API_VERSION = "2022-09-01"
SUBSCRIPTIONS_API_VERSION = "2022-12-01"


class Names:
    """Lists what a person may read. Every method raises AzureError."""

    def __init__(self, clients: Clients, session: aiohttp.ClientSession, timeout: float) -> None:
        self._clients, self._transport = clients, Transport(session, timeout)

    async def subscriptions(self) -> list[str]:
        """The ids of the subscriptions."""
        return [str(each["subscriptionId"]) async for each in self._listed("/subscriptions", SUBSCRIPTIONS_API_VERSION)]

    async def groups(self, subscription: str) -> list[str]:
        """The resource groups of a subscription."""
        path = f"/subscriptions/{subscription}/resourcegroups"
        return [str(each["name"]) async for each in self._listed(path, RESOURCES_API_VERSION)]

    async def accounts(self, subscription: str) -> list[StorageScope]:
        """The storage accounts of a subscription."""
        path = f"/subscriptions/{subscription}/providers/Microsoft.Storage/storageAccounts"
        return [StorageScope.parse(each["id"]) async for each in self._listed(path, STORAGE_API_VERSION)]

    async def containers(self, account: StorageScope) -> list[str]:
        """The blob containers of a storage account."""
        path = f"{account}/blobServices/default/containers"
        return [str(each["name"]) async for each in self._listed(path, STORAGE_API_VERSION)]

    async def time(self) -> datetime | None:
        """What Entra's clock says, which takes no login. None when the answer has no date."""
        url = f"{self._clients.cloud.authority_host}common/v2.0/.well-known/openid-configuration"
        async with azure_errors():
            response = await self._transport.send(HttpRequest("GET", url))
        return dated(response.headers.get("Date"))

    async def _listed(self, path: str, version: str) -> AsyncIterator[dict[str, Any]]:
        """The items of a list, page by page."""
        url: str | None = f"{self._clients.cloud.arm_endpoint}{path}?api-version={version}"
        while url:
            async with azure_errors():
                response = await self._clients.plain.send_request(HttpRequest("GET", url))
                response.raise_for_status()
                answer = response.json()
            for item in answer.get("value") or ():
                yield item
            url = answer.get("nextLink")
