"""Somebody else makes the identity, its federated credentials or the roles: the operator checks them and writes nothing there."""

import itertools
from collections.abc import Iterator

import pytest

from lab.azure import seeded
from lab.running import Lab

from .behind import annotations
from .operating import ADOPTABLE, GROUP, STORAGE
from .owner import (
    assign,
    create_identity,
    delete_identity,
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


def federate(gitlab: GitLab, on: Object, name: str = "terraform", issuer: str = seeded.ISSUER) -> str:
    properties = {
        "issuer": issuer,
        "subject": f"system:serviceaccount:{gitlab.namespace}:gitlab",
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


def test_what_is_missing_is_told_link_by_link(gitlab: GitLab, theirs: Object, reader_only: None) -> None:
    """The platform team adds what the status says, one after the other."""
    gitlab.lab.controls.clear_calls()

    observed(gitlab, theirs)

    message = stalled(gitlab, "NotFound")
    subject = f"system:serviceaccount:{gitlab.namespace}:gitlab"
    assert message.startswith(
        f"Managed identity {theirs['name']} has no federated credential for {subject} with issuer {seeded.ISSUER}. "
        "spec.identity.management is Observe: somebody else has to add what is missing."
    )
    assert message.endswith(
        f"az identity federated-credential create --subscription {seeded.SUBSCRIPTION} --resource-group rg-gitlab "
        f"--identity-name {theirs['name']} --name lab-{gitlab.namespace}-gitlab --issuer {seeded.ISSUER} --subject {subject} "
        "--audiences api://AzureADTokenExchange"
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
