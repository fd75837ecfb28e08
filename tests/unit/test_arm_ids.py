"""ARM ids and roles as values: their text, their parts, and which are equal."""

from __future__ import annotations

import pytest

from gitlab_azure_identity.domain.arm_ids import IdentityId, ResourceGroupId, StorageScope, folded
from gitlab_azure_identity.domain.roles import STORAGE_BLOB_DATA_CONTRIBUTOR, definition_id, guid_of

from .worlds import SUBSCRIPTION

SUB = f"/subscriptions/{SUBSCRIPTION}"
ACCOUNT = f"{SUB}/resourceGroups/rg-storage/providers/Microsoft.Storage/storageAccounts/gitlabstore"
IDENTITY = f"{SUB}/resourceGroups/rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/lab-gitlab-gitlab"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (ResourceGroupId(SUBSCRIPTION, "rg"), f"{SUB}/resourceGroups/rg"),
        (IdentityId(SUBSCRIPTION, "rg", "lab-gitlab-gitlab"), IDENTITY),
        (StorageScope(SUBSCRIPTION, "rg-storage", "gitlabstore"), ACCOUNT),
        (
            StorageScope(SUBSCRIPTION, "rg-storage", "gitlabstore", "registry"),
            f"{ACCOUNT}/blobServices/default/containers/registry",
        ),
    ],
)
def test_a_value_is_its_id_and_back(value: ResourceGroupId | IdentityId | StorageScope, text: str) -> None:
    assert str(value) == text
    assert type(value).parse(text) == value
    assert type(value).parse(text.lower()).same_as(value)
    assert value.same_as(text.upper())
    assert not value.same_as(f"{text}2")


@pytest.mark.parametrize(
    "text", ["", "/", "no id", SUB, f"{IDENTITY}/x", f"{ACCOUNT}/blobServices/default", f" {ACCOUNT}"]
)
def test_what_is_no_such_id_is_refused_with_the_text(text: str) -> None:
    for kind in (ResourceGroupId, IdentityId, StorageScope):
        with pytest.raises(ValueError, match="not the ARM id of a") as refused:
            kind.parse(text)
        assert repr(text) in str(refused.value)


def test_a_scope_in_words_and_its_account() -> None:
    account = StorageScope.parse(ACCOUNT)
    container = account.at("registry")

    assert account.words == "storage account gitlabstore"
    assert container.words == "container registry of storage account gitlabstore"
    assert (account.whole_account, container.whole_account) == (account, account)


def test_the_same_identity_in_another_group() -> None:
    other = IdentityId.parse(IDENTITY).within(ResourceGroupId("other", "rg-2"))

    assert other == IdentityId("other", "rg-2", "lab-gitlab-gitlab")
    assert other.group == ResourceGroupId("other", "rg-2")


def test_roles_are_known_by_guid() -> None:
    """Azure may answer without the subscription, and in another case."""
    guid = STORAGE_BLOB_DATA_CONTRIBUTOR.guid
    sent = definition_id(SUBSCRIPTION, STORAGE_BLOB_DATA_CONTRIBUTOR)

    assert sent == f"{SUB}/providers/Microsoft.Authorization/roleDefinitions/ba92f5b4-2d11-453d-a403-e96b0029c9fe"
    assert guid_of(sent) == guid_of(f"/providers/Microsoft.Authorization/roleDefinitions/{guid.upper()}") == guid


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        ("/subscriptions/S/resourceGroups/rg/x", "/subscriptions/s/resourcegroups/RG/X", True),
        ("/subscriptions/s/resourceGroups/rg", "subscriptions/s/resourceGroups/rg/", True),
        ("/subscriptions/s/resourceGroups/rg", "/subscriptions/s/resourceGroups/rg2", False),
        ("/subscriptions/s/resourceGroups/straße", "/subscriptions/s/resourceGroups/strasse", False),
        # three sigmas, and both mu, have one capital
        ("/subscriptions/s/resourceGroups/\u03c3", "/subscriptions/s/resourceGroups/\u03a3", True),
        ("/subscriptions/s/resourceGroups/\u03c2", "/subscriptions/s/resourceGroups/\u03a3", True),
        ("/subscriptions/s/resourceGroups/\u00b5", "/subscriptions/s/resourceGroups/\u03bc", True),
        # the Kelvin sign is no k, the long s no s, and the Turkish i no i
        ("/subscriptions/s/resourceGroups/\u212a", "/subscriptions/s/resourceGroups/k", False),
        ("/subscriptions/s/resourceGroups/\u017f", "/subscriptions/s/resourceGroups/s", False),
        ("/subscriptions/s/resourceGroups/\u0131", "/subscriptions/s/resourceGroups/i", False),
        ("/subscriptions/s/resourceGroups/\u0130", "/subscriptions/s/resourceGroups/i\u0307", False),
    ],
)
def test_case_does_not_count(a: str, b: str, same: bool) -> None:
    assert (folded(a) == folded(b)) is same
