"""User-assigned managed identities."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gitlab_azure_identity.azure.clients import Clients
from gitlab_azure_identity.azure.errors import AzureError
from gitlab_azure_identity.azure.transport import azure_errors, deleted, found
from gitlab_azure_identity.clock import Clock
from gitlab_azure_identity.domain.arm_ids import IdentityId, ResourceGroupId
from gitlab_azure_identity.domain.desired import WantedIdentity
from gitlab_azure_identity.domain.observed import Identity
from gitlab_azure_identity.domain.ownership import OWNER_TAGS, Owner

PLACES = ("ResourceGroupNotFound", "SubscriptionNotFound")  # the parent of the identity does not exist
REMEMBERED = 600.0  # seconds


@dataclass
class RecentWriters:
    """Remembers for ten minutes which resource wrote an identity. Azure's PUT creates or replaces, so two resources that
    both read "not found" would both think that they created it; the second is refused here. After ten minutes a read shows
    whose identity it is."""

    clock: Clock
    _writers: dict[str, tuple[tuple[str | None, ...], float]] = field(default_factory=dict)

    def admit(self, identity: IdentityId, owner: tuple[str | None, ...]) -> bool:
        """Remember that this owner writes the identity. False while another owner is remembered for it."""
        now = self.clock.steady()
        writer, since = self._writers.get(identity.key, (owner, now))
        if writer != owner and now - since < REMEMBERED:
            return False
        self._writers[identity.key] = owner, now
        return True

    def forget(self, identity: IdentityId) -> None:
        self._writers.pop(identity.key, None)


class Identities:
    """Reads and writes managed identities. Every method raises AzureError."""

    def __init__(self, clients: Clients, clock: Clock) -> None:
        self._clients = clients
        self._writers = RecentWriters(clock)

    async def get(self, identity: IdentityId) -> Identity | None:
        """The identity, or None when it does not exist. A resource group that does not exist is an error."""
        operations = self._clients.msi(identity.subscription).user_assigned_identities
        answer = await found(operations.get(identity.resource_group, identity.name), but_for=PLACES)
        return _identity(answer) if answer is not None else None

    async def list_in(self, group: ResourceGroupId) -> tuple[Identity, ...]:
        """All identities of a resource group, whoever created them. It is a second way to ask whether an identity exists."""
        operations = self._clients.msi(group.subscription).user_assigned_identities
        async with azure_errors():
            return tuple([_identity(answer) async for answer in operations.list_by_resource_group(group.name)])

    async def put(self, wanted: WantedIdentity, tags: Mapping[str, str], location: str) -> Identity:
        """Create the identity with these tags, or give an existing one these tags and no others."""
        if not self._writers.admit(wanted.id, tuple(tags.get(tag) for tag in OWNER_TAGS)):
            raise AzureError("Conflict", 409, "Another resource is creating an identity of this name.")
        operations = self._clients.msi(wanted.id.subscription).user_assigned_identities
        body: Any = {"location": location, "tags": dict(tags)}
        async with azure_errors():
            return _identity(await operations.create_or_update(wanted.id.resource_group, wanted.name, body))

    async def delete(self, identity: IdentityId, owner: Owner) -> None:
        """Delete an identity of this owner. One that does not exist counts as deleted.

        An identity that another owner wrote recently is left alone: a read that did not show it is no proof."""
        if not self._writers.admit(identity, tuple(owner.tags.values())):
            raise AzureError("Conflict", 409, "Another resource has just written an identity of this name.")
        operations = self._clients.msi(identity.subscription).user_assigned_identities
        await deleted(operations.delete(identity.resource_group, identity.name))
        self._writers.forget(identity)
        self._clients.throttle.forget(identity)


def _identity(answer: Any) -> Identity:
    return Identity(
        resource_id=answer.id,
        name=answer.name,
        location=answer.location,
        tags=dict(answer.tags or {}),
        client_id=answer.client_id,
        principal_id=answer.principal_id,
        tenant_id=answer.tenant_id,
    )
