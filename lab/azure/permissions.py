"""Whether a principal has a permission: by the role assignments that are effective now, their conditions, and what denies it."""

import re
from dataclasses import dataclass

from lab.azure import conditions
from lab.azure.conditions import Attributes
from lab.azure.denials import DenyAssignment
from lab.azure.formats import at_or_below
from lab.azure.roles import BY_ID
from lab.azure.state import AzureState, RoleAssignment

_STORAGE = re.compile(
    r".*/providers/microsoft\.storage/storageaccounts/(?P<account>[^/]+)(/blobservices/default/containers/(?P<container>[^/]+))?",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Decision:
    """Why a principal may do something or not.

    Source: Microsoft Learn, "What is Azure RBAC", how it determines whether a user has access: a role has to grant the action,
    its condition has to be fulfilled, and no deny assignment may apply.
    """

    granted: bool
    """A role grants it, and its condition is fulfilled."""
    condition_failed: bool = False
    """A role would grant it. Its condition is not fulfilled, and no other role does."""
    denied_by: DenyAssignment | None = None
    """It is granted, and denied all the same."""

    @property
    def allowed(self) -> bool:
        return self.granted and self.denied_by is None


def decide(
    state: AzureState,
    principal_id: str,
    action: str,
    scope: str,
    *,
    data: bool = False,
    attributes: Attributes | None = Attributes(),  # noqa: B008 - it is immutable
) -> Decision:
    """Whether an action (with `data`, an action on data) is allowed at a scope.

    The attributes of the storage account and the container follow from the scope. None: there is nothing that a condition
    could be asked about.
    """
    granting = [
        assignment
        for assignment in state.effective_assignments(principal_id)
        if at_or_below(scope, assignment.scope) and _grants(assignment, action, data=data)
    ]
    if not granting:
        return Decision(granted=False)
    full = attributes and Attributes(
        attributes.request, {**_of_storage(state, scope), **attributes.resource}, suboperation=attributes.suboperation
    )
    if full is not None and not any(_fulfilled(assignment, action, full) for assignment in granting):
        return Decision(granted=False, condition_failed=True)
    denials = state.denials.deny_assignments
    return Decision(
        granted=True,
        denied_by=next((one for one in denials if one.denies(principal_id, action, scope, data=data)), None),
    )


def _grants(assignment: RoleAssignment, action: str, *, data: bool) -> bool:
    role = BY_ID[assignment.role_id]
    return role.allows_data(action) if data else role.allows(action)


def _fulfilled(assignment: RoleAssignment, action: str, attributes: Attributes) -> bool:
    return assignment.condition is None or conditions.allowed(assignment.condition, action, attributes)


def _of_storage(state: AzureState, scope: str) -> dict[str, conditions.Value]:
    """The attributes of the storage account and the container that a scope names."""
    match = _STORAGE.match(scope)
    if match is None:
        return {}
    account = state.accounts.get(match["account"].casefold())
    attributes: dict[str, conditions.Value] = {conditions.ACCOUNT_NAME: match["account"]}
    if account is not None:
        attributes[conditions.ACCOUNT_HNS] = bool(account.hierarchical_namespace)
    if match["container"]:
        attributes[conditions.CONTAINER_NAME] = match["container"]
    return attributes
