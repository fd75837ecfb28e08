"""Storage accounts and their containers. Bodies and codes are as recorded from real Azure. Azurite has the containers."""

import re
from typing import Any

from lab.azure import seeded
from lab.azure.accounts import StorageAccount
from lab.azure.azurite import Azurite, Container
from lab.azure.formats import timestamp
from lab.azure.hosts import ARM_HOSTS
from lab.azure.resource_manager.account_properties import KIND, as_json, set_kind, set_properties
from lab.azure.resource_manager.errors import ArmError, group_not_found, parent_not_found, resource_not_found
from lab.azure.resource_manager.identities import normal_location, tags
from lab.azure.resource_manager.jobs import Jobs
from lab.azure.resource_manager.operation import ArmRequest, ArmResponse
from lab.azure.state import AzureState

NAME = re.compile(r"[a-z0-9]{3,24}")
CONTAINER_NAME = re.compile(r"(?=.{3,63}$)[a-z0-9]+(-[a-z0-9]+)*|\$root|\$web|\$logs")


class StorageAccounts:
    def __init__(self, state: AzureState, azurite: Azurite, jobs: Jobs) -> None:
        self._state = state
        self._azurite = azurite
        self._jobs = jobs

    def get(self, request: ArmRequest) -> ArmResponse:
        return ArmResponse(200, as_json(self._existing(request), ARM_HOSTS[request.host]))

    def list_group(self, request: ArmRequest) -> ArmResponse:
        self._require_group(request)
        group = request.param("group").casefold()
        return _list([account for account in self._state.accounts.values() if account.group.casefold() == group])

    def list_subscription(self, request: ArmRequest) -> ArmResponse:
        return _list(list(self._state.accounts.values()))

    def put(self, request: ArmRequest) -> ArmResponse:
        self._require_group(request)
        name, body = request.param("account"), request.body()
        if not NAME.fullmatch(name):
            raise ArmError(
                400,
                "AccountNameInvalid",
                f"{name} is not a valid storage account name. Storage account name must be between 3 and 24 characters "
                "in length and use numbers and lower-case letters only.",
            )
        account = self._state.accounts.get(name)
        if account is not None and account.group.casefold() != request.param("group").casefold():
            raise ArmError(409, "StorageAccountAlreadyTaken", f"The storage account named {name} is already taken.")
        if account is not None:
            return self._changed(account, body)
        location, sku = body.get("location"), (body.get("sku") or {}).get("name")
        if not isinstance(location, str) or not isinstance(sku, str):
            raise ArmError(
                400, "InvalidRequestContent", "The request content was invalid: location and sku.name are required."
            )
        group = self._state.groups[request.param("group").casefold()].name
        made = StorageAccount(
            group=group,
            name=name,
            location=normal_location(location),
            created=self._state.clock.now(),
            tags=tags(body),
            sku=sku,
        )
        _take_over(made, {"kind": "StorageV2", **body})
        self._state.accounts[name] = made
        path = f"/subscriptions/{seeded.SUBSCRIPTION}/providers/Microsoft.Storage/locations/{made.location}"
        return self._jobs.start(request, f"{path}/asyncoperations", _made(made), monitor="true")

    def patch(self, request: ArmRequest) -> ArmResponse:
        return self._changed(self._existing(request), request.body())

    def _changed(self, account: StorageAccount, body: dict[str, Any]) -> ArmResponse:
        """Change an existing account, as PUT and PATCH do.

        Source: Microsoft Learn, "Storage Accounts - Create": "If an account is already created and a subsequent create request
        is issued with different properties, the account properties will be updated." Whether an account has a
        hierarchical namespace is settled when it is created; the text is the one that users of Azure report.
        """
        wanted = (body.get("properties") or {}).get("isHnsEnabled")
        if wanted is not None and wanted != bool(account.hierarchical_namespace):
            raise ArmError(
                409,
                "AccountPropertyCannotBeUpdated",
                "The property 'isHnsEnabled' was specified in the input, but it cannot be updated as it is read-only. For "
                "more information, see - https://aka.ms/storageaccountupdate",
            )
        if "tags" in body:
            account.tags = tags(body)
        _take_over(account, {**body, "kind": account.kind})
        return ArmResponse(200, as_json(account))

    def list_keys(self, request: ArmRequest) -> ArmResponse:
        """Shape: Microsoft Learn, "Storage Accounts - List Keys"."""
        account = self._existing(request)
        created = timestamp(account.created)
        keys = enumerate(account.keys, start=1)
        listed = [
            {"creationTime": created, "keyName": f"key{number}", "value": key, "permissions": "FULL"}
            for number, key in keys
        ]
        return ArmResponse(200, {"keys": listed})

    async def delete(self, request: ArmRequest) -> ArmResponse:
        self._require_group(request)
        account = self._find(request)
        if account is None:
            return ArmResponse(204)
        await self.remove(account)
        return ArmResponse(200)

    async def remove(self, account: StorageAccount) -> None:
        """Delete a storage account, its blobs, and the role assignments at the account and below."""
        del self._state.accounts[account.name]
        self._state.remove_assignments_under(account.id)
        for container in await self._azurite.containers(account.name):
            await self._azurite.delete_container(account.name, container.name)

    # Containers

    async def list_containers(self, request: ArmRequest) -> ArmResponse:
        account = self._parent(request, "read")
        containers = await self._azurite.containers(account.name)
        return ArmResponse(200, {"value": [_container_json(account, container) for container in containers]})

    async def get_container(self, request: ArmRequest) -> ArmResponse:
        account = self._parent(request, "read")
        container = await self._azurite.container(account.name, request.param("container"))
        if container is None:
            raise ArmError(404, "ContainerNotFound", "The specified container does not exist.")
        return ArmResponse(200, _container_json(account, container), {"ETag": container.etag})

    async def put_container(self, request: ArmRequest) -> ArmResponse:
        account, name = self._parent(request, "write"), request.param("container")
        if not CONTAINER_NAME.fullmatch(name):
            raise ArmError(
                400,
                "ContainerOperationFailure",
                f"The specified resource name contains invalid characters: '{name}'.",
            )
        made = await self._azurite.create_container(account.name, name)
        container = await self._azurite.container(account.name, name)
        etag = {"ETag": container.etag} if container else {}
        if not made and container is not None:
            return ArmResponse(200, _container_json(account, container), etag)
        # Recorded: the answer to the PUT that creates a container contains its id, name and type only.
        full = f"{account.id}/blobServices/default/containers/{name}"
        return ArmResponse(201, {"id": full, "name": name, "type": f"{KIND}/blobServices/containers"}, etag)

    async def delete_container(self, request: ArmRequest) -> ArmResponse:
        account = self._parent(request, "delete")
        deleted = await self._azurite.delete_container(account.name, request.param("container"))
        return ArmResponse(200 if deleted else 204)

    def _parent(self, request: ArmRequest, verb: str) -> StorageAccount:
        account = self._find(request)
        if account is None:
            raise parent_not_found(
                verb,
                "storageAccounts/blobServices/containers",
                request.path[: request.path.casefold().rindex("/blobservices/")],
            )
        return account

    def _find(self, request: ArmRequest) -> StorageAccount | None:
        account = self._state.accounts.get(request.param("account").casefold())
        if account is None or account.group.casefold() != request.param("group").casefold():
            return None
        return account

    def _existing(self, request: ArmRequest) -> StorageAccount:
        self._require_group(request)
        account = self._find(request)
        if account is None:
            raise resource_not_found(KIND, request.param("account"), request.param("group"))
        return account

    def _require_group(self, request: ArmRequest) -> None:
        if request.param("group").casefold() not in self._state.groups:
            raise group_not_found(request.param("group"))


