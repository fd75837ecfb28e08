"""User-assigned managed identities."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gitlab_azure_identity.azure.arm import Arm
from gitlab_azure_identity.azure.errors import AzureError
from gitlab_azure_identity.azure.transport import azure_errors
from gitlab_azure_identity.domain.arm import ResourceGroupId, parse_identity_id
from gitlab_azure_identity.domain.desired import WantedIdentity
from gitlab_azure_identity.domain.observed import Identity
from gitlab_azure_identity.domain.ownership import OWNER_TAGS, Owner


@dataclass
class Claims:
    """Who wrote an identity lately. Only for so long can somebody else have looked before, and found none; after that a look
    tells, and a name whose identity went by other hands is free again."""

    seconds: float = 600.0
    clock: Callable[[], float] = time.monotonic
    _held: dict[str, tuple[tuple[str | None, ...], float]] = field(default_factory=dict)

    def hold(self, resource_id: str, owner: tuple[str | None, ...]) -> bool:
        """Claim an identity for an owner; False while it is another's."""
        holder, since = self._held.get(resource_id.lower(), (owner, 0.0))
        if holder != owner and self.clock() - since < self.seconds:
            return False
        self._held[resource_id.lower()] = owner, self.clock()
        return True

    def drop(self, resource_id: str) -> None:
        self._held.pop(resource_id.lower(), None)


class Identities:
    """Reads and writes managed identities. Every method raises AzureError."""

    def __init__(self, arm: Arm) -> None:
        self._arm = arm
        self._claims = Claims()

    async def get(self, resource_id: str) -> Identity | None:
        """The identity, or None when it is not there. A missing resource group is an error, not an absence."""
        identity = parse_identity_id(resource_id)
        operations = self._arm.msi(identity.subscription).user_assigned_identities
        try:
            async with azure_errors():
                return _identity(await operations.get(identity.resource_group, identity.name))
        except AzureError as error:
            if error.gone and error.code not in ("ResourceGroupNotFound", "SubscriptionNotFound"):
                return None
            raise

    async def in_group(self, group: ResourceGroupId) -> tuple[Identity, ...]:
        """All identities of a resource group, whoever made them: a second answer to whether one of them is there."""
        operations = self._arm.msi(group.subscription).user_assigned_identities
        async with azure_errors():
            return tuple([_identity(found) async for found in operations.list_by_resource_group(group.name)])

    async def put(self, wanted: WantedIdentity, tags: Mapping[str, str], location: str) -> Identity:
        """Create the identity with these tags, or give an existing one these tags and no others.

        Azure's PUT replaces what is there, so two resources that want one name at the same moment would both seem to create
        it: the one that comes second here is told to look again."""
        if not self._claims.hold(wanted.resource_id, tuple(tags.get(tag) for tag in OWNER_TAGS)):
            raise AzureError("Conflict", 409, "Another resource is making an identity of this name.")
        operations = self._arm.msi(wanted.subscription).user_assigned_identities
        body: Any = {"location": location, "tags": dict(tags)}
        async with azure_errors():
            return _identity(await operations.create_or_update(wanted.resource_group, wanted.name, body))

    async def delete(self, identity: Identity, owner: Owner) -> None:
        """Delete an identity of this owner. One that is not there, with or without its resource group, counts as deleted.

        What another owner wrote lately is left alone: a look that did not show it told nothing."""
        if not self._claims.hold(identity.resource_id, tuple(owner.tags.values())):
            raise AzureError("Conflict", 409, "Another resource has just written an identity of this name.")
        where = parse_identity_id(identity.resource_id)
        operations = self._arm.msi(where.subscription).user_assigned_identities
        try:
            async with azure_errors():
                await operations.delete(where.resource_group, where.name)
        except AzureError as error:
            if not error.gone:
                raise
        self._claims.drop(identity.resource_id)
        self._arm.throttle.forget(identity.resource_id)


def _identity(found: Any) -> Identity:
    return Identity(
        resource_id=found.id,
        name=found.name,
        location=found.location,
        tags=dict(found.tags or {}),
        client_id=found.client_id,
        principal_id=found.principal_id,
        tenant_id=found.tenant_id,
    )
