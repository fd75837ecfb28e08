"""Somebody else makes the identity, its federated credentials or the roles: the operator checks them and writes nothing there."""

import itertools
from collections.abc import Iterator

import pytest

from lab.azure import seeded
from lab.running import Lab

from .behind import annotations, until
from .operating import ADOPTABLE, GROUP, STORAGE, SUBSCRIPTION
from .owner import (
    assign,
    create_identity,
    delete_identity,
    foreign_identity,
    granted,
    identity,
    stalled,
    standing,
    unassign,
    without_rights,
)
from .resources import GitLab
from .watching import Object

ACCOUNT = f"{STORAGE}/gitlabstore"
ROLE = "Storage Blob Data Contributor"
OBSERVE = {"management": "Observe"}
# Not those of test_ownership_azure.py: the operator keeps Azure's published rates for each identity.
_lent = itertools.cycle(reversed(ADOPTABLE))


@pytest.fixture
def theirs(lab: Lab) -> Iterator[Object]:
    """An identity that the platform team made with Terraform, and that policy lets the resource use."""
    name = next(_lent)
    yield create_identity(lab, name, {"made-with": "terraform"})
    delete_identity(lab, name)


@pytest.fixture
def reader_only(lab: Lab) -> Iterator[None]:
    """The operator may read, and has no right to write anything."""
    with (
        without_rights(lab, GROUP),
        without_rights(lab, ACCOUNT),
        granted(lab, "Reader", GROUP),
        granted(lab, "Reader", ACCOUNT),
    ):
        yield


def subject(gitlab: GitLab) -> str:
    return f"system:serviceaccount:{gitlab.namespace}:gitlab"


def federate(gitlab: GitLab, on: Object, name: str = "terraform", issuer: str = seeded.ISSUER) -> str:
    properties = {
        "issuer": issuer,
        "subject": subject(gitlab),
        "audiences": [seeded.AUDIENCE],
    }
    path = f"{on['id']}/federatedIdentityCredentials/{name}"
    status, made = gitlab.azure("PUT", path, {"properties": properties})
    assert status in (200, 201), made
    return path


def grant(gitlab: GitLab, on: Object) -> str:
    return assign(gitlab.lab, ROLE, ACCOUNT, on["properties"]["principalId"], description="terraform")


def observed(gitlab: GitLab, on: Object, **spec: object) -> GitLab:
    return gitlab.apply(identity={"name": on["name"], **OBSERVE}, roleAssignments=OBSERVE, **spec)


def test_what_somebody_else_made_is_used_with_the_right_to_read_alone(
    gitlab: GitLab, theirs: Object, reader_only: None
) -> None:
    federate(gitlab, theirs)
    role = grant(gitlab, theirs)
    gitlab.lab.controls.clear_calls()

    found = observed(gitlab, theirs, azure={"tags": {"app": "gitlab"}}).ready()

    assert found["status"]["identity"]["origin"] == "Observed"
    assert gitlab.message("IdentityReady") == f"Managed identity {theirs['name']} exists. It is only observed."
    assert annotations(gitlab, "gitlab")["azure.workload.identity/client-id"] == theirs["properties"]["clientId"]
    assert gitlab.writes() == []

    gitlab.delete()

    assert gitlab.writes() == []
    assert identity(gitlab.lab, theirs["name"]) == theirs
    assert [one["name"] for one in gitlab.credentials(theirs["name"])] == ["terraform"]
    assert len(gitlab.assignments(principal=theirs["properties"]["principalId"])) == 1
    assert not gitlab.exists("serviceaccount", "gitlab")
    assert not gitlab.exists("secret", "gitlab-object-storage")
    unassign(gitlab.lab, role)


@pytest.mark.parametrize(
    ("scope", "where"), [(GROUP, "resource group rg-gitlab"), (ACCOUNT, "storage account gitlabstore")]
)
def test_an_operator_that_may_not_see_it_is_told_the_role_that_only_reads(
    gitlab: GitLab, theirs: Object, scope: str, where: str
) -> None:
    federate(gitlab, theirs)

    with without_rights(gitlab.lab, scope):
        observed(gitlab, theirs)
        message = stalled(gitlab, "AuthorizationFailed")

    assert f'Grant its identity "Reader" on {where}: docs/azure-permissions.md#only-to-observe.' in message


