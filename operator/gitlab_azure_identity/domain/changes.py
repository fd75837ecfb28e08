"""The changes of a plan. Each is data: the object that is written or deleted, its link of the chain, and the words for it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from gitlab_azure_identity.api.conditions import Link
from gitlab_azure_identity.domain.desired import Credential, Grant, WantedIdentity
from gitlab_azure_identity.domain.observed import Assignment, ClusterObject, Identity


class Stage(IntEnum):
    """A stage begins when the one before it has ended. Changes of one stage may run side by side. Only credentials of one
    identity may not: Azure wants them one by one."""

    IDENTITY = 0  # everything else needs its client ID and principal ID
    GRANT = 1  # credentials, role assignments, and objects in the cluster
    REVOKE_ROLES = 2  # the first removals: an assignment outlives its identity, and then belongs to nobody
    REVOKE_CLUSTER = 3
    REVOKE_CREDENTIALS = 4
    REVOKE_IDENTITY = 5


@dataclass(frozen=True)
class PutIdentity:
    """Create the managed identity, or merge tags into the one that we created."""

    identity: WantedIdentity
    tags: Mapping[str, str]
    missing: tuple[str, ...] = ()  # keys of the tags to be merged; empty when the identity is created
    link = Link.IDENTITY
    stage = Stage.IDENTITY
    verb = "write"

    def __str__(self) -> str:
        if self.missing:
            return f"tags {', '.join(self.missing)} of managed identity {self.identity.name}"
        return f"managed identity {self.identity.name}"


@dataclass(frozen=True)
class PutCredential:
    """Create a federated identity credential, or restore one of ours."""

    identity: Identity
    credential: Credential
    link = Link.CREDENTIALS
    stage = Stage.GRANT
    verb = "write"

    def __str__(self) -> str:
        return f"federated credential for {self.credential.subject}"


@dataclass(frozen=True)
class PutAssignment:
    """Assign a role to the identity's principal."""

    name: str
    grant: Grant
    principal_id: str
    description: str
    link = Link.ROLES
    stage = Stage.GRANT
    verb = "write"

    def __str__(self) -> str:
        return f'role assignment "{self.grant.role.name}" at {self.grant.scope.words}'


@dataclass(frozen=True)
class ApplyServiceAccount:
    """Apply a service account: the whole of one that we own, or only the annotations of another's. `uid` is that of the service
    account that was seen. With it the API server does not create one that was deleted in the meantime."""

    name: str
    annotations: Mapping[str, str]  # those that the pod webhook reads
    owned: bool
    uid: str | None
    labels: Mapping[str, str]
    link = Link.SERVICE_ACCOUNTS
    stage = Stage.GRANT
    verb = "write"

    def __str__(self) -> str:
        return f"service account {self.name}" if self.owned else f"annotations of service account {self.name}"


@dataclass(frozen=True)
class ApplyObject:
    """Apply a secret or config map. `differing` has the keys that are missing, differ or are to be removed, and never values. It
    is empty when only the owner label is missing. `content` has the annotations about its content, and `changes_content` says
    that the moment of this write is the one since when the content is so."""

    kind: str
    name: str
    data: Mapping[str, str]
    labels: Mapping[str, str]
    uid: str | None
    differing: tuple[str, ...]
    content: Mapping[str, str] = field(default_factory=dict, compare=False)
    changes_content: bool = field(default=False, compare=False)
    dropped: tuple[str, ...] = ()  # settings with credentials that a secret of somebody else loses
    version: str | None = None  # the resourceVersion that `data` was made from, when it keeps what somebody wrote
    link = Link.SECRETS
    stage = Stage.GRANT
    verb = "write"

    def __str__(self) -> str:
        what = f"key {', '.join(self.differing)}" if self.differing else "owner label"
        what += f", without {', '.join(self.dropped)}" if self.dropped else ""
        return f"{words(self.kind)} {self.name}" + (f" ({what})" if self.uid else "")


@dataclass(frozen=True)
class CreateContainer:
    """Create a blob container, as the identity itself. Only an attempt at access tells that it is missing, so it is planned after
    the other links. It is never deleted."""

    host: str  # of the account's blob endpoint
    container: str
    account: str
    link = Link.ACCESS
    verb = "create"

    def __str__(self) -> str:
        return f"container {self.container} of storage account {self.account}"


@dataclass(frozen=True)
class ForgetApplied:
    """Remove the annotation in which `kubectl apply` keeps a copy of a secret, and of the access key that it had."""

    found: ClusterObject
    link = Link.SECRETS
    stage = Stage.GRANT
    verb = "remove"

    def __str__(self) -> str:
        return f"kubectl's copy of the access key in an annotation of secret {self.found.name}"


@dataclass(frozen=True)
class DeleteAssignment:
    """Delete a role assignment of ours."""

    assignment: Assignment
    link = Link.ROLES
    stage = Stage.REVOKE_ROLES
    verb = "delete"

    def __str__(self) -> str:
        return f"role assignment {self.assignment.name} at {self.assignment.scope.words}"


@dataclass(frozen=True)
class ReleaseObject:
    """Remove our marks from an object that stays. A secret keeps its data, since pods may still mount it."""

    found: ClusterObject
    stage = Stage.REVOKE_CLUSTER
    verb = "remove"

    @property
    def link(self) -> Link:
        return link_of(self.found.kind)

    def __str__(self) -> str:
        return f"our marks on {words(self.found.kind)} {self.found.name}"


@dataclass(frozen=True)
class DeleteObject:
    """Delete an object of ours: the one that was seen, and no other."""

    found: ClusterObject
    stage = Stage.REVOKE_CLUSTER
    verb = "delete"

    @property
    def link(self) -> Link:
        return link_of(self.found.kind)

    def __str__(self) -> str:
        return f"{words(self.found.kind)} {self.found.name}"


@dataclass(frozen=True)
class DeleteCredential:
    """Delete a federated identity credential of ours."""

    identity: Identity
    credential: Credential
    link = Link.CREDENTIALS
    stage = Stage.REVOKE_CREDENTIALS
    verb = "delete"

    def __str__(self) -> str:
        return f"federated credential for {self.credential.subject}"


@dataclass(frozen=True)
class DeleteIdentity:
    """Delete the managed identity that we created. Azure deletes its credentials with it."""

    identity: Identity
    link = Link.IDENTITY
    stage = Stage.REVOKE_IDENTITY
    verb = "delete"

    def __str__(self) -> str:
        return f"managed identity {self.identity.name}"


Write = PutIdentity | PutCredential | PutAssignment | ApplyServiceAccount | ApplyObject | ForgetApplied
Revocation = DeleteAssignment | ReleaseObject | DeleteObject | DeleteCredential | DeleteIdentity
Change = Write | Revocation


def link_of(kind: str) -> Link:
    """The link of the chain that a Kubernetes kind belongs to."""
    return Link.SERVICE_ACCOUNTS if kind == "ServiceAccount" else Link.SECRETS


def words(kind: str) -> str:
    """The words for a Kubernetes kind in a sentence."""
    return {"ServiceAccount": "service account", "ConfigMap": "config map"}.get(kind, kind.lower())
