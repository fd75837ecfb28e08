"""Whether a scope exists."""

import re

from lab.azure import seeded
from lab.azure.resource_manager.errors import ArmError, group_not_found, resource_not_found, subscription_not_found
from lab.azure.state import AzureState

_SCOPE = re.compile(
    r"/subscriptions/(?P<subscription>[^/]+)(/resourcegroups/(?P<group>[^/]+)"
    r"(/providers/(?P<provider>[^/]+)/(?P<kind>[^/]+)/(?P<name>[^/]+)(?P<rest>/.+)?)?)?",
    re.IGNORECASE,
)


def require_existing(state: AzureState, scope: str) -> None:
    """Require that a scope exists. Resource Manager checks top-level resources only, and no containers.

    Raises:
        ArmError: the subscription, resource group or resource does not exist, or the scope is none of them.
    """
    match = _SCOPE.fullmatch(scope)
    if match is None:
        raise ArmError(400, "InvalidScope", f"The scope '{scope}' is invalid.", gateway=True)
    if match["subscription"].casefold() != seeded.SUBSCRIPTION:
        raise subscription_not_found(match["subscription"])
    if match["kind"] is not None:
        if not _exists(state, match["group"], match["provider"], match["kind"], match["name"]):
            raise resource_not_found(f"{match['provider']}/{match['kind']}", match["name"], match["group"])
    elif match["group"] is not None and match["group"].casefold() not in state.groups:
        raise group_not_found(match["group"])


def _exists(state: AzureState, group: str, provider: str, kind: str, name: str) -> bool:
    match f"{provider}/{kind}".casefold():
        case "microsoft.storage/storageaccounts":
            account = state.accounts.get(name.casefold())
            return account is not None and account.group.casefold() == group.casefold()
        case "microsoft.managedidentity/userassignedidentities":
            return state.identity(group, name) is not None
        case _:
            return False
