"""The changes that a plan is made of. Each is data: what is written where, and the words for it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

from gitlab_azure_identity.domain.desired import Credential, Grant, WantedIdentity
from gitlab_azure_identity.domain.observed import Assignment, ClusterObject, Identity


class Stage(IntEnum):
    """Changes of one stage may run side by side (but credentials of one identity, which Azure wants one by one);
    a stage begins when the one before it is done."""

    IDENTITY = 0  # everything else needs its client and principal id
    GRANT = 1  # credentials, role assignments, and what stands in the cluster
    REVOKE_ROLES = 2  # first on the way back: an assignment outlives its identity, and then belongs to nobody
    REVOKE_CLUSTER = 3
    REVOKE_CREDENTIALS = 4
    REVOKE_IDENTITY = 5


@dataclass(frozen=True)
class PutIdentity:
    """Create the managed identity, or merge tags into the one we created."""

    identity: WantedIdentity
    tags: Mapping[str, str]
    missing: tuple[str, ...] = ()  # keys of tags to be merged; empty when it is created
    stage = Stage.IDENTITY

    def __str__(self) -> str:
        if self.missing:
            return f"tags {', '.join(self.missing)} of managed identity {self.identity.name}"
        return f"managed identity {self.identity.name}"


@dataclass(frozen=True)
class PutCredential:
    """Create a federated identity credential, or put one of ours right."""

    identity: Identity
    credential: Credential
    stage = Stage.GRANT

    def __str__(self) -> str:
        return f"federated credential for {self.credential.subject}"


@dataclass(frozen=True)
class PutAssignment:
    """Assign a role to the identity's principal."""

    name: str
    grant: Grant
    principal_id: str
    description: str
    stage = Stage.GRANT

    def __str__(self) -> str:
        return f'role assignment "{self.grant.role.name}" at {place(self.grant.scope)}'


@dataclass(frozen=True)
class ApplyServiceAccount:
    """Apply a service account: all of ours, or of somebody else's the annotation alone. `uid` of one that exists already
    makes the API server refuse to create it, should it have gone meanwhile."""

    name: str
    client_id: str
    owned: bool
    uid: str | None
    labels: Mapping[str, str]
    stage = Stage.GRANT

    def __str__(self) -> str:
        return f"service account {self.name}" if self.owned else f"client ID annotation of service account {self.name}"


@dataclass(frozen=True)
class ApplyObject:
    """Apply a secret or config map. `differing` names the keys that are missing, differ or are to be removed; never their values.
    It is empty where the owner label alone is missing."""

    kind: str
    name: str
    data: Mapping[str, str]
    labels: Mapping[str, str]
    uid: str | None
    differing: tuple[str, ...]
    stage = Stage.GRANT

    def __str__(self) -> str:
        what = f"key {', '.join(self.differing)}" if self.differing else "owner label"
        return f"{words(self.kind)} {self.name}" + (f" ({what})" if self.uid else "")


@dataclass(frozen=True)
class DeleteAssignment:
    assignment: Assignment
    stage = Stage.REVOKE_ROLES

    def __str__(self) -> str:
        return f"role assignment {self.assignment.name} at {place(self.assignment.scope)}"


@dataclass(frozen=True)
class ReleaseObject:
    """Take our marks off an object that stays. What a secret says stays in it: pods may still mount it."""

    found: ClusterObject
    stage = Stage.REVOKE_CLUSTER

    def __str__(self) -> str:
        return f"our marks on {words(self.found.kind)} {self.found.name}"


@dataclass(frozen=True)
class DeleteObject:
    """Delete an object of ours; the one that was seen, and no other."""

    found: ClusterObject
    stage = Stage.REVOKE_CLUSTER

    def __str__(self) -> str:
        return f"{words(self.found.kind)} {self.found.name}"


@dataclass(frozen=True)
class DeleteCredential:
    identity: Identity
    credential: Credential
    stage = Stage.REVOKE_CREDENTIALS

    def __str__(self) -> str:
        return f"federated credential for {self.credential.subject}"


@dataclass(frozen=True)
class DeleteIdentity:
    identity: Identity
    stage = Stage.REVOKE_IDENTITY

    def __str__(self) -> str:
        return f"managed identity {self.identity.name}"


Write = PutIdentity | PutCredential | PutAssignment | ApplyServiceAccount | ApplyObject
Removal = DeleteAssignment | ReleaseObject | DeleteObject | DeleteCredential | DeleteIdentity
Change = Write | Removal


def place(scope: str) -> str:
    """A storage scope in words: `storage account x` or `container y of storage account x`."""
    parts = scope.strip("/").split("/")
    folded = [part.lower() for part in parts]
    if "storageaccounts" not in folded:
        return scope
    account = parts[folded.index("storageaccounts") + 1]
    if "containers" in folded:
        return f"container {parts[folded.index('containers') + 1]} of storage account {account}"
    return f"storage account {account}"


def words(kind: str) -> str:
    """A Kubernetes kind as it stands in a sentence."""
    return {"ServiceAccount": "service account", "ConfigMap": "config map"}.get(kind, kind.lower())
