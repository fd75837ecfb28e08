"""What all passes share: the settings that apply to every resource, and the access to Azure and to the cluster.

Reads and writes are separate types. Code that receives `AzureReads` and `KubeReads` cannot write."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

import aiohttp
from azure.core.credentials import AccessTokenInfo

from gitlab_azure_identity.azure.access import Answers, BlobAccess
from gitlab_azure_identity.azure.clients import Clients
from gitlab_azure_identity.azure.credentials import FederatedCredentials
from gitlab_azure_identity.azure.hosts import AccountHosts
from gitlab_azure_identity.azure.identities import Identities
from gitlab_azure_identity.azure.roles import RoleAssignments
from gitlab_azure_identity.azure.storage import StorageAccounts
from gitlab_azure_identity.clock import Clock
from gitlab_azure_identity.domain.arm_ids import IdentityId, ResourceGroupId, StorageScope
from gitlab_azure_identity.domain.changes import ApplyObject, ApplyServiceAccount, PutAssignment
from gitlab_azure_identity.domain.desired import Credential, WantedIdentity
from gitlab_azure_identity.domain.goal import Terms
from gitlab_azure_identity.domain.observed import Assignment, ClusterObject, Identity
from gitlab_azure_identity.domain.ownership import Owner
from gitlab_azure_identity.domain.pods import Pod
from gitlab_azure_identity.domain.storage_account import StorageAccount
from gitlab_azure_identity.kube.budget import Budget
from gitlab_azure_identity.kube.client import Cluster
from gitlab_azure_identity.kube.deployments import Deployments
from gitlab_azure_identity.kube.events import Events
from gitlab_azure_identity.kube.namespaces import Namespaces
from gitlab_azure_identity.kube.objects import Objects
from gitlab_azure_identity.kube.pods import Pods
from gitlab_azure_identity.kube.resources import Resources
from gitlab_azure_identity.kube.tokens import Tokens


class IdentityReads(Protocol):
    async def get(self, identity: IdentityId) -> Identity | None: ...
    async def list_in(self, group: ResourceGroupId) -> tuple[Identity, ...]: ...


class CredentialReads(Protocol):
    async def list_for(self, identity: IdentityId) -> tuple[Credential, ...]: ...
    async def get(self, identity: IdentityId, name: str) -> Credential | None: ...


class RoleReads(Protocol):
    async def list_for(self, account: StorageScope, principal_id: str) -> tuple[Assignment, ...]: ...
    async def get(self, scope: StorageScope, name: str) -> Assignment | None: ...


class AccountReads(Protocol):
    async def get(self, account: StorageScope, *, age: float) -> StorageAccount | None: ...


class AccessReads(Protocol):
    async def exchange(self, identity: Identity, assertion: str) -> AccessTokenInfo: ...
    async def attempt(self, host: str, containers: Collection[str], token: AccessTokenInfo) -> Answers: ...
    async def containers(self, host: str, token: AccessTokenInfo) -> tuple[str, ...]: ...


class HostReads(Protocol):
    async def known(self, account: str) -> bool: ...


class AzureReads(Protocol):
    """The reads of Azure. Every method raises AzureError."""

    @property
    def identities(self) -> IdentityReads: ...
    @property
    def credentials(self) -> CredentialReads: ...
    @property
    def roles(self) -> RoleReads: ...
    @property
    def accounts(self) -> AccountReads: ...
    @property
    def access(self) -> AccessReads: ...
    @property
    def hosts(self) -> HostReads: ...


class IdentityWrites(Protocol):
    async def put(self, wanted: WantedIdentity, tags: Mapping[str, str], location: str) -> Identity: ...
    async def delete(self, identity: IdentityId, owner: Owner) -> None: ...


class CredentialWrites(Protocol):
    def offered_in(self, region: str) -> bool: ...
    async def put(self, identity: IdentityId, credential: Credential, region: str) -> None: ...
    async def delete(self, identity: IdentityId, name: str) -> None: ...


class RoleWrites(Protocol):
    async def put(self, change: PutAssignment) -> Assignment: ...
    async def delete(self, assignment: Assignment) -> None: ...


class ContainerWrites(Protocol):
    """The writes that the identity itself makes, with its token. Every method raises AzureError."""

    async def create(self, host: str, container: str, token: AccessTokenInfo) -> None: ...


class AzureWrites(Protocol):
    """The writes to Azure. Every method raises AzureError."""

    @property
    def identities(self) -> IdentityWrites: ...
    @property
    def credentials(self) -> CredentialWrites: ...
    @property
    def roles(self) -> RoleWrites: ...
    @property
    def access(self) -> ContainerWrites: ...


class ObjectReads(Protocol):
    async def get(self, owner: Owner, kind: str, name: str) -> ClusterObject | None: ...


class TokenReads(Protocol):
    async def issuer(self) -> str | None: ...
    async def token(self, namespace: str, service_account: str, audience: str) -> str: ...


class NamespaceReads(Protocol):
    async def terminating(self, namespace: str) -> bool: ...


class PodReads(Protocol):
    async def mounting(self, namespace: str, secrets: Collection[str]) -> tuple[Pod, ...]: ...


class KubeReads(Protocol):
    """The reads of the cluster. Every method raises ClusterError. A request for a token counts as a read: it writes no object."""

    @property
    def objects(self) -> ObjectReads: ...
    @property
    def tokens(self) -> TokenReads: ...
    @property
    def namespaces(self) -> NamespaceReads: ...
    @property
    def pods(self) -> PodReads: ...


class ObjectWrites(Protocol):
    async def apply_service_account(self, owner: Owner, change: ApplyServiceAccount) -> ClusterObject: ...
    async def apply_object(self, owner: Owner, change: ApplyObject) -> ClusterObject: ...
    async def forget_applied(self, owner: Owner, found: ClusterObject) -> ClusterObject: ...
    async def release(self, owner: Owner, found: ClusterObject) -> ClusterObject: ...
    async def delete(self, owner: Owner, found: ClusterObject) -> None: ...


class KubeWrites(Protocol):
    """The writes of a resource's objects in the cluster. Every method raises ClusterError."""

    @property
    def objects(self) -> ObjectWrites: ...


