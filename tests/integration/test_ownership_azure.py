"""Ownership in Azure: objects of others are used where they fit, and never changed or deleted."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from lab.azure import seeded
from lab.running import Lab

from .behind import put_credential, put_tags, until_events
from .operating import ADOPTABLE, STORAGE
from .owner import assign, condition, create_identity, delete_identity, identity, stalled, standing, unassign
from .resources import CONTRIBUTOR, GitLab
from .watching import Object

MakeGitLab = Callable[..., GitLab]
ACCOUNT = f"{STORAGE}/gitlabstore"
DATA_ROLE = "Storage Blob Data Contributor"


# A new one for each test: the operator keeps Azure's published rates for each identity.
_lent = iter(ADOPTABLE)


@pytest.fixture
def shared(lab: Lab) -> Iterator[Object]:
    """An identity of others that the policy lets the resource adopt, in another region than the operator's default."""
    name = next(_lent)
    yield create_identity(lab, name, {"team": "platform"}, location="northeurope")
    delete_identity(lab, name)


def federate(
    lab: Lab, on: Object, name: str, subject: str, issuer: str = seeded.ISSUER, audience: str = seeded.AUDIENCE
) -> Object:
    """A federated credential of an identity, created by hand."""
    properties = {"issuer": issuer, "subject": subject, "audiences": [audience]}
    status, made = lab.arm("PUT", f"{on['id']}/federatedIdentityCredentials/{name}", {"properties": properties})
    assert status == 201, made
    return made


def subjects(lab: Lab, on: Object) -> set[str]:
    found = lab.arm("GET", f"{on['id']}/federatedIdentityCredentials")[1]["value"]
    return {credential["properties"]["subject"] for credential in found}


def subject(gitlab: GitLab, service_account: str = "gitlab") -> str:
    return f"system:serviceaccount:{gitlab.namespace}:{service_account}"


def test_an_adopted_identity_is_used_and_then_left_as_it_was(gitlab: GitLab, shared: Object) -> None:
    principal = shared["properties"]["principalId"]
    gitlab.lab.controls.clear_calls()

    found = gitlab.apply(identity={"name": shared["name"]}, azure={"tags": {"app": "gitlab"}}).ready()

    assert found["status"]["identity"]["origin"] == "Adopted"
    assert condition(found, "IdentityReady")["message"] == (
        f"Managed identity {shared['name']} is used by permission of the operator's policy."
    )
    assert identity(gitlab.lab, shared["name"]) == shared  # neither tags nor location
    assert sorted(call.path.split("/")[-2] for call in gitlab.writes()) == [
        "federatedIdentityCredentials",
        "roleAssignments",
    ]

    gitlab.delete()

    assert identity(gitlab.lab, shared["name"]) == shared
    assert gitlab.credentials(shared["name"]) == []
    assert gitlab.assignments(principal=principal) == []


def test_two_resources_on_one_adopted_identity_leave_each_other_alone(new_gitlab: MakeGitLab, shared: Object) -> None:
    """Azure has one role assignment for both. It is deleted with the resource that created it, and the other creates its own at
    once."""
    first, second = new_gitlab(), new_gitlab()
    first.apply(identity={"name": shared["name"]}).ready()
    second.apply(identity={"name": shared["name"]}).ready()
    assert subjects(first.lab, shared) == {subject(first), subject(second)}

    first.apply(identity={"name": shared["name"]}, serviceAccounts=[{"name": "runner"}]).ready()
    assert subjects(first.lab, shared) == {subject(first, "runner"), subject(second)}

    first.delete()
    assert subjects(first.lab, shared) == {subject(second)}
    until_events(second, "Applied", "Ready", "DriftRepaired")
    (made,) = second.assignments()
    assert made["properties"]["description"] == f"gitlabazure.io/owner=lab/{second.namespace}/gitlab"

    second.delete()
    assert second.credentials(shared["name"]) == []
    assert second.assignments(principal=shared["properties"]["principalId"]) == []
    assert identity(second.lab, shared["name"]) == shared


