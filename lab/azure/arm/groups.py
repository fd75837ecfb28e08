"""Subscriptions, resource groups and resource providers."""

import re
from typing import Any

from lab.azure import fixed
from lab.azure.arm.errors import ArmError, group_not_found
from lab.azure.arm.exchange import Answer, Ask
from lab.azure.arm.identities import normal_location, tags
from lab.azure.arm.jobs import Jobs
from lab.azure.arm.storage import StorageAccounts
from lab.azure.world import ResourceGroup, World

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
    def __init__(self, world: World, accounts: StorageAccounts, jobs: Jobs) -> None:
        self._world = world
        self._accounts = accounts
        self._jobs = jobs

    def list(self, ask: Ask) -> Answer:
        return Answer(200, {"value": [group_json(group) for group in self._world.groups.values()]})

    def get(self, ask: Ask) -> Answer:
        return Answer(200, group_json(self._existing(ask)))

    def head(self, ask: Ask) -> Answer:
        self._existing(ask)
        return Answer(204)

    def put(self, ask: Ask) -> Answer:
        name, body = ask.part("group"), ask.body()
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
        group = self._world.groups.get(name.casefold())
        sent_tags = tags(body) if body.get("tags") is not None else None
        if group is None:
            group = ResourceGroup(name, normal_location(location), sent_tags)
            self._world.groups[name.casefold()] = group
            return Answer(201, group_json(group))
        if group.deleting:
            raise ArmError(
                409,
                "ResourceGroupBeingDeleted",
                f"The resource group '{group.name}' is in deprovisioning state and cannot perform this operation.",
                gateway=True,
            )
        if normal_location(location) != group.location:
            raise ArmError(
                409,
                "InvalidResourceGroupLocation",
                f"Invalid resource group location '{location}'. The Resource group already exists in location "
                f"'{group.location}'.",
                gateway=True,
            )
        group.tags = sent_tags
        return Answer(200, group_json(group))

    def delete(self, ask: Ask) -> Answer:
        group = self._existing(ask)
        group.deleting = True
        return self._jobs.start(ask, f"/subscriptions/{fixed.SUBSCRIPTION}/operationresults", self._clear(group))

    async def _clear(self, group: ResourceGroup) -> Answer:
        """Delete what is in the group, and the role assignments at it and below; those elsewhere stay, orphaned."""
        for account in list(self._world.accounts.values()):
            if account.group.casefold() == group.name.casefold():
                await self._accounts.remove(account)
        for identity in list(self._world.identities.values()):
            if identity.group.casefold() == group.name.casefold():
                self._world.remove_identity(identity)
        self._world.remove_assignments_under(group.id)
        del self._world.groups[group.name.casefold()]
        return Answer(200)

    def _existing(self, ask: Ask) -> ResourceGroup:
        group = self._world.groups.get(ask.part("group").casefold())
        if group is None:
            raise group_not_found(ask.part("group"))
        return group


class Subscriptions:
    def __init__(self, world: World) -> None:
        self._world = world

    def list(self, ask: Ask) -> Answer:
        """The subscriptions in which the caller has any role at all."""
        seen = self._world.effective_assignments(ask.caller.principal_id)
        return Answer(
            200, {"value": [_subscription()] if seen else [], "count": {"type": "Total", "value": 1 if seen else 0}}
        )

    def get(self, ask: Ask) -> Answer:
        return Answer(200, _subscription())


class Providers:
    """Resource providers: all that are known are registered."""

    def get(self, ask: Ask) -> Answer:
        for name in PROVIDERS:
            if name.casefold() == ask.part("namespace").casefold():
                return Answer(200, _provider(name))
        raise ArmError(
            404,
            "InvalidResourceNamespace",
            f"The resource namespace '{ask.part('namespace')}' is invalid.",
            gateway=True,
        )

    def list(self, ask: Ask) -> Answer:
        return Answer(200, {"value": [_provider(name) for name in PROVIDERS]})


def _provider(name: str) -> dict[str, Any]:
    return {
        "id": f"/subscriptions/{fixed.SUBSCRIPTION}/providers/{name}",
        "namespace": name,
        "resourceTypes": [],
        "registrationState": "Registered",
        "registrationPolicy": "RegistrationRequired",
    }


def _subscription() -> dict[str, Any]:
    return {
        "id": f"/subscriptions/{fixed.SUBSCRIPTION}",
        "authorizationSource": "RoleBased",
        "managedByTenants": [],
        "subscriptionId": fixed.SUBSCRIPTION,
        "tenantId": fixed.TENANT,
        "displayName": "Lab",
        "state": "Enabled",
        "subscriptionPolicies": {
            "locationPlacementId": "Internal_2014-09-01",
            "quotaId": "Internal_2014-09-01",
            "spendingLimit": "Off",
        },
    }
