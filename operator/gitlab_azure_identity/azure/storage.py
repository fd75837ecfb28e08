"""Storage accounts, as Azure Resource Manager knows them."""

import asyncio
from urllib.parse import urlsplit

from azure.core.rest import HttpRequest
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

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
                return _account(account.account, response.json())
        except AzureError as error:
            if error.not_found and error.code in ("ResourceNotFound", "NotFound"):
                return None
            raise


def _absent(read: asyncio.Future[StorageAccount | None]) -> bool:
    """Whether a read found nothing, or failed. Such an answer serves only those who asked at that moment."""
    return read.cancelled() or read.exception() is not None or read.result() is None


class _Answer(BaseModel):
    """A part of Azure's description of an account (Microsoft Learn, "Storage Accounts - Get Properties")."""

    model_config = ConfigDict(alias_generator=to_camel, frozen=True)


class _Endpoints(_Answer):
    blob: str | None = None


class _Rules(_Answer):
    default_action: str | None = None


class _State(_Answer):
    status: str | None = None


class _ConnectionProperties(_Answer):
    private_link_service_connection_state: _State = _State()


class _Connection(_Answer):
    properties: _ConnectionProperties = _ConnectionProperties()


class _Properties(_Answer):
    primary_endpoints: _Endpoints = _Endpoints()
    is_hns_enabled: bool | None = None
    allow_shared_key_access: bool | None = None
    public_network_access: str | None = None
    network_acls: _Rules | None = None
    private_endpoint_connections: tuple[_Connection, ...] | None = None


class _Account(_Answer):
    kind: str
    properties: _Properties


def _account(name: str, answer: object) -> StorageAccount:
    """The account of an answer. What Azure leaves out has the default that Microsoft Learn gives: shared keys are allowed, the
    public endpoint is open, and every network may use it. Raises AzureError for an answer that describes no account."""
    try:
        found = _Account.model_validate(answer)
    except ValidationError as error:
        raise AzureError("", 0, "the answer does not describe a storage account") from error
    properties, access = found.properties, found.properties.public_network_access
    endpoint, rules = properties.primary_endpoints.blob, properties.network_acls
    states = (
        connection.properties.private_link_service_connection_state.status
        for connection in properties.private_endpoint_connections or ()
    )
    return StorageAccount(
        name=name,
        kind=found.kind,
        blob_host=urlsplit(endpoint).hostname if endpoint else None,
        hierarchical=properties.is_hns_enabled is True,
        shared_keys=properties.allow_shared_key_access is not False,
        public=access != "Disabled",
        firewall=access == "SecuredByPerimeter" or (rules is not None and rules.default_action == "Deny"),
        private_endpoints="Approved" in states,
    )
