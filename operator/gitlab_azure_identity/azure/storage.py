"""Storage accounts, as Azure Resource Manager knows them."""

from azure.core.rest import HttpRequest

from gitlab_azure_identity.azure.clients import Clients
from gitlab_azure_identity.azure.errors import AzureError
from gitlab_azure_identity.azure.transport import azure_errors
from gitlab_azure_identity.domain.arm_ids import StorageScope

STORAGE_API_VERSION = "2024-01-01"


class StorageAccounts:
    """Reads storage accounts."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    async def exists(self, account: StorageScope) -> bool:
        """Whether the account exists. Raises AzureError when Azure does not say, or when the resource group does not exist."""
        endpoint = self._clients.cloud.arm_endpoint
        request = HttpRequest("GET", f"{endpoint}{account}?api-version={STORAGE_API_VERSION}")
        try:
            async with azure_errors():
                response = await self._clients.plain.send_request(request)
                response.raise_for_status()
                return True
        except AzureError as error:
            if error.not_found and error.code in ("ResourceNotFound", "NotFound"):
                return False
            raise