def test_what_is_missing_is_told_link_by_link(gitlab: GitLab, theirs: Object, reader_only: None) -> None:
    """The platform team adds what the status says, one after the other."""
    gitlab.lab.controls.clear_calls()

    observed(gitlab, theirs)

    message = stalled(gitlab, "NotFound")
    assert message.startswith(
        f"Managed identity {theirs['name']} has no federated credential for {subject(gitlab)} with issuer {seeded.ISSUER}. "
        "spec.identity.management is Observe: somebody else has to add what is missing."
    )
    assert message.endswith(
        f"az identity federated-credential create --subscription {seeded.SUBSCRIPTION} --resource-group rg-gitlab "
        f"--identity-name {theirs['name']} --name lab-{gitlab.namespace}-gitlab --issuer {seeded.ISSUER} "
        f"--subject {subject(gitlab)} --audiences api://AzureADTokenExchange"
    )
    assert standing(gitlab)["RolesAssigned"] == "False NotFound"
    assert standing(gitlab)["ServiceAccountsAnnotated"] == "True Annotated"
    assert [one["kind"] for one in gitlab.live()["status"]["missing"]] == ["FederatedCredential", "RoleAssignment"]

    federate(gitlab, theirs)
    role = grant(gitlab, theirs)
    gitlab.reconcile_now()

    assert "missing" not in gitlab.ready()["status"]
    assert gitlab.writes() == []
    unassign(gitlab.lab, role)


def test_what_is_removed_later_is_told_and_not_restored(gitlab: GitLab, theirs: Object) -> None:
    """Also where the operator has every right that it takes."""
    credential, role = federate(gitlab, theirs), grant(gitlab, theirs)
    observed(gitlab, theirs).ready()
    gitlab.lab.controls.clear_calls()

    assert gitlab.azure("DELETE", credential)[0] == 200
    unassign(gitlab.lab, role)
    gitlab.reconcile_now()

    assert "has no federated credential" in stalled(gitlab, "NotFound")
    assert standing(gitlab)["RolesAssigned"] == "False NotFound"
    until(lambda: gitlab.events()[-1]["reason"] == "NotFound", "the event about it")
    assert gitlab.writes() == []


def test_a_credential_with_almost_the_issuer_is_named(gitlab: GitLab, theirs: Object) -> None:
    """Without the slash at its end it is another issuer to Entra."""
    federate(gitlab, theirs, "almost", issuer=seeded.ISSUER.rstrip("/"))

    observed(gitlab, theirs)

    assert f"Its credential almost trusts {subject(gitlab)} by issuer {seeded.ISSUER.rstrip('/')} instead." in stalled(
        gitlab, "NotFound"
    )


def test_a_role_above_the_account_is_proven_to_be_enough(gitlab: GitLab, theirs: Object) -> None:
    """The operator looks for its role at the account. What the platform team assigned may be another one, or elsewhere."""
    federate(gitlab, theirs)
    group = f"{SUBSCRIPTION}/resourceGroups/{seeded.STORAGE_GROUP}"
    role = assign(gitlab.lab, "Storage Blob Data Owner", group, theirs["properties"]["principalId"])

    found = observed(gitlab, theirs).ready()

    assert standing(gitlab)["RolesAssigned"] == "True Proven"
    assert "missing" not in found["status"]
    unassign(gitlab.lab, role)
    gitlab.reconcile_now()
    assert "does not have role" in stalled(gitlab, "NotFound")


def test_what_was_just_added_may_take_azure_a_while(gitlab: GitLab, theirs: Object) -> None:
    observed(gitlab, theirs)
    stalled(gitlab, "NotFound")
    gitlab.lab.controls.set(credential_propagation=3)

    federate(gitlab, theirs)
    role = grant(gitlab, theirs)
    gitlab.annotate("gitlabazure.io/requested-at=now")

    gitlab.condition("AccessVerified", "Unknown", "Propagating")
    gitlab.ready()
    unassign(gitlab.lab, role)


