"""The endpoints of the clouds are those of the Azure SDKs. Domain, realm and audience follow from the cloud."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from azure.core import AzureClouds
from azure.identity import AzureAuthorityHosts
from azure.mgmt.core.tools import get_arm_endpoints

from gitlab_azure_identity.domain.clouds import CLOUDS

SDK = {
    "AzurePublic": (AzureClouds.AZURE_PUBLIC_CLOUD, AzureAuthorityHosts.AZURE_PUBLIC_CLOUD),
    "AzureUSGovernment": (AzureClouds.AZURE_US_GOVERNMENT, AzureAuthorityHosts.AZURE_GOVERNMENT),
    "AzureChina": (AzureClouds.AZURE_CHINA_CLOUD, AzureAuthorityHosts.AZURE_CHINA),
}


def test_every_cloud_is_found_by_its_own_name() -> None:
    assert list(CLOUDS) == list(SDK)
    assert all(cloud.name == name for name, cloud in CLOUDS.items())


@pytest.mark.parametrize("name", SDK)
def test_endpoints_are_those_of_the_azure_sdks(name: str) -> None:
    cloud, (sdk, authority) = CLOUDS[name], SDK[name]
    endpoints = get_arm_endpoints(sdk)

    assert f"{cloud.arm_endpoint}/" == endpoints["resource_manager"]
    assert [cloud.arm_scope] == endpoints["credential_scopes"]
    assert cloud.authority_host == f"https://{authority}/"
    assert all(urlsplit(url).scheme == "https" for url in (cloud.arm_endpoint, cloud.arm_scope, cloud.authority_host))


@pytest.mark.parametrize(
    ("name", "blob_domain", "registry_realm", "audience"),
    [
        ("AzurePublic", "blob.core.windows.net", "core.windows.net", "api://AzureADTokenExchange"),
        (
            "AzureUSGovernment",
            "blob.core.usgovcloudapi.net",
            "core.usgovcloudapi.net",
            "api://AzureADTokenExchangeUSGov",
        ),
        ("AzureChina", "blob.core.chinacloudapi.cn", "core.chinacloudapi.cn", "api://AzureADTokenExchangeChina"),
    ],
)
def test_storage_and_federation_are_spelled_as_the_cloud_does(
    name: str, blob_domain: str, registry_realm: str, audience: str
) -> None:
    cloud = CLOUDS[name]

    assert (cloud.blob_domain, cloud.registry_realm, cloud.audience) == (blob_domain, registry_realm, audience)
    assert cloud.storage_scope == "https://storage.azure.com/.default"
