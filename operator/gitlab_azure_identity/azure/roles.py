"""Role assignments."""

from typing import Any

from gitlab_azure_identity.azure.clients import Clients
from gitlab_azure_identity.azure.transport import azure_errors, deleted, found
from gitlab_azure_identity.domain import roles
from gitlab_azure_identity.domain.arm_ids import StorageScope
from gitlab_azure_identity.domain.changes import PutAssignment
from gitlab_azure_identity.domain.observed import Assignment


class RoleAssignments:
    """Reads and writes role assignments at storage accounts and containers. Every method raises AzureError."""

    def __init__(self, clients: Clients) -> None:
        self._operations = clients.roles.role_assignments

    async def list_for(self, account: StorageScope, principal_id: str) -> tuple[Assignment, ...]:
        """Assignments of a principal at a storage account and below it.

        The filter `principalId eq` also finds assignments below the scope (Microsoft Learn, "List Azure role assignments using
        the REST API"), so one request lists those of an account and of its containers. It also finds assignments above the
        scope. None of those is ours, and they are left out."""
        quoted = principal_id.replace("'", "''")  # OData doubles a quote inside a string
        listing = self._operations.list_for_scope(str(account), filter=f"principalId eq '{quoted}'")
        async with azure_errors():
            assignments = [_assignment(answer) async for answer in listing]
        return tuple(assignment for assignment in assignments if assignment is not None)

    async def get(self, scope: StorageScope, name: str) -> Assignment | None:
        """One assignment, or None when it does not exist."""
        answer = await found(self._operations.get(str(scope), name))
        return _assignment(answer) if answer is not None else None

    async def put(self, change: PutAssignment) -> Assignment:
        """Assign a role. Azure gives the same answer when that very assignment exists already."""
        grant = change.grant
        body: Any = {
            "properties": {
                "roleDefinitionId": roles.definition_id(grant.scope.subscription, grant.role),
                "principalId": change.principal_id,
                # Without it Azure looks the principal up, and does not find a new one (PrincipalNotFound).
                "principalType": "ServicePrincipal",
                "description": change.description,
            }
        }
        async with azure_errors():
            answer = await self._operations.create(str(grant.scope), change.name, body)
        return _assigned(answer, grant.scope)

    async def delete(self, assignment: Assignment) -> None:
        """Delete an assignment. One that does not exist counts as deleted, as does one whose scope does not exist."""
        await deleted(self._operations.delete(str(assignment.scope), assignment.name))


def _assignment(answer: Any) -> Assignment | None:
    """The assignment, or None when its scope is neither a storage account nor a container."""
    try:
        scope = StorageScope.parse(answer.scope)
    except ValueError:
        return None
    return _assigned(answer, scope)


def _assigned(answer: Any, scope: StorageScope) -> Assignment:
    return Assignment(
        name=answer.name,
        role_guid=roles.guid_of(answer.role_definition_id),
        scope=scope,
        principal_id=answer.principal_id,
        description=answer.description or "",
        created_on=answer.created_on.timestamp() if answer.created_on else None,
        condition=answer.condition or "",
    )
