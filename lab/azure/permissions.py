"""Whether a principal has a permission, by the role assignments that are effective now."""

from lab.azure.roles import BY_ID
from lab.azure.state import AzureState, at_or_below


def has_permission(state: AzureState, principal_id: str, action: str, scope: str) -> bool:
    """Whether a management action (`actions` of a role) is granted at a scope or above it."""
    return any(
        at_or_below(scope, assignment.scope) and BY_ID[assignment.role_id].allows(action)
        for assignment in state.effective_assignments(principal_id)
    )


def has_data_permission(state: AzureState, principal_id: str, action: str, scope: str) -> bool:
    """Whether an action on data (`dataActions` of a role) is granted at a scope or above it."""
    return any(
        at_or_below(scope, assignment.scope) and BY_ID[assignment.role_id].allows_data(action)
        for assignment in state.effective_assignments(principal_id)
    )