def test_a_credential_created_by_hand_is_used_and_left(gitlab: GitLab, shared: Object) -> None:
    by_hand = federate(gitlab.lab, shared, "by-hand", subject(gitlab))

    found = gitlab.apply(identity={"name": shared["name"]}).ready()

    assert found["status"]["federatedCredentials"] == [{"name": "by-hand", "subject": subject(gitlab)}]
    assert gitlab.credentials(shared["name"]) == [by_hand]
    gitlab.delete()
    assert gitlab.credentials(shared["name"]) == [by_hand]


def test_a_credential_created_by_hand_for_another_audience_is_an_obstacle(gitlab: GitLab, shared: Object) -> None:
    federate(gitlab.lab, shared, "by-hand", subject(gitlab), audience="api://other")

    gitlab.apply(identity={"name": shared["name"]})

    assert stalled(gitlab, "Conflict") == (
        f"Federated credential by-hand of managed identity {shared['name']} already trusts subject {subject(gitlab)}, but "
        "for audience api://other instead of api://AzureADTokenExchange. Remove it: az identity federated-credential delete "
        f"--subscription {seeded.SUBSCRIPTION} --resource-group rg-gitlab --identity-name {shared['name']} --name by-hand --yes"
    )
    assert gitlab.azure("DELETE", f"{shared['id']}/federatedIdentityCredentials/by-hand")[0] == 200
    gitlab.ready(seconds=15)  # by itself


def test_credentials_that_look_like_ours_but_are_not_stay(gitlab: GitLab, shared: Object) -> None:
    """A credential is ours by its name, its issuer and a subject in our own namespace: all three."""
    gitlab.apply(identity={"name": shared["name"]}).ready()
    prefix = gitlab.credentials(shared["name"])[0]["name"].removesuffix("gitlab")
    theirs = [
        federate(gitlab.lab, shared, f"{prefix}elsewhere", "system:serviceaccount:elsewhere:gitlab"),
        federate(gitlab.lab, shared, f"{prefix}issuer", subject(gitlab), issuer="https://issuer.example.com/"),
        federate(gitlab.lab, shared, "gai-0000000000-gitlab", subject(gitlab, "runner")),
    ]

    gitlab.delete()

    assert sorted(c["name"] for c in gitlab.credentials(shared["name"])) == sorted(c["name"] for c in theirs)


def test_a_role_assignment_created_by_hand_is_used_and_left(gitlab: GitLab, shared: Object) -> None:
    by_hand = assign(gitlab.lab, DATA_ROLE, ACCOUNT, shared["properties"]["principalId"], description="platform team")
    try:
        found = gitlab.apply(identity={"name": shared["name"]}).ready()

        (entry,) = found["status"]["roleAssignments"]
        assert by_hand.endswith(entry["name"])
        assert condition(found, "RolesAssigned")["reason"] == "Assigned"
        gitlab.delete()
        (left,) = gitlab.assignments(principal=shared["properties"]["principalId"])
        assert left["id"] == by_hand
        assert left["properties"]["description"] == "platform team"
    finally:
        unassign(gitlab.lab, by_hand)


def test_another_role_of_the_identity_is_left_alone(gitlab: GitLab) -> None:
    gitlab.apply().ready()
    principal = gitlab.principal
    reader = assign(gitlab.lab, "Reader", ACCOUNT, principal)

    gitlab.reconcile_now()
    gitlab.ready()
    assert len(gitlab.assignments()) == 2
    gitlab.delete()

    (left,) = gitlab.assignments(principal=principal)
    assert left["id"] == reader
    unassign(gitlab.lab, reader)


def test_twenty_credentials_of_others_leave_no_room(gitlab: GitLab, shared: Object) -> None:
    for number in range(20):
        federate(gitlab.lab, shared, f"theirs-{number}", f"system:serviceaccount:theirs:sa-{number}")
    gitlab.lab.controls.clear_calls()

    gitlab.apply(identity={"name": shared["name"]})

    assert stalled(gitlab, "LimitExceeded") == (
        f"Managed identity {shared['name']} would need 21 federated credentials, and Azure allows 20. Use fewer "
        "service accounts, or another identity."
    )
    assert standing(gitlab)["CredentialsFederated"] == "False LimitExceeded"
    assert [call for call in gitlab.writes() if "federatedIdentityCredentials" in call.path] == []
    assert len(gitlab.credentials(shared["name"])) == 20

    assert gitlab.azure("DELETE", f"{shared['id']}/federatedIdentityCredentials/theirs-7")[0] == 200
    gitlab.reconcile_now()
    gitlab.ready()


