"""What was observed for one resource, in Azure and in the cluster. It is data only, and `reconcile.observe` fills it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from gitlab_azure_identity.api import CLIENT_ID_ANNOTATION, TENANT_ID_ANNOTATION
from gitlab_azure_identity.api.conditions import Link
from gitlab_azure_identity.domain.arm_ids import IdentityId, StorageScope
from gitlab_azure_identity.domain.desired import Credential
from gitlab_azure_identity.domain.findings import Failure
from gitlab_azure_identity.domain.pods import Pod
from gitlab_azure_identity.domain.storage_account import StorageAccount


@dataclass(frozen=True)
class Identity:
    """A user-assigned managed identity as Azure returns it."""

    resource_id: str  # as Azure spells it
    name: str
    location: str
    tags: Mapping[str, str]
    client_id: str
    principal_id: str
    tenant_id: str

    @property
    def id(self) -> IdentityId:
        return IdentityId.parse(self.resource_id)

    @property
    def annotations(self) -> Mapping[str, str]:
        """The annotations of a service account whose pods are to log in as this identity."""
        return {CLIENT_ID_ANNOTATION: self.client_id, TENANT_ID_ANNOTATION: self.tenant_id}


@dataclass(frozen=True)
class Assignment:
    """A role assignment at a storage account or a container of it."""

    name: str
    role_guid: str
    scope: StorageScope
    principal_id: str
    description: str
    created_on: float | None = None  # seconds since the epoch
    condition: str = ""  # Azure grants the role only where it holds

    @property
    def key(self) -> str:
        """The same text for the same assignment, since Azure ignores case in ids."""
        return f"{self.scope.key}/{self.name}".lower()


@dataclass(frozen=True)
class ClusterObject:
    """A service account, secret or config map. `data` has the texts by key. A service account has none."""

    kind: str
    name: str
    uid: str
    resource_version: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    data: Mapping[str, str] = field(default_factory=dict)
    automount: bool | None = None
    managers: frozenset[str] = frozenset()  # field managers that own a field of it
    applied_keys: frozenset[str] = frozenset()  # keys of `data` that our own field manager applied
    created: datetime | None = None
    owners: tuple[tuple[str, str], ...] = ()  # kind and name of the objects that it belongs to
    immutable: bool = False  # nobody can change its data

    @property
    def key(self) -> tuple[str, str]:
        return self.kind, self.name

    def names(self, identity: Identity) -> bool:
        """Whether a service account has the annotations of this identity."""
        return identity.annotations.items() <= self.annotations.items()


@dataclass(frozen=True)
class Observed:
    """Everything that one observation saw. It lacks what was not looked for."""

    identity: Identity | None = None
    credentials: tuple[Credential, ...] = ()
    assignments: tuple[Assignment, ...] = ()
    objects: Mapping[tuple[str, str], ClusterObject] = field(default_factory=dict)
    credentials_seen: bool = True  # False: it is not known whom the identity trusts
    mounting: tuple[Pod, ...] = ()  # the pods that mount a secret with an access key that was handed over

    def has_credential(self, name: str) -> bool:
        return any(present.name == name for present in self.credentials)

    def has_assignment(self, assignment: Assignment) -> bool:
        return any(present.key == assignment.key for present in self.assignments)

    def with_credential(self, credential: Credential) -> "Observed":
        others = tuple(present for present in self.credentials if present.name != credential.name)
        return replace(self, credentials=(*others, credential))

    def without_credential(self, name: str) -> "Observed":
        return replace(self, credentials=tuple(present for present in self.credentials if present.name != name))

    def with_assignment(self, assignment: Assignment) -> "Observed":
        return replace(self.without_assignment(assignment), assignments=(*self.assignments, assignment))

    def without_assignment(self, assignment: Assignment) -> "Observed":
        kept = tuple(present for present in self.assignments if present.key != assignment.key)
        return replace(self, assignments=kept)

    def with_object(self, found: ClusterObject) -> "Observed":
        return replace(self, objects={**self.objects, found.key: found})

    def without_object(self, kind: str, name: str) -> "Observed":
        return replace(self, objects={key: found for key, found in self.objects.items() if key != (kind, name)})


@dataclass(frozen=True)
class Observation:
    """What an observation saw, and what it could not see. Storage accounts are named by the key of their ARM id."""

    have: Observed
    unseen: Mapping[Link, Failure] = field(default_factory=dict)
    former: Mapping[str, Failure] = field(default_factory=dict)  # former storage accounts that could not be read
    absent: frozenset[str] = frozenset()  # storage accounts that do not exist, as Azure says
    hostless: frozenset[str] = frozenset()  # those that the operator may not read, and whose host is unknown
    gone: frozenset[str] = frozenset()  # those of them that are taken for deleted
    account: StorageAccount | None = None  # the wanted storage account, where it was seen
    no_account: Failure | None = None  # why it was not seen
