"""The operator's settings by its record, for somebody who may not read them."""

from __future__ import annotations

from typing import Any

import pytest

from gitlab_azure_identity.domain.clouds import CLOUDS
from gitlab_azure_identity.domain.desired import Defaults
from gitlab_azure_identity.domain.goal import reconcile_goal
from gitlab_azure_identity.domain.ownership import CLUSTER_TAG
from gitlab_azure_identity.domain.terms import recorded_cloud, recorded_terms

from .worlds import CLIENT, GROUP, ISSUER, PRINCIPAL, STORAGE, SUBSCRIPTION, TENANT, resource

PUBLIC = CLOUDS["AzurePublic"]
PLACE = f"{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/lab_gitlab_gitlab"
IDENTITY = {
    "name": "lab_gitlab_gitlab",
    "resourceId": PLACE,
    "clientId": CLIENT,
    "principalId": PRINCIPAL,
    "tenantId": TENANT,
}
ASSIGNED = {
    "name": "0fd3b3c8-0000-4000-8000-000000000001",
    "role": "Storage Blob Data Contributor",
    "scope": f"{STORAGE}/gitlabstore",
}


def recorded(**status: Any) -> Any:
    return resource(status={"identity": {**IDENTITY, "origin": "Created"}, "roleAssignments": [ASSIGNED], **status})


@pytest.mark.parametrize(
    ("endpoint", "cloud"),
    [
        ("https://gitlabstore.blob.core.windows.net/", "AzurePublic"),
        ("https://gitlabstore.blob.core.chinacloudapi.cn/", "AzureChina"),
        ("https://gitlabstore.z12.blob.storage.azure.net/", None),
    ],
)
def test_the_cloud_is_that_of_the_blob_endpoint(endpoint: str, cloud: str | None) -> None:
    assert recorded_cloud(recorded(storage={"blobEndpoint": endpoint})) == (CLOUDS[cloud] if cloud else None)


def test_no_blob_endpoint_says_nothing_of_the_cloud() -> None:
    assert recorded_cloud(resource()) is None


def test_the_record_gives_the_goal_that_the_settings_would_give() -> None:
    one = recorded()
    terms = recorded_terms(one, PUBLIC, {CLUSTER_TAG: "lab"})

    assert terms is not None
    assert (terms.cluster, terms.defaults) == (
        "lab",
        Defaults(subscription_id=SUBSCRIPTION, resource_group="rg-gitlab", storage_resource_group="rg-storage"),
    )
    goal = reconcile_goal(one, terms, ISSUER)
    assert str(goal.desired.identity.id) == PLACE
    assert str(goal.desired.storage.scope) == f"{STORAGE}/gitlabstore"
    assert (goal.may_create, goal.may_adopt) == (True, False)


def test_an_adopted_identity_stays_adopted_whomever_it_trusts() -> None:
    one = recorded(identity={**IDENTITY, "origin": "Adopted"})
    terms = recorded_terms(one, PUBLIC, {})

    assert terms is not None
    goal = reconcile_goal(one, terms, ISSUER)
    assert goal.may_adopt
    assert goal.shared_with == ("*",)


def test_an_account_without_a_role_on_record_is_where_the_spec_has_it() -> None:
    terms = recorded_terms(recorded(roleAssignments=[]), PUBLIC, {})

    assert terms is not None
    assert terms.defaults.storage_resource_group is None


@pytest.mark.parametrize("status", [{}, {"identity": {"name": "lab_gitlab_gitlab"}}])
def test_without_an_identity_on_record_nothing_follows(status: dict[str, Any]) -> None:
    assert recorded_terms(resource(status=status), PUBLIC, {}) is None
