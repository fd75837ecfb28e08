"""What each request to Azure does, and the right that it needs: the words for its refusal."""

from collections.abc import Collection
from dataclasses import replace

from gitlab_azure_identity.api.conditions import Link
from gitlab_azure_identity.azure.errors import Act, Operation
from gitlab_azure_identity.domain.arm_ids import StorageScope
from gitlab_azure_identity.domain.changes import (
    Change,
    DeleteAssignment,
    DeleteCredential,
    DeleteIdentity,
    PutAssignment,
    PutCredential,
    PutIdentity,
)
from gitlab_azure_identity.domain.desired import WantedIdentity

IDENTITY_ROLE = "Managed Identity Contributor"
STORAGE_ROLE = "Role Based Access Control Administrator"


def _on_identities(doing: str, group: str, hint: str = "", *, observed: bool = False) -> Operation:
    right = _right(IDENTITY_ROLE, f"resource group {group}", "identities", observed=observed)
    return Operation(doing, right + hint, "spec.azure", group=group)


def _on_storage(doing: str, scope: StorageScope, hint: str = "", *, observed: bool = False) -> Operation:
    right = _right(STORAGE_ROLE, scope.words, "storage", observed=observed)
    where = f"{doing} {scope.words}"
    return Operation(where, right + hint, "spec.storage", provider="Microsoft.Storage", group=scope.resource_group)


def _right(role: str, where: str, page: str, *, observed: bool) -> str:
    """The role that is missing. What the resource only observes takes none that writes."""
    role, page = ("Reader", "only-to-observe") if observed else (role, page)
    return f'Grant its identity "{role}" on {where}: docs/azure-permissions.md#{page}.'


# Azure gives one answer both when the right to read is missing and when the object does not exist (403, "or the scope is
# invalid").
_OR_NO_GROUP = " Azure says the same of a resource group that does not exist: check its name."
_OR_NO_ACCOUNT = (
    " Azure says the same of an account that does not exist in that resource group: check the names of both."
)


def reading_identity(identity: WantedIdentity, unmanaged: Collection[Link] = ()) -> Operation:
    group = identity.id.resource_group
    doing = f"read managed identities in resource group {group}"
    return _on_identities(doing, group, _OR_NO_GROUP, observed=Link.IDENTITY in unmanaged)


def reading_credentials(identity: WantedIdentity, unmanaged: Collection[Link] = ()) -> Operation:
    doing = f"read the federated credentials of managed identity {identity.name}"
    return _on_identities(doing, identity.id.resource_group, observed=Link.CREDENTIALS in unmanaged)


def reading_assignments(account: StorageScope, unmanaged: Collection[Link] = ()) -> Operation:
    return _on_storage("read role assignments on", account, _OR_NO_ACCOUNT, observed=Link.ROLES in unmanaged)


def reading_account(account: StorageScope, unmanaged: Collection[Link] = ()) -> Operation:
    return _on_storage("read", account, _OR_NO_ACCOUNT, observed=Link.ROLES in unmanaged)


def listing_containers(account: StorageScope) -> Operation:
    return _on_storage("list the containers of", account)


def changing(change: Change) -> Operation:
    """The operation of a change in Azure. What a write is below was seen or created before it is sent. Raises ValueError for a
    change in the cluster."""
    match change:
        case PutIdentity():
            group = change.identity.id.resource_group
            doing = f"write managed identity {change.identity.name} in resource group {group}"
            return _writing(_on_identities(doing, group), f"resource group {group}")
        case PutCredential():
            identity = f"managed identity {change.identity.name}"
            doing = f"write federated credentials of {identity}"
            operation = _writing(_on_identities(doing, change.identity.id.resource_group), identity)
            return replace(operation, region=change.identity.location)
        case DeleteCredential():
            doing = f"delete federated credentials of managed identity {change.identity.name}"
            return replace(_on_identities(doing, change.identity.id.resource_group), act=Act.DELETE)
        case DeleteIdentity():
            doing = f"delete managed identity {change.identity.name}"
            return replace(_on_identities(doing, change.identity.id.resource_group), act=Act.DELETE)
        case PutAssignment():
            scope = change.grant.scope
            return _writing(_on_storage("assign roles on", scope), scope.words)
        case DeleteAssignment():
            return replace(_on_storage("remove role assignments on", change.assignment.scope), act=Act.DELETE)
    raise ValueError(f"not a change in Azure: {change!r}")


def _writing(operation: Operation, below: str) -> Operation:
    return replace(operation, act=Act.WRITE, below=below)
