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


def _identity_right(group: str) -> str:
    return f'Grant its identity "{IDENTITY_ROLE}" on resource group {group}: docs/azure-permissions.md#identities.'


def _storage_right(where: str) -> str:
    return f'Grant its identity "{STORAGE_ROLE}" on {where}: docs/azure-permissions.md#storage.'


def _or_missing(right: str, what: str) -> str:
    """A right to read: whoever lacks it is told the same of a thing that is not there (403, "or the scope is invalid")."""
    return f"{right} Azure says the same of {what} that does not exist: check its name."


def looking_for_identity(identity: WantedIdentity) -> Errand:
    group = identity.resource_group
    return Errand(
        f"read managed identities in resource group {group}",
        _or_missing(_identity_right(group), "a resource group"),
        "spec.azure",
    )


def looking_for_credentials(identity: WantedIdentity) -> Errand:
    return Errand(
        f"read the federated credentials of managed identity {identity.name}", _identity_right(identity.resource_group)
    )


def looking_for_assignments(account: str) -> Errand:
    where = f"storage account {account}"
    return Errand(f"read role assignments on {where}", _or_missing(_storage_right(where), "an account"), "spec.storage")


def looking_for_account(storage: WantedStorage) -> Errand:
    where = f"storage account {storage.account}"
    return Errand(f"read {where}", _or_missing(_storage_right(where), "an account"), "spec.storage")


def changing(change: Change) -> Errand:
    """The errand of a change in Azure.

    Raises ValueError for a change in the cluster."""
    match change:
        case PutIdentity():
            group = change.identity.resource_group
            doing = f"write managed identity {change.identity.name} in resource group {group}"
            return Errand(doing, _identity_right(group), "spec.azure")
        case PutCredential():
            doing = f"write federated credentials of managed identity {change.identity.name}"
            return Errand(doing, _identity_right(_group(change.identity.resource_id)))
        case PutAssignment():
            return Errand(f"assign roles on {place(change.grant.scope)}", _storage_right(place(change.grant.scope)))
        case DeleteAssignment():
            where = place(change.assignment.scope)
            return Errand(f"remove role assignments on {where}", _storage_right(where))
        case DeleteCredential() | DeleteIdentity():
            what = (
                "federated credentials of managed identity"
                if isinstance(change, DeleteCredential)
                else "managed identity"
            )
            doing = f"delete {what} {change.identity.name}"
            return Errand(doing, _identity_right(_group(change.identity.resource_id)))
    raise ValueError(f"not a change in Azure: {change!r}")


def _group(resource_id: str) -> str:
    return resource_id.strip("/").split("/")[3]
