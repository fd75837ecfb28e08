"""The Azure clouds: the endpoints, the storage domain and the audience of each.

Everything that differs between clouds follows from one name, so no two settings can disagree.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, kw_only=True)
class Cloud:
    """One Azure cloud.

    Sources: ARM endpoint and scope are those of azure-mgmt-core 1.6 (`get_arm_endpoints`), the authority those of
    azure-identity 1.27 (`AzureAuthorityHosts`), the realm those of the registry's `azure_v2` driver documentation, the
    audience those of Microsoft Entra's page on federated identity credentials.
    """

    name: str
    """The name used in the operator's settings."""
    arm_endpoint: str
    """Azure Resource Manager, without a slash at the end."""
    arm_scope: str
    """The token scope of Azure Resource Manager. In AzureUSGovernment its host is not the endpoint's."""
    authority_host: str
    """Microsoft Entra's token issuer, with a slash at the end, as the pod webhook writes AZURE_AUTHORITY_HOST."""
    registry_realm: str
    """The registry driver's `realm`. The driver adds `blob.` in front of it."""
    audience: str
    """The one audience of a federated identity credential, and of the service account tokens exchanged for it."""
    storage_scope: str = "https://storage.azure.com/.default"
    """The token scope of Blob Storage. It is the same in every cloud."""

    @property
    def blob_domain(self) -> str:
        """GitLab's `azure_storage_domain`. The endpoint of an account is `https://<account>.<blob_domain>`."""
        return f"blob.{self.registry_realm}"


CLOUDS: Mapping[str, Cloud] = MappingProxyType(
    {
        cloud.name: cloud
        for cloud in (
            Cloud(
                name="AzurePublic",
                arm_endpoint="https://management.azure.com",
                arm_scope="https://management.azure.com/.default",
                authority_host="https://login.microsoftonline.com/",
                registry_realm="core.windows.net",
                audience="api://AzureADTokenExchange",
            ),
            Cloud(
                name="AzureUSGovernment",
                arm_endpoint="https://management.usgovcloudapi.net",
                arm_scope="https://management.core.usgovcloudapi.net/.default",
                authority_host="https://login.microsoftonline.us/",
                registry_realm="core.usgovcloudapi.net",
                audience="api://AzureADTokenExchangeUSGov",
            ),
            Cloud(
                name="AzureChina",
                arm_endpoint="https://management.chinacloudapi.cn",
                arm_scope="https://management.chinacloudapi.cn/.default",
                authority_host="https://login.chinacloudapi.cn/",
                registry_realm="core.chinacloudapi.cn",
                audience="api://AzureADTokenExchangeChina",
            ),
        )
    }
)
"""The clouds by name."""