def test_half_a_set_of_credentials_is_not_created(gitlab: GitLab, shared: Object) -> None:
    for number in range(19):
        federate(gitlab.lab, shared, f"theirs-{number}", f"system:serviceaccount:theirs:sa-{number}")

    gitlab.apply(identity={"name": shared["name"]}, serviceAccounts=[{"name": "gitlab"}, {"name": "runner"}])

    assert "would need 21 federated credentials" in stalled(gitlab, "LimitExceeded")
    assert len(gitlab.credentials(shared["name"])) == 19


def test_tags_of_others_are_kept_when_ours_are_merged(gitlab: GitLab) -> None:
    gitlab.apply(azure={"tags": {"team": "platform"}}).ready()
    (made,) = gitlab.identities()
    ours: dict[str, Any] = made["tags"]
    put_tags(gitlab, {**ours, "cost-center": "42"})

    gitlab.apply(azure={"tags": {"team": "gitlab", "app": "gitlab"}}).ready()

    (found,) = gitlab.identities()
    assert found["tags"] == {**ours, "cost-center": "42", "team": "gitlab", "app": "gitlab"}


def test_an_identity_whose_tags_were_removed_is_no_longer_ours(gitlab: GitLab) -> None:
    gitlab.apply().ready()
    name, principal = gitlab.identity_name, gitlab.principal
    put_tags(gitlab, {"team": "platform"})

    gitlab.reconcile_now()

    assert stalled(gitlab, "NotOwned").startswith(
        f"Managed identity {name} exists and does not carry this operator's tags."
    )
    assert len(gitlab.credentials(name)) == 1
    gitlab.delete()
    assert gitlab.credentials(name) == gitlab.assignments(principal=principal) == []
    assert identity(gitlab.lab, name) is not None
    (message,) = (event["message"] for event in gitlab.events() if event["reason"] == "LeftBehind")
    assert message == (
        f"Managed identity {name} stays: the status says that this resource created it, but its tags do not say so. Find out "
        "whose it is before you delete it."
    )
    delete_identity(gitlab.lab, name)


def test_the_identity_of_one_resource_is_never_used_by_another(gitlab: GitLab, new_gitlab: MakeGitLab) -> None:
    """In two namespaces. The second resource asks for the first one's identity by its name."""
    gitlab.apply(identity={"name": f"main-{gitlab.namespace}"}).ready()
    second = new_gitlab()

    second.apply(identity={"name": gitlab.identity_name})

    assert stalled(second, "NotOwned").startswith(
        f"Managed identity {gitlab.identity_name} exists and belongs to lab/{gitlab.namespace}/gitlab."
    )
    second.delete()
    assert len(gitlab.credentials()) == len(gitlab.assignments()) == 1
    assert gitlab.assignments()[0]["properties"]["roleDefinitionId"].endswith(CONTRIBUTOR)


def test_a_credential_added_by_hand_to_our_own_identity_is_deleted_with_it(gitlab: GitLab) -> None:
    """Azure deletes an identity with all its credentials. Until then the operator leaves the credential alone."""
    gitlab.apply().ready()
    name = gitlab.identity_name
    put_credential(
        gitlab, "by-hand", issuer="https://issuer.example.com/", subject="anybody", audiences=[seeded.AUDIENCE]
    )
    gitlab.reconcile_now()
    assert len(gitlab.credentials()) == 2

    gitlab.delete()

    assert identity(gitlab.lab, name) is None


# who else is trusted


def granted(gitlab: GitLab, principal: str) -> list[Object]:
    return gitlab.assignments(principal=principal)


