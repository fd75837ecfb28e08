"""Two resources that do not affect each other: in two namespaces, and in one."""

from collections.abc import Callable

from .behind import annotations, annotations_for, drift, put_credential, remove
from .operating import GROUP
from .resources import GitLab

New = Callable[..., GitLab]


def stands(gitlab: GitLab) -> None:
    """Every object of this resource exists, and Ready is still True after another pass."""
    gitlab.reconcile_now()
    found = gitlab.ready()
    assert len(gitlab.credentials()) == 1
    assert len(gitlab.assignments()) == 1
    assert all(gitlab.exists("secret", name) for name in found["status"]["secrets"].values())
    for account in found["status"]["serviceAccounts"]:
        assert annotations(gitlab, account["name"]) == annotations_for(found["status"]["identity"]["clientId"])


def test_in_two_namespaces_each_deleted_alone(new_gitlab: New) -> None:
    one, other = new_gitlab(), new_gitlab()
    one.apply()
    other.apply()
    identities = {one.ready()["status"]["identity"]["clientId"], other.ready()["status"]["identity"]["clientId"]}
    assert len(identities) == 2
    assert one.identity_name != other.identity_name

    one.delete()

    assert one.identities() == []
    stands(other)
    assert len(other.identities()) == 1

    other.delete()

    assert other.identities() == []


def test_the_repair_of_one_does_not_touch_the_other(new_gitlab: New) -> None:
    one, other = new_gitlab().apply(), new_gitlab().apply()
    one.ready()
    other.ready()
    before = other.live()["metadata"]["resourceVersion"]
    one.remove_assignments()
    remove(one, "secret", "gitlab-object-storage")

    one.reconcile_now()

    assert "secret gitlab-object-storage" in drift(one)
    assert other.live()["metadata"]["resourceVersion"] == before
    assert [event["reason"] for event in other.events()] == ["Applied", "Ready"]


def test_in_one_namespace_with_service_accounts_of_their_own(new_gitlab: New) -> None:
    one = new_gitlab()
    other = new_gitlab(one.namespace, "staging")
    one.apply().ready()
    other.apply(serviceAccounts=[{"name": "staging"}]).ready()

    assert one.identity_name != other.identity_name
    assert {each["properties"]["subject"] for each in one.credentials() + other.credentials()} == {
        f"system:serviceaccount:{one.namespace}:gitlab",
        f"system:serviceaccount:{one.namespace}:staging",
    }
    stands(one)
    stands(other)

    one.delete()

    stands(other)
    assert not one.exists("serviceaccount", "gitlab")
    assert not one.exists("secret", "gitlab-object-storage")
    assert other.exists("secret", "staging-object-storage")
    assert other.exists("configmap", "staging-gitlab-values")

    other.delete()

    assert other.identities() == []


def test_a_name_that_begins_like_another_is_not_confused_with_it(new_gitlab: New) -> None:
    """Objects of `gitlab` must not be found among those of `gitlab-staging`, nor the other way round."""
    one = new_gitlab()
    other = new_gitlab(one.namespace, "gitlab-staging")
    one.apply().ready()
    other.apply(serviceAccounts=[{"name": "gitlab-staging"}]).ready()

    one.delete()

    stands(other)


def test_one_service_account_cannot_belong_to_two(new_gitlab: New) -> None:
    one = new_gitlab()
    other = new_gitlab(one.namespace, "second")
    client_id = one.apply().ready()["status"]["identity"]["clientId"]

    other.apply().condition("Ready", "False", "NotOwned")

    assert other.message("ServiceAccountsAnnotated") == (
        "Service account gitlab exists and belongs to GitLabAzureIdentity gitlab. Choose another name "
        "here, or take it from that one. To hand it over: "
        f"kubectl -n {one.namespace} annotate serviceaccount gitlab gitlabazure.io/adopt-by=second"
    )
    assert annotations(one) == annotations_for(client_id)
    other.delete()
    stands(one)


def test_somebody_elses_credential_on_our_identity_is_left_alone(new_gitlab: New) -> None:
    gitlab = new_gitlab().apply()
    gitlab.ready()
    put_credential(
        gitlab,
        "github-actions",
        issuer="https://token.actions.githubusercontent.com",
        subject="repo:example/shop:ref:refs/heads/main",
        audiences=["api://AzureADTokenExchange"],
    )

    gitlab.reconcile_now()

    assert {each["name"] for each in gitlab.credentials()} > {"github-actions"}
    assert len(gitlab.credentials()) == 2
    assert [each["subject"] for each in gitlab.live()["status"]["federatedCredentials"]] == [
        f"system:serviceaccount:{gitlab.namespace}:gitlab"
    ]


def test_many_at_once_are_all_ready(new_gitlab: New) -> None:
    several = [new_gitlab() for _ in range(5)]
    several[0].lab.controls.clear_calls()

    for gitlab in several:
        gitlab.apply()
    for gitlab in several:
        gitlab.ready(60)

    assert len(several[0].writes()) == 15
    names = {gitlab.identity_name for gitlab in several}
    found = several[0].azure("GET", f"{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities")[1]["value"]
    assert names <= {identity["name"] for identity in found}
