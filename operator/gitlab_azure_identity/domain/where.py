"""Where to look for the objects of a resource: by what is desired now, and by the record in the status."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from gitlab_azure_identity.api.conditions import Link
from gitlab_azure_identity.api.resource import NO_ACCOUNT, Resource
from gitlab_azure_identity.api.status import RoleAssignmentStatus, Status
from gitlab_azure_identity.domain.access_keys import access_keys
from gitlab_azure_identity.domain.arm_ids import IdentityId, ResourceGroupId, StorageScope
from gitlab_azure_identity.domain.desired import Desired
from gitlab_azure_identity.domain.goal import Goal, Mode
from gitlab_azure_identity.domain.observed import ClusterObject, Identity
from gitlab_azure_identity.domain.ownership import Owner
from gitlab_azure_identity.domain.policy import PolicyRule, identity_groups

# Seconds that an answer about a storage account will do: while access is proven, and while it is not.
ACCOUNT_AGE = 3600.0
UNPROVEN_ACCOUNT_AGE = 30.0


@dataclass(frozen=True)
class WhereToLook:
    """The places where the identity, the role assignments and the objects of one resource may be."""

    desired: Desired
    status: Status
    # where our identity may be when the status does not say it; the place where it is wanted comes first
    groups: tuple[ResourceGroupId, ...]
    granting: bool  # access is to be granted, so the storage account must exist
    creating: bool  # an identity that does not exist is created, so its absence must be certain
    group_deleted: bool = False  # the identity's resource group is known not to exist
    leaves_identity: bool = False  # a deletion leaves it, and asks nothing about it
    gone: frozenset[str] = frozenset()  # storage accounts that are taken for deleted, by the keys of their ARM ids

    @property
    def owner(self) -> Owner:
        return self.desired.owner

    @property
    def account_age(self) -> float:
        """The age, in seconds, of an answer about the storage account that will do. While access is not proven a person may be
        correcting the account."""
        access = self.status.condition(Link.ACCESS)
        return ACCOUNT_AGE if access is not None and access.status == "True" else UNPROVEN_ACCOUNT_AGE

    @property
    def pinned(self) -> IdentityId | None:
        """The place of the identity by the status. An identity that was only about to be created may be elsewhere by now, but a
        deletion looks at that place too."""
        known = self.status.identity
        if known is None or known.resource_id is None or (self.granting and not known.principal_id):
            return None
        return IdentityId.parse(known.resource_id)

    def principals(self, identity: Identity | None) -> list[str]:
        """The principals whose role assignments may be ours: the identity's, and all that it had before, by the record."""
        known = self.status.identity
        recorded = (entry.principal_id for entry in self.status.role_assignments)
        candidates = (identity.principal_id if identity else None, known.principal_id if known else None, *recorded)
        return list(dict.fromkeys(principal for principal in candidates if principal))

    def accounts(self) -> list[StorageScope]:
        """The storage accounts that may have assignments of ours. The wanted one counts when access is to be granted, or when
        nothing is recorded. Otherwise we never assigned a role there, and may lack the right to read."""
        if not self.granting and Link.ROLES in self.desired.unmanaged:
            return []  # a deletion leaves them
        scopes = [StorageScope.parse(entry.scope) for entry in self.status.role_assignments]
        wanted = self.desired.storage.scope
        if wanted.account != NO_ACCOUNT and (self.granting or not self.pinned):
            scopes.insert(0, wanted)
        return list({scope.whole_account.key: scope.whole_account for scope in scopes}.values())

    def recorded_credentials(self, identity: Identity) -> frozenset[str]:
        """The names of this identity's credentials on record. A deletion needs no list of them: it deletes each by its name."""
        known = self.status.identity
        if not self.granting or known is None or known.principal_id != identity.principal_id:
            return frozenset()
        return frozenset(entry.name for entry in self.status.federated_credentials)

    def recorded_assignments(self) -> list[RoleAssignmentStatus]:
        """The role assignments on record. A deletion needs no list of them: it deletes each by its name."""
        return [entry for entry in self.status.role_assignments if self.granting and entry.name]

    def secrets_with_keys(self, objects: Mapping[tuple[str, str], ClusterObject]) -> frozenset[str]:
        """The secrets whose pods are to be looked at before their access key goes."""
        return frozenset(access_keys(Goal(self.desired), objects)) if self.granting else frozenset()

    def objects(self) -> list[tuple[str, str]]:
        """Kind and name of every object that is ours or that we will own, each once."""
        return list(dict.fromkeys(self._objects()))

    def _objects(self) -> Iterator[tuple[str, str]]:
        for wanted in self.desired.objects:
            yield wanted.kind, wanted.name
        for account in self.desired.service_accounts:
            yield "ServiceAccount", account.name
        for known in self.status.service_accounts:
            yield "ServiceAccount", known.name
        yield from (("Secret", name) for name in self.status.secret_names)
        if self.status.values_config_map:
            yield "ConfigMap", self.status.values_config_map


def where_to_look(resource: Resource, goal: Goal, policy: Sequence[PolicyRule]) -> WhereToLook:
    """Where to look for the objects of a goal."""
    home = goal.desired.identity.id.group
    groups = [home] if goal.may_adopt else [home, *identity_groups(policy, resource.key.namespace)]
    known = resource.status.identity
    if known and known.resource_id and not goal.may_adopt:  # it may have been created though the answer was lost
        groups.append(IdentityId.parse(known.resource_id).group)
    unique: dict[str, ResourceGroupId] = {}
    for group in groups:
        unique.setdefault(group.key, group)
    return WhereToLook(
        goal.desired,
        resource.status,
        tuple(unique.values()),
        granting=goal.mode is Mode.RECONCILE,
        creating=goal.mode is Mode.RECONCILE and goal.may_create,
        leaves_identity=goal.mode is Mode.FINALIZE and Link.IDENTITY in goal.desired.unmanaged,
    )
