"""What a pass works with: the ways to Azure and to the cluster, bundled."""

from dataclasses import dataclass

import aiohttp

from gitlab_azure_identity.azure.arm import Arm
from gitlab_azure_identity.azure.blobs import BlobAccess
from gitlab_azure_identity.azure.credentials import FederatedCredentials
from gitlab_azure_identity.azure.identities import Identities
from gitlab_azure_identity.azure.roles import RoleAssignments, StorageAccounts
from gitlab_azure_identity.kube.client import Cluster
from gitlab_azure_identity.kube.events import Events
from gitlab_azure_identity.kube.namespaces import Namespaces
from gitlab_azure_identity.kube.objects import Objects
from gitlab_azure_identity.kube.resources import Resources
from gitlab_azure_identity.kube.tokens import Tokens


@dataclass(frozen=True)
class Azure:
    """The parts of Azure that are read and written."""

    identities: Identities
    credentials: FederatedCredentials
    roles: RoleAssignments
    accounts: StorageAccounts
    blobs: BlobAccess

    @classmethod
    def of(cls, arm: Arm, session: aiohttp.ClientSession, timeout: float) -> "Azure":
        return cls(
            Identities(arm),
            FederatedCredentials(arm),
            RoleAssignments(arm),
            StorageAccounts(arm),
            BlobAccess(arm.cloud, session, timeout),
        )


@dataclass(frozen=True)
class Kube:
    """The parts of the cluster that are read and written."""

    resources: Resources
    objects: Objects
    tokens: Tokens
    events: Events
    namespaces: Namespaces

    @classmethod
    def of(cls, cluster: Cluster) -> "Kube":
        return cls(Resources(cluster), Objects(cluster), Tokens(cluster), Events(cluster), Namespaces(cluster))
