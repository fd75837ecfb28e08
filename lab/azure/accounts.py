"""Storage accounts: their properties, and the hosts at which their blob service answers."""

import base64
import ipaddress
import secrets
from dataclasses import dataclass, field

from lab.azure import seeded
from lab.azure.hosts import DNS_ZONE_SUFFIX, PUBLIC, Cloud

BLOB = "blob"

SERVICES = {
    "StorageV2": ("dfs", "web", BLOB, "queue", "table", "file"),
    "Storage": (BLOB, "queue", "table", "file"),
    "BlobStorage": ("dfs", BLOB, "table"),
    "BlockBlobStorage": ("dfs", "web", BLOB),
    "FileStorage": ("file",),
}
"""The services of each kind of account. Source: Microsoft Learn, "Storage account overview", the types of storage accounts
and the services that each supports, and "Storage Accounts - Get Properties", the endpoints in its examples."""


@dataclass
class NetworkRules:
    """The firewall of an account (`networkAcls`)."""

    default_action: str = "Allow"
    """Allow or Deny: for requests that no rule names."""
    bypass: str = "AzureServices"
    ip_rules: tuple[str, ...] = ()
    """Addresses or CIDR ranges that are allowed."""


def new_keys() -> tuple[str, str]:
    """Two access keys of 64 bytes, in base64 (Microsoft Learn, "Manage storage account access keys": 512 bits)."""
    first, second = (base64.b64encode(secrets.token_bytes(64)).decode() for _ in range(2))
    return first, second


@dataclass
class StorageAccount:
    group: str
    name: str
    location: str
    created: float
    tags: dict[str, str] = field(default_factory=dict)
    sku: str = "Standard_LRS"
    kind: str = "StorageV2"
    dns_zone: str | None = None
    """`z12` for example: the account has the endpoints of that Azure DNS zone, and no others."""
    hierarchical_namespace: bool | None = None
    public_network_access: str | None = None
    """Enabled, Disabled or SecuredByPerimeter. None, as in older accounts, means Enabled."""
    network_rules: NetworkRules = field(default_factory=NetworkRules)
    shared_key_access: bool | None = None
    """Whether requests signed with an account key are permitted. None means that they are."""
    keys: tuple[str, str] = field(default_factory=new_keys)
    """Its access keys, in base64."""

    @property
    def id(self) -> str:
        return (
            f"/subscriptions/{seeded.SUBSCRIPTION}/resourceGroups/{self.group}"
            f"/providers/Microsoft.Storage/storageAccounts/{self.name}"
        )

    def endpoints(self, cloud: Cloud = PUBLIC) -> dict[str, str]:
        """The URL of each service that the account has in a cloud.

        Source: Microsoft Learn, "Storage account overview", standard endpoints and Azure DNS zone endpoints.
        """
        return {service: f"https://{self._host(service, cloud)}/" for service in SERVICES[self.kind]}

    def _host(self, service: str, cloud: Cloud = PUBLIC) -> str:
        if self.dns_zone is not None:
            return f"{self.name}.{self.dns_zone}.{service}.{DNS_ZONE_SUFFIX}"
        return f"{self.name}.{'z6.web' if service == 'web' else service}.{cloud.storage_suffix}"

    def answers_at(self, host: str) -> bool:
        """Whether a blob host that begins with the account's name is the account's.

        An account without a zone answers in each of the three clouds, since the lab's one account stands for all of them.
        """
        if BLOB not in SERVICES[self.kind]:
            return False
        if self.dns_zone is not None:
            return host == self._host(BLOB)
        return not host.endswith(DNS_ZONE_SUFFIX)

    def admits(self, address: str) -> bool:
        """Whether the account's firewall lets requests from a public IP address through.

        Source: Microsoft Learn, "Azure Storage firewall rules": with public network access disabled, no network rule
        opens the account; otherwise the rules decide, and the default action where none matches.
        """
        if self.public_network_access not in (None, "Enabled"):
            return False
        if self.network_rules.default_action == "Allow":
            return True
        caller = ipaddress.ip_address(address)
        return any(caller in ipaddress.ip_network(rule, strict=False) for rule in self.network_rules.ip_rules)
