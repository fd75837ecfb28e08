"""What keeps a caller from doing what their roles permit: deny assignments, locks, policies. Plain data.

Each lies at a scope, and counts for everything below it.
"""

from dataclasses import dataclass, field

from lab.azure.formats import at_or_below
from lab.azure.roles import matches

CAN_NOT_DELETE, READ_ONLY = "CanNotDelete", "ReadOnly"


@dataclass(frozen=True)
class DenyAssignment:
    """Source: Microsoft Learn, "Understand Azure deny assignments": it blocks actions even where a role grants them."""

    name: str
    id: str
    """A GUID."""
    scope: str
    actions: tuple[str, ...] = ()
    not_actions: tuple[str, ...] = ()
    data_actions: tuple[str, ...] = ()
    not_data_actions: tuple[str, ...] = ()
    principals: tuple[str, ...] = ()
    """Whom it concerns. Empty: everybody."""
    excluded_principals: tuple[str, ...] = ()

    def denies(self, principal_id: str, action: str, scope: str, *, data: bool) -> bool:
        if self.principals and principal_id not in self.principals:
            return False
        if principal_id in self.excluded_principals or not at_or_below(scope, self.scope):
            return False
        denied, spared = (self.data_actions, self.not_data_actions) if data else (self.actions, self.not_actions)
        return matches(denied, action) and not matches(spared, action)


@dataclass(frozen=True)
class Lock:
    """Source: Microsoft Learn, "Lock your resources to protect your infrastructure"."""

    name: str
    scope: str
    level: str
    """CanNotDelete or ReadOnly."""
    notes: str | None = None

    def __post_init__(self) -> None:
        if self.level not in (CAN_NOT_DELETE, READ_ONLY):
            raise ValueError(f"A lock's level is {CAN_NOT_DELETE} or {READ_ONLY}, not {self.level!r}.")

    @property
    def id(self) -> str:
        return f"{self.scope}/providers/Microsoft.Authorization/locks/{self.name}"

    def forbids(self, verb: str, resource: str) -> bool:
        """Whether it forbids to write, delete or act on a resource.

        A lock counts for what lies below its scope, extension resources such as role assignments included. What contains
        a locked resource cannot be deleted either.
        """
        if verb == "delete" and at_or_below(self.scope, resource):
            return True
        return at_or_below(resource, self.scope) and (verb == "delete" or self.level == READ_ONLY)


@dataclass(frozen=True)
class Policy:
    """An assignment of a policy with the effect deny, for one resource type."""

    name: str
    scope: str
    resource_type: str

    def forbids(self, resource_type: str, resource: str) -> bool:
        return resource_type.casefold() == self.resource_type.casefold() and at_or_below(resource, self.scope)


@dataclass
class Denials:
    """By id without regard to case. Role assignments, which permit, are in state.py."""

    deny_assignments: list[DenyAssignment] = field(default_factory=list)
    locks: dict[str, Lock] = field(default_factory=dict)
    policies: list[Policy] = field(default_factory=list)

    def put_lock(self, lock: Lock) -> bool:
        """Returns whether the lock is new."""
        new = lock.id.casefold() not in self.locks
        self.locks[lock.id.casefold()] = lock
        return new

    def lock(self, scope: str, name: str) -> Lock | None:
        return self.locks.get(f"{scope}/providers/Microsoft.Authorization/locks/{name}".casefold())

    def remove_lock(self, lock: Lock) -> None:
        del self.locks[lock.id.casefold()]
