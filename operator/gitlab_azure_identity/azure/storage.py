"""Storage accounts, as Azure Resource Manager knows them."""

import asyncio
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from azure.core.rest import HttpRequest

from gitlab_azure_identity.azure.clients import Clients
from gitlab_azure_identity.azure.errors import AzureError
from gitlab_azure_identity.azure.transport import azure_errors
from gitlab_azure_identity.clock import Clock
from gitlab_azure_identity.domain.arm_ids import StorageScope
from gitlab_azure_identity.domain.storage_account import StorageAccount

STORAGE_API_VERSION = "2024-01-01"
REMEMBERED = 1000  # accounts at most, since anybody may name one in a resource


class StorageAccounts:
    """Reads storage accounts. All resources of an account share one read."""

    def __init__(self, clients: Clients, clock: Clock) -> None:
        self._clients, self._clock = clients, clock
        # by the key of the account: when it was asked for, and the answer
        self._reads: dict[str, tuple[float, asyncio.Future[StorageAccount | None]]] = {}

    async def get(self, account: StorageScope, *, age: float) -> StorageAccount | None:
        """The account, or None when it does not exist. An answer that is at most `age` seconds old will do.

        Raises AzureError when Azure does not say, or when the resource group does not exist."""
        now = self._clock.steady()
        since, read = self._reads.get(account.key, (0.0, None))
        if read is None or (read.done() and (_absent(read) or now - since > age)):
            read = asyncio.ensure_future(self._read(account))
            read.add_done_callback(_absent)  # its error counts as seen, even when everybody who asked was cancelled
            self._reads.pop(account.key, None)
            self._reads[account.key] = now, read
            if len(self._reads) > REMEMBERED:
                del self._reads[next(iter(self._reads))]
        return await asyncio.shield(read)

    async def _read(self, account: StorageScope) -> StorageAccount | None:
        endpoint = self._clients.cloud.arm_endpoint
        request = HttpRequest("GET", f"{endpoint}{account}?api-version={STORAGE_API_VERSION}")
        try:
            async with azure_errors():
                response = await self._clients.plain.send_request(request)
                response.raise_for_status()
                return _account(account.account, answer if isinstance(answer := response.json(), dict) else {})
        except AzureError as error:
            if error.not_found and error.code in ("ResourceNotFound", "NotFound"):
                return None
            raise


def _absent(read: asyncio.Future[StorageAccount | None]) -> bool:
    """Whether a read found nothing, or failed. Such an answer serves only those who asked at that moment."""
    return read.cancelled() or read.exception() is not None or read.result() is None


def _account(name: str, answer: Mapping[str, Any]) -> StorageAccount:
    """The account of an answer. What Azure leaves out has the default that Microsoft Learn gives ("Storage Accounts - Get
    Properties"): shared keys are allowed, the public endpoint is open, and every network may use it."""
    properties = answer.get("properties") or {}
    endpoint = (properties.get("primaryEndpoints") or {}).get("blob")
    connections = properties.get("privateEndpointConnections") or ()
    states = (
        ((connection.get("properties") or {}).get("privateLinkServiceConnectionState") or {}).get("status")
        for connection in connections
    )
    return StorageAccount(
        name=name,
        kind=str(answer.get("kind")),
        blob_host=urlsplit(endpoint).hostname if endpoint else None,
        hierarchical=properties.get("isHnsEnabled") is True,
        shared_keys=properties.get("allowSharedKeyAccess") is not False,
        public=properties.get("publicNetworkAccess") != "Disabled",
        firewall=properties.get("publicNetworkAccess") == "SecuredByPerimeter"
        or (properties.get("networkAcls") or {}).get("defaultAction") == "Deny",
        private_endpoints="Approved" in states,
    )
