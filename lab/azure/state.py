"""What exists in the lab's Azure: plain data, and functions that look it up. permissions.py decides who may do what.

Azure compares names and ids without regard to case. So the keys here are casefolded; the values keep the spelling of the
request that created them.
"""

import math
import uuid
from dataclasses import dataclass, field, replace

from lab.azure import seeded
from lab.azure.accounts import StorageAccount
from lab.azure.denials import Denials
from lab.azure.formats import at_or_below
from lab.azure.hosts import storage_account
from lab.azure.settings import Clock, Settings
from lab.azure.subscriptions import Subscription

LONG_AGO = -math.inf


@dataclass
class EffectivePeriod:
    """When something is effective, on the steady clock: from a delay after its creation until a delay after its deletion.

    Each delay is the one that is set at that time. A later change of the setting does not move the period.
    """

    starts: float = LONG_AGO
    ends: float = math.inf

    @classmethod
    def after(cls, now: float, delay: float) -> "EffectivePeriod":
        return cls(now + delay)

    def end(self, now: float, delay: float) -> None:
        """End the period. One that has not begun yet never begins."""
        self.ends = now + delay if self.starts <= now else self.starts

    def effective(self, now: float) -> bool:
        return self.starts <= now < self.ends

    def pending(self, now: float) -> bool:
        return now < self.starts < self.ends


@dataclass
class Principal:
    """A service principal of the directory."""

    id: str
    client_id: str
    name: str
    since: float = LONG_AGO
    tenant: str = seeded.TENANT


@dataclass
class Credential:
    """One state of a federated identity credential. A change creates a new state; the former stays effective for a while."""

    name: str
    issuer: str
    subject: str
    audiences: tuple[str, ...]
    period: EffectivePeriod
    since: float = LONG_AGO
    """When it was first written, on the steady clock."""


@dataclass
class Identity:
    """A user-assigned managed identity."""

    group: str
    name: str
    location: str
    tags: dict[str, str]
    principal_id: str
    client_id: str
    tenant: str = seeded.TENANT
    isolation_scope: str | None = None
    since: float = LONG_AGO
    """When it was created, on the steady clock."""
    credentials: dict[str, Credential] = field(default_factory=dict)
    former_credentials: list[Credential] = field(default_factory=list)
    writing: bool = False
    """A write to one of its federated identity credentials is in progress."""

    @property
    def id(self) -> str:
        """The id has `resourcegroups` in lower case, whatever the request said (recorded traffic of real Azure)."""
        return (
            f"/subscriptions/{seeded.SUBSCRIPTION}/resourcegroups/{self.group}"
            f"/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{self.name}"
        )


@dataclass
class ResourceGroup:
    name: str
    location: str
    tags: dict[str, str] | None = None
    deleting: bool = False

    @property
    def id(self) -> str:
        return f"/subscriptions/{seeded.SUBSCRIPTION}/resourceGroups/{self.name}"


@dataclass
class RoleAssignment:
    name: str
    scope: str
    """The scope in the spelling of the request that created it."""
    role_definition_id: str
    principal_id: str
    principal_type: str
    period: EffectivePeriod
    created_on: float
    updated_on: float
    created_by: str
    updated_by: str
    description: str | None = None
    condition: str | None = None
    condition_version: str | None = None
    delegated_identity: str | None = None
    since: float = LONG_AGO
    """When it was created, on the steady clock."""

    @property
    def role_id(self) -> str:
        return self.role_definition_id.rpartition("/")[2].casefold()