def test_only_the_roles_are_managed(gitlab: GitLab, theirs: Object) -> None:
    federate(gitlab, theirs)
    gitlab.lab.controls.clear_calls()

    gitlab.apply(identity={"name": theirs["name"], **OBSERVE}).ready()

    assert [call.path.split("/")[-2] for call in gitlab.writes()] == ["roleAssignments"]
    principal = theirs["properties"]["principalId"]
    assert len(gitlab.assignments(principal=principal)) == 1
    gitlab.delete()
    assert gitlab.assignments(principal=principal) == []
    assert [one["name"] for one in gitlab.credentials(theirs["name"])] == ["terraform"]
    assert identity(gitlab.lab, theirs["name"]) == theirs


def test_only_the_identity_is_managed(gitlab: GitLab) -> None:
    gitlab.apply(roleAssignments=OBSERVE)
    message = stalled(gitlab, "NotFound")
    principal = gitlab.principal
    assert f"az role assignment create --assignee-object-id {principal} " in message
    role = assign(gitlab.lab, ROLE, ACCOUNT, principal)
    gitlab.reconcile_now()
    gitlab.ready()

    gitlab.delete()

    assert gitlab.identities() == []
    assert len(gitlab.assignments(principal=principal)) == 1
    unassign(gitlab.lab, role)


def test_from_manage_to_observe_everything_stays_and_is_left(gitlab: GitLab) -> None:
    name = gitlab.apply(azure={"tags": {"team": "platform"}}).ready()["status"]["identity"]["name"]
    principal = gitlab.principal
    before = identity(gitlab.lab, name), gitlab.credentials(), gitlab.assignments()
    gitlab.lab.controls.clear_calls()

    found = gitlab.apply(identity=OBSERVE, roleAssignments=OBSERVE, azure={"tags": {"team": "other"}}).ready()

    assert found["status"]["identity"]["origin"] == "Created"
    assert gitlab.message("IdentityReady") == f"Managed identity {name} exists and is ours. It is only observed."
    gitlab.delete()
    assert gitlab.writes() == []
    assert (identity(gitlab.lab, name), gitlab.credentials(name), gitlab.assignments(principal=principal)) == before
    left = [one["message"] for one in gitlab.events() if one["reason"] == "LeftBehind"]
    assert [one.partition(" stays")[0].split("/")[-1] for one in left] == [
        name,
        f"Role assignment {before[2][0]['name']} at storage account gitlabstore",
    ]
    unassign(gitlab.lab, before[2][0]["id"])
    delete_identity(gitlab.lab, name)


def test_a_deletion_needs_no_right_to_what_is_observed(gitlab: GitLab, theirs: Object) -> None:
    federate(gitlab, theirs)
    role = grant(gitlab, theirs)
    observed(gitlab, theirs).ready()

    with without_rights(gitlab.lab, GROUP), without_rights(gitlab.lab, ACCOUNT):
        gitlab.delete()

    assert not gitlab.exists("serviceaccount", "gitlab")
    unassign(gitlab.lab, role)


def test_from_observe_to_manage_what_policy_lets_us_adopt_is_managed(gitlab: GitLab, theirs: Object) -> None:
    observed(gitlab, theirs)
    stalled(gitlab, "NotFound")

    found = gitlab.apply(identity={"name": theirs["name"]}, roleAssignments={}).ready()

    assert found["status"]["identity"]["origin"] == "Adopted"
    assert len(gitlab.credentials(theirs["name"])) == 1
    gitlab.delete()
    assert gitlab.credentials(theirs["name"]) == []
    assert identity(gitlab.lab, theirs["name"]) == theirs


def test_somebody_elses_identity_is_not_used_without_the_policys_permission(gitlab: GitLab, lab: Lab) -> None:
    name = f"not-lent-{gitlab.namespace}"
    with foreign_identity(lab, name) as found:
        federate(gitlab, found)
        gitlab.lab.controls.clear_calls()

        gitlab.apply(identity={"name": name, **OBSERVE}, roleAssignments=OBSERVE)

        assert f"identities: {{adopt: [{found['id']}]}}" in stalled(gitlab, "NotOwned").replace(
            "resourceGroups", "resourcegroups"
        )
        tokens = [call for call in gitlab.lab.controls.calls() if call.path.endswith("/token") and call.caller == name]
        assert tokens == []
        assert not gitlab.exists("serviceaccount", "gitlab")