@dataclass(frozen=True)
class Azure:
    """All reads and writes of Azure."""

    identities: Identities
    credentials: FederatedCredentials
    roles: RoleAssignments
    accounts: StorageAccounts
    access: BlobAccess
    hosts: AccountHosts

    @classmethod
    def through(cls, clients: Clients, session: aiohttp.ClientSession, timeout: float, clock: Clock) -> "Azure":
        return cls(
            Identities(clients, clock),
            FederatedCredentials(clients),
            RoleAssignments(clients),
            StorageAccounts(clients, clock),
            BlobAccess(clients.cloud, session, timeout, clock, clients.permit),
            AccountHosts(clients.cloud, timeout),
        )


@dataclass(frozen=True)
class Rehearsal:
    """The writes of a resource's objects in the cluster, as dry runs."""

    objects: Objects


@dataclass(frozen=True)
class Kube:
    """All reads and writes of the cluster."""

    resources: Resources
    objects: Objects
    tokens: Tokens
    events: Events
    namespaces: Namespaces
    pods: Pods
    deployments: Deployments
    rehearsal: Rehearsal
    budget: Budget  # of the checks whether objects changed

    @classmethod
    def through(cls, cluster: Cluster, clock: Clock, rate: float) -> "Kube":
        """`rate` is that of the checks, in requests a second."""
        return cls(
            Resources(cluster),
            Objects(cluster, clock),
            Tokens(cluster),
            Events(cluster, clock),
            Namespaces(cluster),
            Pods(cluster),
            Deployments(cluster),
            Rehearsal(Objects(cluster, clock, rehearsing=True)),
            Budget(rate, lambda: cluster.sent.requests, clock.steady),
        )


@dataclass(frozen=True)
class Context:
    """The settings that passes need, and the access to Azure and to the cluster."""

    terms: Terms
    issuer: str | None  # None: it is read from the API server
    propagation_limit: float  # seconds
    azure: Azure
    kube: Kube
    clock: Clock