def test_an_adopted_identity_that_trusts_a_stranger_is_granted_nothing(gitlab: GitLab, shared: Object) -> None:
    """An administrator let a resource adopt an identity with a credential of somebody else, who would reach GitLab's storage."""
    principal = shared["properties"]["principalId"]
    theirs = federate(gitlab.lab, shared, "theirs", "system:serviceaccount:evil:gitlab")
    gitlab.lab.controls.clear_calls()

    gitlab.apply(identity={"name": shared["name"]})

    message = stalled(gitlab, "SharedIdentity")
    assert "also trusts system:serviceaccount:evil:gitlab, by its federated credential theirs" in message
    assert "adopt:" not in message  # no rule to copy
    assert standing(gitlab)["IdentityReady"] == "False SharedIdentity"
    assert gitlab.writes() == []
    assert granted(gitlab, principal) == []

    assert gitlab.azure("DELETE", theirs["id"])[0] == 200
    gitlab.reconcile_now()
    gitlab.ready()
    assert len(granted(gitlab, principal)) == 1


def test_a_stranger_that_is_added_later_is_reported_and_nothing_is_removed(gitlab: GitLab, shared: Object) -> None:
    gitlab.apply(identity={"name": shared["name"]}).ready()
    before = gitlab.assignments(), gitlab.credentials(shared["name"])
    theirs = federate(gitlab.lab, shared, "theirs", "system:serviceaccount:evil:gitlab")

    gitlab.reconcile_now()

    assert "also trusts system:serviceaccount:evil:gitlab" in stalled(gitlab, "SharedIdentity")
    assert gitlab.azure("DELETE", theirs["id"])[0] == 200
    gitlab.reconcile_now()
    gitlab.ready()
    assert (gitlab.assignments(), gitlab.credentials(shared["name"])) == before


def test_an_adopted_identity_is_granted_nothing_while_its_credentials_cannot_be_read(
    gitlab: GitLab, shared: Object
) -> None:
    """Then it is unknown whom it trusts."""
    federate(gitlab.lab, shared, "theirs", "system:serviceaccount:evil:gitlab")
    match = f"GET */{shared['name']}/federatedIdentityCredentials"
    gitlab.lab.controls.add_fault(match, status=404, code="ResourceNotFound", times=3)

    gitlab.apply(identity={"name": shared["name"]})

    stalled(gitlab, "SharedIdentity")
    assert granted(gitlab, shared["properties"]["principalId"]) == []


def test_nobody_takes_the_default_name_of_a_resource_in_another_namespace(
    gitlab: GitLab, new_gitlab: MakeGitLab
) -> None:
    """Otherwise somebody with a right to one namespace could take the name first, and would get access to the other's storage."""
    squatter, name = new_gitlab(), f"lab_{gitlab.namespace}_gitlab"

    squatter.apply(identity={"name": name})

    assert stalled(squatter, "NotPermitted") == (
        f"Managed identity name {name} is reserved: it is the default name for resource gitlab in namespace "
        f"{gitlab.namespace}. Delete this resource, and create it anew with another spec.identity.name."
    )
    assert identity(gitlab.lab, name) is None
    gitlab.apply().ready()
    squatter.delete()
    assert len(gitlab.credentials()) == len(gitlab.assignments()) == 1


# two clusters of one name


def test_the_identity_of_two_clusters_with_one_name_stays_for_the_other(gitlab: GitLab) -> None:
    gitlab.apply().ready()
    name, principal = gitlab.identity_name, gitlab.principal
    (made,) = gitlab.identities()
    theirs = federate(gitlab.lab, made, "theirs", subject(gitlab), issuer="https://elsewhere.example.com/")
    gitlab.reconcile_now()

    assert gitlab.message("CredentialsFederated").endswith(
        f"Its federated credential theirs trusts {subject(gitlab)} through issuer https://elsewhere.example.com/: another "
        "cluster calls itself lab too, and both use this managed identity. The operator's setting `cluster` must be unique."
    )
    assert "ClusterNotUnique" in [event["reason"] for event in gitlab.events()]

    gitlab.delete()

    assert identity(gitlab.lab, name) is not None
    assert gitlab.credentials(name) == [theirs]
    assert len(gitlab.assignments(principal=principal)) == 1
    (message,) = (event["message"] for event in gitlab.events() if event["reason"] == "LeftBehind")
    assert message.startswith(f"Managed identity {name} and its roles stay. Its federated credential theirs trusts")
    for left in gitlab.assignments(principal=principal):
        unassign(gitlab.lab, left["id"])
    delete_identity(gitlab.lab, name)
