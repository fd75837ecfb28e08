"""What a storage account says of itself, and whether GitLab can use it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gitlab_azure_identity.azure.errors import AzureError
from gitlab_azure_identity.azure.storage import _account
from gitlab_azure_identity.domain.storage_account import StorageAccount, network_rules, unusable

from .worlds import ACCOUNT

PURPOSES = ("registry", "artifacts")
ENDPOINTS = {"primaryEndpoints": {"blob": "https://gitlabstore.blob.core.windows.net/"}}


def connection(state: str) -> dict[str, Any]:
    return {"properties": {"privateLinkServiceConnectionState": {"status": state}}}


@pytest.mark.parametrize(
    ("properties", "changed"),
    [
        ({}, {}),
        ({"isHnsEnabled": False, "allowSharedKeyAccess": None, "publicNetworkAccess": "Enabled"}, {}),
        ({"isHnsEnabled": True}, {"hierarchical": True}),
        ({"allowSharedKeyAccess": False}, {"shared_keys": False}),
        ({"publicNetworkAccess": "Disabled"}, {"public": False}),
        ({"networkAcls": {"defaultAction": "Deny"}}, {"firewall": True}),
        ({"networkAcls": {"defaultAction": "Allow"}}, {}),
        ({"publicNetworkAccess": "SecuredByPerimeter"}, {"firewall": True}),
        ({"privateEndpointConnections": [connection("Pending")]}, {}),
        ({"privateEndpointConnections": [{}, connection("Approved")]}, {"private_endpoints": True}),
        (
            {"primaryEndpoints": {"blob": "https://gitlabstore.z01.blob.storage.azure.net/"}},
            {"blob_host": "gitlabstore.z01.blob.storage.azure.net"},
        ),
        ({"primaryEndpoints": {"file": "https://gitlabstore.file.core.windows.net/"}}, {"blob_host": None}),
    ],
)
def test_an_account_as_azure_describes_it(properties: dict[str, Any], changed: dict[str, Any]) -> None:
    answer = {"kind": "StorageV2", "properties": ENDPOINTS | properties}

    assert _account("gitlabstore", answer) == replace(ACCOUNT, **changed)


@pytest.mark.parametrize(
    "answer", [None, [], "text", {}, {"kind": "StorageV2"}, {"kind": "StorageV2", "properties": []}, {"properties": {}}]
)
def test_an_answer_that_describes_no_account_says_nothing_of_it(answer: object) -> None:
    """Such an answer must not read like an account without Blob Storage."""
    with pytest.raises(AzureError, match="the answer does not describe a storage account"):
        _account("gitlabstore", answer)


@pytest.mark.parametrize(
    ("account", "reason", "message"),
    [
        (
            replace(ACCOUNT, kind="FileStorage", blob_host=None),
            "AccountUnusable",
            "Storage account gitlabstore has no Blob Storage, since its kind is FileStorage. Use an account of kind StorageV2.",
        ),
        (
            replace(ACCOUNT, hierarchical=True),
            "AccountUnusable",
            (
                "Storage account gitlabstore has a hierarchical namespace. The container registry cannot delete its upload "
                "folders there, and pushes fail with 500. Use an account without one. A namespace cannot be taken off an account."
            ),
        ),
        (
            replace(ACCOUNT, public=False),
            "NetworkBlocked",
            (
                "Storage account gitlabstore has its public network access disabled, and no private endpoint. Nothing can reach "
                "it. Approve a private endpoint for the cluster's network: docs/troubleshooting.md#networkblocked."
            ),
        ),
    ],
)
def test_an_account_that_gitlab_cannot_use(account: StorageAccount, reason: str, message: str) -> None:
    failure = unusable(account, PURPOSES)

    assert failure is not None
    assert (failure.reason, failure.message) == (reason, message)


@pytest.mark.parametrize(
    ("account", "purposes"),
    [
        (ACCOUNT, PURPOSES),
        (replace(ACCOUNT, kind="BlockBlobStorage", shared_keys=False, firewall=True), PURPOSES),
        (replace(ACCOUNT, public=False, private_endpoints=True), PURPOSES),
        (replace(ACCOUNT, hierarchical=True), ("artifacts",)),
    ],
)
def test_an_account_that_gitlab_may_be_able_to_use(account: StorageAccount, purposes: tuple[str, ...]) -> None:
    assert unusable(account, purposes) is None


@pytest.mark.parametrize(
    ("account", "sentence"),
    [
        (None, ""),
        (ACCOUNT, ""),
        (replace(ACCOUNT, firewall=True), "Its firewall admits only the networks that its rules name."),
        (
            replace(ACCOUNT, firewall=True, public=False),
            "Its public network access is disabled: only a private endpoint reaches it.",
        ),
    ],
)
def test_what_an_account_says_of_networks(account: StorageAccount | None, sentence: str) -> None:
    assert network_rules(account) == sentence
