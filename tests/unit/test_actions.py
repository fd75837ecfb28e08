"""What a request to Azure does, in Azure's own words."""

import pytest

from gitlab_azure_identity.azure.actions import OTHER, action

ARM = "https://management.azure.com"
GROUP = f"{ARM}/subscriptions/1111/resourceGroups/rg-gitlab"
IDENTITIES = f"{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities"
CREDENTIALS = f"{IDENTITIES}/gitlab/federatedIdentityCredentials"
ACCOUNT = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/gitlabstore"
CONTAINER = f"{ACCOUNT}/blobServices/default/containers/providers"
BLOBS = "https://gitlabstore.blob.core.windows.net"
BLOB_SERVICES = "Microsoft.Storage/storageAccounts/blobServices"


@pytest.mark.parametrize(
    ("method", "url", "expected"),
    [
        ("GET", f"{IDENTITIES}?api-version=1", "Microsoft.ManagedIdentity/userAssignedIdentities/read"),
        ("GET", f"{IDENTITIES}/gitlab", "Microsoft.ManagedIdentity/userAssignedIdentities/read"),
        ("PUT", f"{IDENTITIES}/gitlab", "Microsoft.ManagedIdentity/userAssignedIdentities/write"),
        ("PATCH", f"{IDENTITIES}/gitlab", "Microsoft.ManagedIdentity/userAssignedIdentities/write"),
        ("DELETE", f"{IDENTITIES}/gitlab", "Microsoft.ManagedIdentity/userAssignedIdentities/delete"),
        ("GET", CREDENTIALS, "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials/read"),
        (
            "PUT",
            f"{CREDENTIALS}/x",
            "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials/write",
        ),
        ("GET", ACCOUNT, "Microsoft.Storage/storageAccounts/read"),
        (
            "GET",
            f"{ACCOUNT}/providers/Microsoft.Authorization/roleAssignments?$filter=x",
            "Microsoft.Authorization/roleAssignments/read",
        ),
        (
            "PUT",
            f"{CONTAINER}/providers/microsoft.authorization/ROLEASSIGNMENTS/1",
            "Microsoft.Authorization/roleAssignments/write",
        ),
        ("POST", "https://login.microsoftonline.com/t/oauth2/v2.0/token", "oauth2/v2.0/token"),
        ("GET", f"{BLOBS}/?comp=list", f"{BLOB_SERVICES}/containers/read"),
        (
            "POST",
            f"{BLOBS}/?restype=service&comp=userdelegationkey",
            f"{BLOB_SERVICES}/generateUserDelegationKey/action",
        ),
        ("GET", f"{BLOBS}/registry?restype=container&comp=list", f"{BLOB_SERVICES}/containers/blobs/read"),
        ("PUT", f"{BLOBS}/registry?restype=container", f"{BLOB_SERVICES}/containers/write"),
        ("GET", f"{BLOBS}/registry/probe", f"{BLOB_SERVICES}/containers/blobs/read"),
        ("PUT", f"{BLOBS}/registry/probe?comp=metadata", f"{BLOB_SERVICES}/containers/blobs/write"),
        ("DELETE", f"{BLOBS}/registry/probe", f"{BLOB_SERVICES}/containers/blobs/delete"),
        # not to be taken for another: containers may have such names
        ("GET", f"{BLOBS}/subscriptions/probe", f"{BLOB_SERVICES}/containers/blobs/read"),
        ("PUT", f"{BLOBS}/oauth2/v2.0/token", f"{BLOB_SERVICES}/containers/blobs/write"),
    ],
)
def test_an_action_is_that_of_azure(method: str, url: str, expected: str) -> None:
    assert action(method, url) == expected


@pytest.mark.parametrize(
    ("method", "url"),
    [
        ("GET", f"{ARM}/"),
        ("GET", GROUP),
        ("GET", f"{GROUP}/providers/Microsoft.Compute/virtualMachines/x"),
        ("GET", f"{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/x/a-name-of-somebody/y"),
        ("POST", f"{IDENTITIES}/gitlab/associatedResources"),
        ("POST", f"{IDENTITIES}/gitlab"),
        ("HEAD", f"{BLOBS}/"),
        ("POST", f"{BLOBS}/registry/probe"),
        ("GET", f"{BLOBS}/registry?comp=acl"),
    ],
)
def test_what_is_not_known_has_one_name(method: str, url: str) -> None:
    """Else names that people give would make metrics without end."""
    assert action(method, url) == OTHER