class AzureState:
    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.clock = Clock(settings)
        self.tenants = {seeded.TENANT}
        self.subscriptions = {seeded.SUBSCRIPTION: Subscription(seeded.SUBSCRIPTION)}
        self.groups: dict[str, ResourceGroup] = {}
        self.identities: dict[tuple[str, str], Identity] = {}
        self.accounts: dict[str, StorageAccount] = {}
        self._former_accounts: dict[str, StorageAccount] = {}
        """Accounts that control calls changed, as they were before the first change."""
        self.assignments: dict[str, RoleAssignment] = {}
        self.denials = Denials()
        self.former_assignments: list[RoleAssignment] = []
        self.principals: dict[str, Principal] = {}
        self.clients: dict[str, Identity] = {}
        self.names: dict[str, str] = {}
        """The names that the call log shows, by principal id."""

    @property
    def subscription(self) -> Subscription:
        """The one in which everything lies."""
        return self.subscriptions[seeded.SUBSCRIPTION]

    def restore(self) -> None:
        """Take back what control calls put into the world."""
        self.tenants = {seeded.TENANT}
        self.subscriptions = {seeded.SUBSCRIPTION: Subscription(seeded.SUBSCRIPTION)}
        for group in self.groups.values():
            group.deleting = False
        for identity in self.identities.values():
            self.move_identity(identity, seeded.TENANT)
        for name, former in self._former_accounts.items():
            if name in self.accounts:
                self.accounts[name] = former
        self._former_accounts.clear()
        self.denials = Denials()

    # Storage accounts

    def account_to_change(self, name: str) -> StorageAccount:
        """An account that a control call changes. `restore` puts it back as it was.

        Raises:
            ValueError: there is no such account.
        """
        account = self.accounts.get(name)
        if account is None:
            raise ValueError(f"There is no storage account {name!r}.")
        self._former_accounts.setdefault(name, replace(account))
        return account

    def account_at(self, host: str) -> StorageAccount | None:
        """The account whose blob service answers at a host name."""
        named = storage_account(host)
        account = self.accounts.get(named[0]) if named else None
        return account if account is not None and account.answers_at(host) else None

    # Identities

    def identity(self, group: str, name: str) -> Identity | None:
        return self.identities.get((group.casefold(), name.casefold()))

    def is_shown(self, thing: Identity | Credential | RoleAssignment, lag: float) -> bool:
        """Whether reads, which lag behind writes by that many seconds, show something. Writes find it in any case.

        Source: terraform-provider-azurerm#32935 (after a successful PUT a GET may still answer 404), microsoft-graph-docs#19510
        (lists).
        """
        return thing.since + lag <= self.clock.steady()

    def add_identity(self, identity: Identity, since: float) -> None:
        self.identities[identity.group.casefold(), identity.name.casefold()] = identity
        self.clients[identity.client_id] = identity
        self.principals[identity.principal_id] = Principal(
            identity.principal_id, identity.client_id, identity.name, since, identity.tenant
        )

    def move_identity(self, identity: Identity, tenant: str) -> None:
        """Make an identity one of another tenant."""
        self.tenants.add(tenant)
        identity.tenant = tenant
        self.principals[identity.principal_id].tenant = tenant

    def remove_identity(self, identity: Identity) -> None:
        """Delete an identity with its credentials. Its role assignments stay, orphaned, as in Azure."""
        del self.identities[identity.group.casefold(), identity.name.casefold()]
        del self.clients[identity.client_id]
        del self.principals[identity.principal_id]

    def set_credential(self, identity: Identity, credential: Credential) -> None:
        self.remove_credential(identity, credential.name)
        identity.credentials[credential.name.casefold()] = credential

    def remove_credential(self, identity: Identity, name: str) -> None:
        old = identity.credentials.pop(name.casefold(), None)
        if old is not None:
            old.period.end(self.clock.steady(), self.settings.credential_propagation)
            identity.former_credentials.append(old)

    def credential_period(self) -> EffectivePeriod:
        return EffectivePeriod.after(self.clock.steady(), self.settings.credential_propagation)

    def effective_credentials(self, identity: Identity) -> list[Credential]:
        """The credentials that Entra uses now."""
        now = self.clock.steady()
        identity.former_credentials = [
            credential for credential in identity.former_credentials if now < credential.period.ends
        ]
        every = (*identity.credentials.values(), *identity.former_credentials)
        return [credential for credential in every if credential.period.effective(now)]

    def pending_credentials(self, identity: Identity) -> list[Credential]:
        """The credentials that Resource Manager has accepted and Entra does not use yet."""
        now = self.clock.steady()
        return [credential for credential in identity.credentials.values() if credential.period.pending(now)]

    # Role assignments

    def assignment_period(self) -> EffectivePeriod:
        return EffectivePeriod.after(self.clock.steady(), self.settings.role_propagation)

    def remove_assignment(self, assignment: RoleAssignment) -> None:
        del self.assignments[assignment.name]
        assignment.period.end(self.clock.steady(), self.settings.role_propagation)
        self.former_assignments.append(assignment)

    def remove_assignments_under(self, scope: str) -> None:
        for assignment in list(self.assignments.values()):
            if at_or_below(assignment.scope, scope):
                self.remove_assignment(assignment)

    def effective_assignments(self, principal_id: str) -> list[RoleAssignment]:
        now = self.clock.steady()
        self.former_assignments = [assignment for assignment in self.former_assignments if now < assignment.period.ends]
        every = (*self.assignments.values(), *self.former_assignments)
        return [a for a in every if a.principal_id == principal_id and a.period.effective(now)]

    # Principals

    def principal_name(self, principal_id: str) -> str:
        """The name of a principal in the call log: the registered one, or its identity's, or its id."""
        if principal_id in self.names:
            return self.names[principal_id]
        principal = self.principals.get(principal_id)
        return principal.name if principal else principal_id

    def named_principal(self, name: str) -> Principal | None:
        """A principal by the name registered for it, or by its id."""
        for principal_id, registered in self.names.items():
            if registered == name:
                return self.principals.get(principal_id)
        return self.principals.get(name.casefold())


def new_guid() -> str:
    return str(uuid.uuid4())
