"""The conditions of the resource. One table lists the links of the chain that must hold from a pod to its blobs."""

from enum import Enum, StrEnum
from typing import Self


class Place(Enum):
    """Where the objects of a link are."""

    AZURE = "Azure"
    CLUSTER = "the cluster"
    BOTH = "both"


class Link(StrEnum):
    """A link of the chain: its condition, its place, whether a plan can establish it, and whether Ready depends on it. The
    members are in the chain's order. Only a live attempt can establish AccessVerified, and only GitLab's pods WorkloadsReady."""

    place: Place
    planned: bool
    counts: bool

    def __new__(cls, condition: str, place: Place, planned: bool = True, counts: bool = True) -> Self:
        link = str.__new__(cls, condition)
        link._value_ = condition
        link.place, link.planned, link.counts = place, planned, counts
        return link

    IDENTITY = "IdentityReady", Place.AZURE
    CREDENTIALS = "CredentialsFederated", Place.AZURE
    ROLES = "RolesAssigned", Place.AZURE
    SERVICE_ACCOUNTS = "ServiceAccountsAnnotated", Place.CLUSTER
    SECRETS = "SecretsWritten", Place.CLUSTER
    ACCESS = "AccessVerified", Place.BOTH, False
    WORKLOADS = "WorkloadsReady", Place.CLUSTER, False, False


CHAIN = tuple(Link)
PLANNED = tuple(link for link in Link if link.planned)

READY = "Ready"
# kstatus: present only while True (cli-utils, pkg/kstatus/status/generic.go).
RECONCILING = "Reconciling"
STALLED = "Stalled"
