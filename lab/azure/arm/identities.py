"""User-assigned managed identities. Bodies and codes as recorded from real Azure."""

import re
from typing import Any

from lab.azure import fixed
from lab.azure.arm.errors import ArmError, bad_request, group_not_found, resource_not_found
from lab.azure.arm.exchange import Answer, Ask
from lab.azure.arm.paging import page
from lab.azure.world import Identity, ResourceGroup, World, new_guid

KIND = "Microsoft.ManagedIdentity/userAssignedIdentities"
NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_-]{2,127}")
RESERVED = re.compile(r"[<>%&\\?/\x00-\x1f\x7f]")
PAGE = 100


def as_json(identity: Identity) -> dict[str, Any]:
    properties = {
        "tenantId": fixed.TENANT,
        "principalId": identity.principal_id,
        "clientId": identity.client_id,
    }
    if identity.isolation_scope is not None:
        properties["isolationScope"] = identity.isolation_scope
    return {
        "location": identity.location,
        "tags": dict(identity.tags),
        "id": identity.id,
        "name": identity.name,
        "type": KIND,
        "properties": properties,
    }


class Identities:
    def __init__(self, world: World) -> None:
        self._world = world

    def put(self, ask: Ask) -> Answer:
        group, name, body = self._group(ask), ask.part("name"), ask.body()
        location = body.get("location")
        if not isinstance(location, str) or not location:
            raise ArmError(
                400,
                "LocationRequired",
                "The location property is required for this definition.",
                gateway=True,
            )
        if not NAME.fullmatch(name):
            raise bad_request(
                f"The request format was unexpected: the resource name '{name}' is invalid. It takes 3 to 128 letters, "
                "digits, hyphens and underscores, and begins with a letter or digit."
            )
        isolation = (body.get("properties") or {}).get("isolationScope")
        identity = self._world.identity(group.name, name)
        if identity is None:
            identity = Identity(
                group=group.name,
                name=name,
                location=normal_location(location),
                tags=tags(body),
                principal_id=new_guid(),
                client_id=new_guid(),
                isolation_scope=isolation,
            )
            self._world.add_identity(identity, self._world.clock.steady())
            return Answer(201, as_json(identity), {"Location": identity.id})
        if normal_location(location) != identity.location:
            raise ArmError(
                409,
                "InvalidResourceLocation",
                f"The resource '{identity.name}' already exists in location '{identity.location}' in resource group "
                f"'{identity.group}'. A resource with the same name cannot be created in location '{location}'. Please "
                "select a new resource name.",
                gateway=True,
            )
        identity.tags = tags(body)
        identity.isolation_scope = isolation
        return Answer(200, as_json(identity))

    def patch(self, ask: Ask) -> Answer:
        identity, body = self._existing(ask), ask.body()
        if "tags" in body:
            identity.tags = tags(body)
        return Answer(200, as_json(identity))

    def get(self, ask: Ask) -> Answer:
        return Answer(200, as_json(self._existing(ask)))

    def delete(self, ask: Ask) -> Answer:
        group = self._group(ask)
        identity = self._world.identity(group.name, ask.part("name"))
        if identity is None:
            return Answer(204)
        self._world.remove_identity(identity)
        return Answer(200)

    def list_group(self, ask: Ask) -> Answer:
        group = self._group(ask).name.casefold()
        return self._page(ask, [i for (g, _), i in self._world.identities.items() if g == group])

    def list_subscription(self, ask: Ask) -> Answer:
        return self._page(ask, list(self._world.identities.values()))

    def _page(self, ask: Ask, identities: list[Identity]) -> Answer:
        identities.sort(key=lambda identity: identity.id.casefold())
        return page(ask, [as_json(identity) for identity in identities], PAGE)

    def _group(self, ask: Ask) -> ResourceGroup:
        group = self._world.groups.get(ask.part("group").casefold())
        if group is None:
            raise group_not_found(ask.part("group"))
        return group

    def _existing(self, ask: Ask) -> Identity:
        group = self._group(ask)
        identity = self._world.identity(group.name, ask.part("name"))
        if identity is None:
            raise resource_not_found(KIND, ask.part("name"), ask.part("group"))
        return identity


def normal_location(location: str) -> str:
    """A location's short name: Azure takes `West Europe` for `westeurope`."""
    return location.replace(" ", "").casefold()


def tags(body: dict[str, Any]) -> dict[str, str]:
    """The tags of a request.

    Raises:
        ArmError: they are no map of strings, or a name holds a character that Azure keeps for itself (Microsoft Learn, "Use
            tags to organize your Azure resources").
    """
    sent = body.get("tags") or {}
    if not isinstance(sent, dict) or not all(isinstance(value, str) for value in sent.values()):
        raise ArmError(
            400,
            "InvalidRequestContent",
            "The request content was invalid and could not be deserialized: 'tags is a map of strings'.",
            gateway=True,
        )
    if refused := [name for name in sent if RESERVED.search(name)]:
        raise ArmError(
            400,
            "InvalidTagNameCharacters",
            f"The tag names '{','.join(refused)}' have reserved characters '<,>,%,&,\\,?,/' or control characters.",
            gateway=True,
        )
    return dict(sent)
