"""The built-in Azure roles that the operator assigns, and the ids of roles."""

from dataclasses import dataclass

from gitlab_azure_identity.domain.arm_ids import folded


@dataclass(frozen=True, kw_only=True)
class Role:
    """A built-in Azure role. Its GUID is the same in every tenant and cloud."""

    name: str
    guid: str


STORAGE_BLOB_DATA_CONTRIBUTOR = Role(name="Storage Blob Data Contributor", guid="ba92f5b4-2d11-453d-a403-e96b0029c9fe")
STORAGE_BLOB_DELEGATOR = Role(name="Storage Blob Delegator", guid="db58b8e5-c6ad-4a2a-8342-4190687cbf4a")
STORAGE_ROLES = (STORAGE_BLOB_DATA_CONTRIBUTOR, STORAGE_BLOB_DELEGATOR)


def definition_id(subscription: str, role: Role) -> str:
    """The ARM id of a role definition, as a role assignment in this subscription names it."""
    return f"/subscriptions/{subscription}/providers/Microsoft.Authorization/roleDefinitions/{role.guid}"


def guid_of(definition_id: str) -> str:
    """The GUID that a role definition's id ends with, in lower case.

    Roles are compared by it: Azure may answer `/providers/…` to `/subscriptions/…/providers/…`."""
    return folded(definition_id).rpartition("/")[2]
