"""User-assigned managed identities. Bodies and codes are as recorded from real Azure."""

import re
from typing import Any

from lab.azure.resource_manager.errors import ArmError, bad_request, group_not_found, resource_not_found
from lab.azure.resource_manager.operation import ArmRequest, ArmResponse
from lab.azure.resource_manager.paging import page
from lab.azure.state import AzureState, Identity, ResourceGroup, new_guid

KIND = "Microsoft.ManagedIdentity/userAssignedIdentities"
NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_-]{2,127}")
RESERVED = re.compile(r"[<>%&\\?/\x00-\x1f\x7f]")
PAGE = 100


def as_json(identity: Identity) -> dict[str, Any]:
    properties = {
        "tenantId": identity.tenant,
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
    def __init__(self, state: AzureState) -> None:
        self._state = state

    def put(self, request: ArmRequest) -> ArmResponse:
        group, name, body = self._group(request), request.param("name"), request.body()
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
        identity = self._state.identity(group.name, name)
        if identity is None:
            now = self._state.clock.steady()
            identity = Identity(
                group=group.name,
                name=name,
                location=normal_location(location),
                tags=tags(body),
                principal_id=new_guid(),
                client_id=new_guid(),
                isolation_scope=isolation,
                since=now,
            )
            self._state.add_identity(identity, now)
            return ArmResponse(201, as_json(identity), {"Location": identity.id})
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
        return ArmResponse(200, as_json(identity))

    def patch(self, request: ArmRequest) -> ArmResponse:
        identity, body = self._existing(request), request.body()
        if "tags" in body:
            identity.tags = tags(body)
        return ArmResponse(200, as_json(identity))

    def get(self, request: ArmRequest) -> ArmResponse:
        identity = self._existing(request)
        if not self._is_shown(identity):
            raise resource_not_found(KIND, request.param("name"), request.param("group"))
        return ArmResponse(200, as_json(identity))

    def delete(self, request: ArmRequest) -> ArmResponse:
        group = self._group(request)
        identity = self._state.identity(group.name, request.param("name"))
        if identity is None:
            return ArmResponse(204)
        self._state.remove_identity(identity)
        return ArmResponse(200)

    def list_group(self, request: ArmRequest) -> ArmResponse:
        group = self._group(request).name.casefold()
        return self._page(request, [i for (g, _), i in self._state.identities.items() if g == group])

    def list_subscription(self, request: ArmRequest) -> ArmResponse:
        return self._page(request, list(self._state.identities.values()))

    def _page(self, request: ArmRequest, identities: list[Identity]) -> ArmResponse:
        shown = [identity for identity in identities if self._is_shown(identity)]
        shown.sort(key=lambda identity: identity.id.casefold())
        return page(request, [as_json(identity) for identity in shown], PAGE)

    def _is_shown(self, identity: Identity) -> bool:
        return self._state.is_shown(identity, self._state.settings.identity_read_lag)

    def _group(self, request: ArmRequest) -> ResourceGroup:
        group = self._state.groups.get(request.param("group").casefold())
        if group is None:
            raise group_not_found(request.param("group"))
        return group

    def _existing(self, request: ArmRequest) -> Identity:
        group = self._group(request)
        identity = self._state.identity(group.name, request.param("name"))
        if identity is None:
            raise resource_not_found(KIND, request.param("name"), request.param("group"))
        return identity


def normal_location(location: str) -> str:
    """A location's short name: Azure treats `West Europe` as `westeurope`."""
    return location.replace(" ", "").casefold()


def tags(body: dict[str, Any]) -> dict[str, str]:
    """The tags of a request, one for each name without regard to case.

    Source: Microsoft Learn, "Use tags to organize your Azure resources and management hierarchy": "Tag names are
    case-insensitive for operations. A tag with a tag name, regardless of the casing, is updated or retrieved." The page
    does not say which of two spellings in one request stays: here it is the last.

    Raises:
        ArmError: they are no map of strings, or a name holds a character that the same page reserves.
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
    return dict({name.casefold(): (name, value) for name, value in sent.items()}.values())
