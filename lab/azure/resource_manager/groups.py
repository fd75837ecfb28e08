"""Subscriptions, resource groups and resource providers."""

import re
from typing import Any

from lab.azure import seeded
from lab.azure.resource_manager.errors import ArmError, group_not_found
from lab.azure.resource_manager.identities import normal_location, tags
from lab.azure.resource_manager.jobs import Jobs
from lab.azure.resource_manager.obstacles import being_deleted
from lab.azure.resource_manager.operation import ArmRequest, ArmResponse
from lab.azure.resource_manager.storage import StorageAccounts
from lab.azure.state import AzureState, ResourceGroup
from lab.azure.subscriptions import Subscription

NAME = re.compile(r"[-\w._()]{0,89}[-\w_()]")
PROVIDERS = ("Microsoft.Authorization", "Microsoft.ManagedIdentity", "Microsoft.Resources", "Microsoft.Storage")


def group_json(group: ResourceGroup) -> dict[str, Any]:
    body: dict[str, Any] = {
        "id": group.id,
        "name": group.name,
        "type": "Microsoft.Resources/resourceGroups",
        "location": group.location,
    }
    if group.tags is not None:
        body["tags"] = dict(group.tags)
    return {**body, "properties": {"provisioningState": "Deleting" if group.deleting else "Succeeded"}}


class Groups:
    def __init__(self, state: AzureState, accounts: StorageAccounts, jobs: Jobs) -> None:
        self._state = state
        self._accounts = accounts
        self._jobs = jobs

    def list(self, request: ArmRequest) -> ArmResponse:
        return ArmResponse(200, {"value": [group_json(group) for group in self._state.groups.values()]})

    def get(self, request: ArmRequest) -> ArmResponse:
        return ArmResponse(200, group_json(self._existing(request)))

    def head(self, request: ArmRequest) -> ArmResponse:
        self._existing(request)
        return ArmResponse(204)

    def put(self, request: ArmRequest) -> ArmResponse:
        name, body = request.param("group"), request.body()
        if not NAME.fullmatch(name):
            raise ArmError(
                400,
                "InvalidResourceGroupName",
                f"The provided resource group name '{name}' has these invalid characters or ends with a period.",
                gateway=True,
            )
        location = body.get("location")
        if not isinstance(location, str) or not location:
            raise ArmError(
                400, "LocationRequired", "The location property is required for this definition.", gateway=True
            )
        group = self._state.groups.get(name.casefold())
        sent_tags = tags(body) if body.get("tags") is not None else None
        if group is None:
            group = ResourceGroup(name, normal_location(location), sent_tags)
            self._state.groups[name.casefold()] = group
            return ArmResponse(201, group_json(group))
        if group.deleting:
            raise being_deleted(group.name)
        if normal_location(location) != group.location:
            raise ArmError(
                409,
                "InvalidResourceGroupLocation",
                f"Invalid resource group location '{location}'. The Resource group already exists in location "
                f"'{group.location}'.",
                gateway=True,
            )
        group.tags = sent_tags
        return ArmResponse(200, group_json(group))

    def delete(self, request: ArmRequest) -> ArmResponse:
        group = self._existing(request)
        group.deleting = True
        return self._jobs.start(request, f"/subscriptions/{seeded.SUBSCRIPTION}/operationresults", self._clear(group))

    async def _clear(self, group: ResourceGroup) -> ArmResponse:
        """Delete the resources in the group, and the role assignments at the group and below. Others stay, orphaned."""
        for account in list(self._state.accounts.values()):
            if account.group.casefold() == group.name.casefold():
                await self._accounts.remove(account)
        for identity in list(self._state.identities.values()):
            if identity.group.casefold() == group.name.casefold():
                self._state.remove_identity(identity)
        self._state.remove_assignments_under(group.id)
        del self._state.groups[group.name.casefold()]
        return ArmResponse(200)

    def _existing(self, request: ArmRequest) -> ResourceGroup:
        group = self._state.groups.get(request.param("group").casefold())
        if group is None:
            raise group_not_found(request.param("group"))
        return group


class Subscriptions:
    def __init__(self, state: AzureState) -> None:
        self._state = state

    def list(self, request: ArmRequest) -> ArmResponse:
        """The subscriptions in which the caller has any role."""
        seen = self._state.effective_assignments(request.caller.principal_id)
        return ArmResponse(
            200,
            {
                "value": [_subscription(self._state.subscription)] if seen else [],
                "count": {"type": "Total", "value": 1 if seen else 0},
            },
        )

    def get(self, request: ArmRequest) -> ArmResponse:
        return ArmResponse(200, _subscription(self._state.subscription))


class Providers:
    """Resource providers. All of them are registered from the start."""

    def __init__(self, state: AzureState) -> None:
        self._state = state

    def register(self, request: ArmRequest) -> ArmResponse:
        """Begin the registration, which takes its time (setting `provider_registration`)."""
        now, delay = self._state.clock.steady(), self._state.settings.provider_registration
        self._state.subscription.register(request.param("namespace"), now, delay)
        return self.get(request)

    def get(self, request: ArmRequest) -> ArmResponse:
        for name in PROVIDERS:
            if name.casefold() == request.param("namespace").casefold():
                return ArmResponse(200, self._provider(name))
        raise ArmError(
            404,
            "InvalidResourceNamespace",
            f"The resource namespace '{request.param('namespace')}' is invalid.",
            gateway=True,
        )

    def list(self, request: ArmRequest) -> ArmResponse:
        return ArmResponse(200, {"value": [self._provider(name) for name in PROVIDERS]})

    def _provider(self, name: str) -> dict[str, Any]:
        return {
            "id": f"/subscriptions/{seeded.SUBSCRIPTION}/providers/{name}",
            "namespace": name,
            "resourceTypes": [],
            "registrationState": self._state.subscription.registration(name, self._state.clock.steady()),
            "registrationPolicy": "RegistrationRequired",
        }


def _subscription(subscription: Subscription) -> dict[str, Any]:
    return {
        "id": f"/subscriptions/{seeded.SUBSCRIPTION}",
        "authorizationSource": "RoleBased",
        "managedByTenants": [],
        "subscriptionId": seeded.SUBSCRIPTION,
        "tenantId": subscription.tenant,
        "displayName": "Lab",
        "state": subscription.state,
        "subscriptionPolicies": {
            "locationPlacementId": "Internal_2014-09-01",
            "quotaId": "Internal_2014-09-01",
            "spendingLimit": "Off",
        },
    }
