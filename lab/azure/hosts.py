"""The host names of the three Azure clouds, and which service answers at each."""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Cloud:
    name: str
    arm: str
    arm_audiences: frozenset[str]
    logins: frozenset[str]
    issuer_prefix: str
    """Prefix of the `iss` claim of version 1 tokens."""
    storage_suffix: str

    @property
    def blob_suffix(self) -> str:
        return f".blob.{self.storage_suffix}"


PUBLIC = Cloud(
    name="AzurePublic",
    arm="management.azure.com",
    arm_audiences=frozenset({"https://management.azure.com", "https://management.core.windows.net"}),
    logins=frozenset({"login.microsoftonline.com", "login.microsoft.com", "login.windows.net", "sts.windows.net"}),
    issuer_prefix="https://sts.windows.net/",
    storage_suffix="core.windows.net",
)
US_GOVERNMENT = Cloud(
    name="AzureUSGovernment",
    arm="management.usgovcloudapi.net",
    arm_audiences=frozenset({"https://management.usgovcloudapi.net", "https://management.core.usgovcloudapi.net"}),
    logins=frozenset({"login.microsoftonline.us", "login.usgovcloudapi.net"}),
    issuer_prefix="https://sts.windows.net/",
    storage_suffix="core.usgovcloudapi.net",
)
CHINA = Cloud(
    name="AzureChina",
    arm="management.chinacloudapi.cn",
    arm_audiences=frozenset({"https://management.chinacloudapi.cn", "https://management.core.chinacloudapi.cn"}),
    logins=frozenset({"login.chinacloudapi.cn", "login.partner.microsoftonline.cn"}),
    issuer_prefix="https://sts.chinacloudapi.cn/",
    storage_suffix="core.chinacloudapi.cn",
)
CLOUDS = (PUBLIC, US_GOVERNMENT, CHINA)

ARM_HOSTS = {cloud.arm: cloud for cloud in CLOUDS}
LOGIN_HOSTS = {login: cloud for cloud in CLOUDS for login in cloud.logins}

DNS_ZONE_SUFFIX = "storage.azure.net"
"""The hosts of accounts with Azure DNS zone endpoints end so, as in gitlabstore.z12.blob.storage.azure.net (public cloud)."""
_DNS_ZONE_HOST = re.compile(r"(?P<account>[^.]+)\.z\d{1,2}\.blob\." + re.escape(DNS_ZONE_SUFFIX))

# Storage accepts tokens with this audience for all storage accounts of every cloud.
STORAGE_AUDIENCE = "https://storage.azure.com"


def storage_account(host: str) -> tuple[str, Cloud] | None:
    """The storage account and cloud that a blob host name names.

    The host is one such as gitlabstore.blob.core.windows.net, or one of an Azure DNS zone. Whether the account has that
    endpoint is for the account to say.
    """
    if match := _DNS_ZONE_HOST.fullmatch(host):
        return match["account"], PUBLIC
    for cloud in CLOUDS:
        if host.endswith(cloud.blob_suffix):
            account = host.removesuffix(cloud.blob_suffix)
            return (account, cloud) if account and "." not in account else None
    return None
