"""Role assignments, and the storage account that they are made at."""

from typing import Any

from azure.core.rest import HttpRequest

from gitlab_azure_identity.azure.arm import Arm
from gitlab_azure_identity.azure.errors import AzureError
from gitlab_azure_identity.azure.transport import azure_errors
from gitlab_azure_identity.domain import naming
from gitlab_azure_identity.domain.changes import PutAssignment
from gitlab_azure_identity.domain.observed import Assignment

STORAGE_API_VERSION = "2024-01-01"


class RoleAssignments:
    """Reads and writes role assignments. Every method raises AzureError."""

    def __init__(self, arm: Arm) -> None:
        self._arm = arm

    async def of(self, scope: str, principal_id: str) -> tuple[Assignment, ...]:
        """Assignments of a principal at, above and below a scope.

        The filter `principalId eq` reaches below the scope too (Microsoft Learn, "List Azure role assignments using the
        REST API"), so that one request tells an account's and its containers'."""
        quoted = principal_id.replace("'", "''")  # OData doubles a quote inside a string
        listing = self._arm.roles.role_assignments.list_for_scope(scope, filter=f"principalId eq '{quoted}'")
        async with azure_errors():
            return tuple([_assignment(found) async for found in listing])

    async def get(self, scope: str, name: str) -> Assignment | None:
        """One assignment, or None when it is not there."""
        try:
            async with azure_errors():
                return _assignment(await self._arm.roles.role_assignments.get(scope, name))
        except AzureError as error:
            if error.gone:
                return None
            raise

    async def put(self, change: PutAssignment) -> Assignment:
        """Assign a role. Answered alike when the very same assignment stands already."""
        grant = change.grant
        subscription = grant.scope.split("/")[2]
        body: Any = {
            "properties": {
                "roleDefinitionId": naming.role_definition_id(subscription, grant.role.guid),
                "principalId": change.principal_id,
                # Without it Azure looks the principal up, and does not find a new one (PrincipalNotFound).
                "principalType": "ServicePrincipal",
                "description": change.description,
            }
        }
        async with azure_errors():
            return _assignment(await self._arm.roles.role_assignments.create(grant.scope, change.name, body))

    async def delete(self, assignment: Assignment) -> None:
        """Delete an assignment. One that is gone, with or without its scope, counts as deleted."""
        try:
            async with azure_errors():
                await self._arm.roles.role_assignments.delete(assignment.scope, assignment.name)
        except AzureError as error:
            if not error.gone:
                raise


class StorageAccounts:
    """Tells whether a storage account is there."""

    def __init__(self, arm: Arm) -> None:
        self._arm = arm

    async def exists(self, account_id: str) -> bool:
        """Whether the account exists. Raises AzureError when the question is not answered, or the group is missing."""
        request = HttpRequest("GET", f"{self._arm.cloud.arm_endpoint}{account_id}?api-version={STORAGE_API_VERSION}")
        try:
            async with azure_errors():
                response = await self._arm.plain.send_request(request)
                response.raise_for_status()
                return True
        except AzureError as error:
            if error.gone and error.code in ("ResourceNotFound", "NotFound"):
                return False
            raise


def _assignment(found: Any) -> Assignment:
    return Assignment(
        name=found.name,
        role_guid=naming.role_guid(found.role_definition_id),
        scope=found.scope,
        principal_id=found.principal_id,
        description=found.description or "",
        created_on=found.created_on.timestamp() if found.created_on else None,
    )
