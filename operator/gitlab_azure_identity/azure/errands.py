"""What each request to Azure is for, and the right that it takes: the words that go with its refusal."""

from gitlab_azure_identity.azure.errors import Errand
from gitlab_azure_identity.domain.changes import (
    Change,
    DeleteAssignment,
    DeleteCredential,
    DeleteIdentity,
    PutAssignment,
    PutCredential,
    PutIdentity,
    place,
)
from gitlab_azure_identity.domain.desired import WantedIdentity, WantedStorage

IDENTITY_ROLE = "Managed Identity Contributor"
STORAGE_ROLE = "Role Based Access Control Administrator"


def _on_identities(doing: str, group: str, hint: str = "") -> Errand:
    right = f'Grant its identity "{IDENTITY_ROLE}" on resource group {group}: docs/azure-permissions.md#identities.'
    return Errand(doing, right + hint, "spec.azure")


def _on_storage(doing: str, where: str, hint: str = "") -> Errand:
    right = f'Grant its identity "{STORAGE_ROLE}" on {where}: docs/azure-permissions.md#storage.'
    return Errand(doing, right + hint, "spec.storage")


def _or_missing(what: str) -> str:
    """Whoever lacks a right to read is told the same of a thing that is not there (403, "or the scope is invalid")."""
    return f" Azure says the same of {what} that does not exist: check its name."


def looking_for_identity(identity: WantedIdentity) -> Errand:
    group = identity.resource_group
    return _on_identities(f"read managed identities in resource group {group}", group, _or_missing("a resource group"))


def looking_for_credentials(identity: WantedIdentity) -> Errand:
    return _on_identities(
        f"read the federated credentials of managed identity {identity.name}", identity.resource_group
    )


def looking_for_assignments(account: str) -> Errand:
    where = f"storage account {account}"
    return _on_storage(f"read role assignments on {where}", where, _or_missing("an account"))


def looking_for_account(storage: WantedStorage) -> Errand:
    where = f"storage account {storage.account}"
    return _on_storage(f"read {where}", where, _or_missing("an account"))


def changing(change: Change) -> Errand:
    """The errand of a change in Azure.

    Raises ValueError for a change in the cluster."""
    match change:
        case PutIdentity():
            group = change.identity.resource_group
            return _on_identities(f"write managed identity {change.identity.name} in resource group {group}", group)
        case PutCredential():
            doing = f"write federated credentials of managed identity {change.identity.name}"
            return _on_identities(doing, _group(change.identity.resource_id))
        case PutAssignment():
            where = place(change.grant.scope)
            return _on_storage(f"assign roles on {where}", where)
        case DeleteAssignment():
            where = place(change.assignment.scope)
            return _on_storage(f"remove role assignments on {where}", where)
        case DeleteCredential() | DeleteIdentity():
            what = (
                "federated credentials of managed identity"
                if isinstance(change, DeleteCredential)
                else "managed identity"
            )
            return _on_identities(f"delete {what} {change.identity.name}", _group(change.identity.resource_id))
    raise ValueError(f"not a change in Azure: {change!r}")


def _group(resource_id: str) -> str:
    return resource_id.strip("/").split("/")[3]
