"""The parts of an ARM id that are needed to call Azure for it."""

import re
from dataclasses import dataclass

_IDENTITY = re.compile(
    r"^/subscriptions/(?P<subscription>[^/]+)/resourcegroups/(?P<resource_group>[^/]+)"
    r"/providers/microsoft\.managedidentity/userassignedidentities/(?P<name>[^/]+)$",
    re.IGNORECASE,
)
_GROUP = re.compile(r"^/subscriptions/(?P<subscription>[^/]+)/resourcegroups/(?P<name>[^/]+)$", re.IGNORECASE)


@dataclass(frozen=True)
class IdentityId:
    """Where a managed identity is."""

    subscription: str
    resource_group: str
    name: str


@dataclass(frozen=True)
class ResourceGroupId:
    subscription: str
    name: str

    def __str__(self) -> str:
        return f"/subscriptions/{self.subscription}/resourceGroups/{self.name}"


def parse_identity_id(resource_id: str) -> IdentityId:
    """Take an identity's ARM id apart, whatever the case of its segments (Azure lower-cases `resourcegroups`).

    Raises ValueError when it is not one."""
    if match := _IDENTITY.match(resource_id):
        return IdentityId(**match.groupdict())
    raise ValueError(f"not the ARM id of a user-assigned managed identity: {resource_id!r}")


def parse_resource_group_id(resource_id: str) -> ResourceGroupId:
    """Take a resource group's ARM id apart.

    Raises ValueError when it is not one."""
    if match := _GROUP.match(resource_id):
        return ResourceGroupId(**match.groupdict())
    raise ValueError(f"not the ARM id of a resource group: {resource_id!r}")