def _take_over(account: StorageAccount, body: dict[str, Any]) -> None:
    """
    Raises:
        ArmError: the kind or a property has a value that Azure does not know.
    """
    try:
        set_kind(account, str(body["kind"]))
        set_properties(account, body.get("properties") or {})
    except ValueError as error:
        raise ArmError(400, "InvalidRequestPropertyValue", f"The request content was invalid: {error}") from error


async def _made(account: StorageAccount) -> ArmResponse:
    return ArmResponse(200, as_json(account))


def _list(accounts: list[StorageAccount]) -> ArmResponse:
    return ArmResponse(200, {"value": [as_json(account) for account in accounts]})


def _container_json(account: StorageAccount, container: Container) -> dict[str, Any]:
    return {
        "id": f"{account.id}/blobServices/default/containers/{container.name}",
        "name": container.name,
        "type": f"{KIND}/blobServices/containers",
        "etag": container.etag,
        "properties": {
            "deleted": False,
            "remainingRetentionDays": 0,
            "defaultEncryptionScope": "$account-encryption-key",
            "denyEncryptionScopeOverride": False,
            "publicAccess": "None",
            "leaseStatus": "Unlocked",
            "leaseState": "Available",
            "lastModifiedTime": container.last_modified,
            "legalHold": {"hasLegalHold": False, "tags": []},
            "hasImmutabilityPolicy": False,
            "hasLegalHold": False,
        },
    }
