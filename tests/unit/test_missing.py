"""What somebody else has to add under management: Observe, with the command and the Terraform block that add it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gitlab_azure_identity.api.conditions import Link
from gitlab_azure_identity.domain.goal import Goal
from gitlab_azure_identity.domain.judge import PassRecord, judge
from gitlab_azure_identity.domain.missing import Missing, missing, missing_containers
from gitlab_azure_identity.domain.observed import Observed
from gitlab_azure_identity.domain.plan import lacks_roles

from .worlds import (
    DEFAULTS,
    ISSUER,
    PRINCIPAL,
    STORAGE,
    SUBSCRIPTION,
    deletion,
    desired_of,
    goal,
    identity,
    resource,
    standing,
)

OBSERVE = {"management": "Observe"}
BOTH = {"identity": OBSERVE, "roleAssignments": OBSERVE}
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-gitlab"
IDENTITY = f"{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/lab-gitlab-gitlab"
SUBJECT = "system:serviceaccount:gitlab:gitlab"


def observing(**spec: Any) -> Goal:
    return goal(desired_of(resource({**BOTH, **spec})), may_adopt=True)


EMPTY = Observed(identity(tags={}))
"""The identity alone, as somebody else created it."""


def of(lacking: tuple[Missing, ...], kind: str) -> Missing:
    return next(one for one in lacking if one.kind == kind)


def test_only_roles_that_somebody_else_assigns_are_lacking() -> None:
    """The operator assigns its own in the same pass."""
    assert lacks_roles(observing(), EMPTY)
    assert not lacks_roles(observing(), standing(observing().desired))
    assert not lacks_roles(goal(), EMPTY)


def test_an_identity_that_does_not_exist_lacks_everything() -> None:
    """The credential and the role refer to it."""
    lacking = missing(observing(), Observed())

    assert [(one.kind, one.name) for one in lacking] == [
        ("ManagedIdentity", "lab-gitlab-gitlab"),
        ("FederatedCredential", SUBJECT),
        ("RoleAssignment", "Storage Blob Data Contributor at storage account gitlabstore"),
    ]
    assert of(lacking, "ManagedIdentity").azure_cli == (
        f"az identity create --subscription {SUBSCRIPTION} --resource-group rg-gitlab --name lab-gitlab-gitlab "
        "--location westeurope"
    )
    assert (
        "\n".join(one.terraform for one in lacking)
        == f"""\
resource "azurerm_user_assigned_identity" "lab-gitlab-gitlab" {{
  name                = "lab-gitlab-gitlab"
  resource_group_name = "rg-gitlab"
  location            = "westeurope"
}}

resource "azurerm_federated_identity_credential" "gitlab_gitlab" {{
  name                      = "lab-gitlab-gitlab"
  user_assigned_identity_id = azurerm_user_assigned_identity.lab-gitlab-gitlab.id
  issuer                    = "{ISSUER}"
  subject                   = "{SUBJECT}"
  audience                  = ["api://AzureADTokenExchange"]
}}

resource "azurerm_role_assignment" "lab-gitlab-gitlab_contributor" {{
  scope                = "{STORAGE}/gitlabstore"
  role_definition_name = "Storage Blob Data Contributor"
  principal_id         = azurerm_user_assigned_identity.lab-gitlab-gitlab.principal_id
  principal_type       = "ServicePrincipal"
}}
"""
    )
    assert of(lacking, "RoleAssignment").azure_cli == (
        f'az role assignment create --assignee-object-id "$(az identity show --subscription {SUBSCRIPTION} --resource-group '
        'rg-gitlab --name lab-gitlab-gitlab --query principalId --output tsv)" --assignee-principal-type ServicePrincipal '
        f'--role "Storage Blob Data Contributor" --scope {STORAGE}/gitlabstore'
    )


def test_an_identity_that_exists_is_named_by_its_ids() -> None:
    lacking = missing(observing(), EMPTY)

    assert [one.kind for one in lacking] == ["FederatedCredential", "RoleAssignment"]
    assert of(lacking, "FederatedCredential").azure_cli == (
        f"az identity federated-credential create --subscription {SUBSCRIPTION} --resource-group rg-gitlab "
        f"--identity-name lab-gitlab-gitlab --name lab-gitlab-gitlab --issuer {ISSUER} --subject {SUBJECT} "
        "--audiences api://AzureADTokenExchange"
    )
    assert f'user_assigned_identity_id = "{IDENTITY}"' in of(lacking, "FederatedCredential").terraform
    assert f'principal_id         = "{PRINCIPAL}"' in of(lacking, "RoleAssignment").terraform
    assert f"--assignee-object-id {PRINCIPAL} " in of(lacking, "RoleAssignment").azure_cli


def test_each_container_has_a_block_of_its_own() -> None:
    only = {name: {"management": "Disabled"} for name in ("artifacts", "lfs", "uploads", "packages", "backups", "tmp")}
    storage = {"accountName": "gitlabstore", "roleScope": "Container", "containers": only}

    lacking = [one for one in missing(observing(storage=storage), EMPTY) if one.link is Link.ROLES]

    assert [one.terraform.splitlines()[0] for one in lacking] == [
        'resource "azurerm_role_assignment" "lab-gitlab-gitlab_delegator" {',
        'resource "azurerm_role_assignment" "lab-gitlab-gitlab_contributor_registry" {',
    ]
    assert lacking[1].azure_cli.endswith(f"--scope {STORAGE}/gitlabstore/blobServices/default/containers/registry")


def test_without_a_region_the_identity_gets_that_of_its_resource_group() -> None:
    no_region = DEFAULTS.model_copy(update={"location": None})
    to = goal(desired_of(resource(BOTH), defaults=no_region), may_adopt=True)

    found = missing(to, Observed())[0]

    assert "--location" not in found.azure_cli
    assert (
        found.terraform
        == """\
data "azurerm_resource_group" "lab-gitlab-gitlab" {
  name = "rg-gitlab"
}

resource "azurerm_user_assigned_identity" "lab-gitlab-gitlab" {
  name                = "lab-gitlab-gitlab"
  resource_group_name = "rg-gitlab"
  location            = data.azurerm_resource_group.lab-gitlab-gitlab.location
}
"""
    )


def test_what_a_shell_or_terraform_would_read_otherwise_is_quoted() -> None:
    """A resource group may have parentheses, an identity's name may begin with a digit, and an issuer is any text."""
    one = resource({**BOTH, "azure": {"resourceGroup": "rg(1)"}, "identity": {"name": "1-a", **OBSERVE}})
    to = goal(replace(desired_of(one), issuer='https://i/?${a}%{b}"\\'), may_adopt=True)

    made, trusted, *_ = missing(to, Observed())

    assert "--resource-group 'rg(1)' " in made.azure_cli
    assert made.terraform.startswith('resource "azurerm_user_assigned_identity" "_1-a" {')
    assert "--issuer 'https://i/?${a}%{b}\"\\' " in trusted.azure_cli
    assert '"https://i/?$${a}%%{b}\\"\\\\"' in trusted.terraform


@pytest.mark.parametrize(
    ("to", "have", "unseen", "kinds"),
    [
        (observing(), standing(), (), []),
        (observing(roleAssignments={}), EMPTY, (), ["FederatedCredential"]),
        (observing(roleAssignments={}), Observed(), (), ["ManagedIdentity", "FederatedCredential"]),
        (observing(identity={}), EMPTY, (), ["RoleAssignment"]),
        (goal(may_adopt=True), EMPTY, (), []),
        (observing(), EMPTY, [Link.ROLES], ["FederatedCredential"]),
        (deletion(observing().desired), EMPTY, (), []),
        (replace(observing(), may_adopt=False), EMPTY, (), []),
    ],
    ids=[
        "nothing is missing",
        "roles are managed",
        "roles are managed, and there is no identity yet",
        "the identity is managed",
        "everything is managed",
        "the roles could not be read",
        "a deletion adds nothing",
        "an identity that must not be used is given nothing",
    ],
)
def test_what_is_missing(to: Goal, have: Observed, unseen: tuple[Link, ...], kinds: list[str]) -> None:
    assert [one.kind for one in missing(to, have, unseen)] == kinds


def messages(to: Goal, have: Observed) -> dict[Link, str]:
    return {one.link: f"{one.status} {one.reason}: {one.message}" for one in judge(to, have, PassRecord())}


FOR_TERRAFORM = "For Terraform: kubectl -n gitlab get gai gitlab -o jsonpath='{.status.missing[*].terraform}'."


def test_the_message_about_an_identity_has_all_commands() -> None:
    lacking = missing(observing(), Observed())
    others = (Link.CREDENTIALS, Link.ROLES, Link.SERVICE_ACCOUNTS, Link.SECRETS)

    assert messages(observing(), Observed()) == {
        Link.IDENTITY: (
            "False NotFound: Managed identity lab-gitlab-gitlab does not exist in resource group rg-gitlab. "
            "spec.identity.management is Observe: somebody else has to add what is missing. "
            f"{FOR_TERRAFORM} By hand: {' && '.join(one.azure_cli for one in lacking)}"
        ),
        **dict.fromkeys(others, "Unknown Pending: Waits for IdentityReady."),
    }


def test_each_observed_link_says_what_it_lacks_and_the_others_go_on() -> None:
    found = messages(observing(), replace(standing(), credentials=(), assignments=(), identity=identity(tags={})))
    trusted, role = missing(observing(), EMPTY)

    assert found[Link.IDENTITY] == "True Observed: Managed identity lab-gitlab-gitlab exists. It is only observed."
    assert found[Link.CREDENTIALS] == (
        f"False NotFound: Managed identity lab-gitlab-gitlab has no federated credential for {SUBJECT} with issuer {ISSUER}. "
        f"spec.identity.management is Observe: somebody else has to add what is missing. {FOR_TERRAFORM} "
        f"By hand: {trusted.azure_cli}"
    )
    assert found[Link.ROLES] == (
        'False NotFound: Managed identity lab-gitlab-gitlab does not have role "Storage Blob Data Contributor" at storage '
        "account gitlabstore. spec.roleAssignments.management is Observe: somebody else has to add what is missing. "
        f"{FOR_TERRAFORM} By hand: {role.azure_cli}"
    )
    assert found[Link.SERVICE_ACCOUNTS].startswith("True Annotated")


def test_a_message_names_three_and_how_many_there_are() -> None:
    to = observing(serviceAccounts=[{"name": f"sa-{number}"} for number in range(5)])
    lacking = [one.azure_cli for one in missing(to, EMPTY) if one.link is Link.CREDENTIALS]

    message = messages(to, EMPTY)[Link.CREDENTIALS]

    assert "for system:serviceaccount:gitlab:sa-0, system:serviceaccount:gitlab:sa-1, " in message
    assert "sa-2 and 2 more with issuer" in message
    assert message.endswith(f"By hand: The first 3 of 5: {' && '.join(lacking[:3])}")


def test_a_credential_with_almost_the_issuer_is_shown() -> None:
    almost = replace(observing().desired.credentials[0], name="theirs", issuer=ISSUER.rstrip("/"))

    message = messages(observing(), replace(EMPTY, credentials=(almost,)))[Link.CREDENTIALS]

    assert (
        f"with issuer {ISSUER}. Its credential theirs trusts {SUBJECT} by issuer {ISSUER.rstrip('/')} instead. "
        in message
    )


def test_an_identity_of_ours_that_is_only_observed_is_still_ours() -> None:
    to = replace(observing(), may_adopt=False)

    assert messages(to, standing(to.desired))[Link.IDENTITY] == (
        "True Observed: Managed identity lab-gitlab-gitlab exists and is ours. It is only observed."
    )


def test_somebody_elses_identity_needs_the_policys_permission() -> None:
    to = replace(observing(), may_adopt=False)

    assert messages(to, EMPTY)[Link.IDENTITY] == (
        "False NotOwned: Managed identity lab-gitlab-gitlab exists and does not carry this operator's tags. If service accounts "
        "of namespace gitlab may have every right that the identity has, add to `policy` in the operator's settings: "
        f"{{namespaces: [gitlab], identities: {{adopt: [{IDENTITY}]}}}}"
    )


def test_containers_that_nobody_creates_by_themselves() -> None:
    """The identity creates those whose management is Manage, and no other purpose needs one of another name."""
    managed = {"accountName": "gitlabstore", "containers": {"tmp": {"management": "Manage"}}}
    to = goal(desired_of(resource({"storage": managed})))

    (found,) = missing_containers(to, ["registry", "tmp", "theirs"])

    assert (found.kind, found.name) == ("Container", "registry")
    assert found.azure_cli == "az storage container create --auth-mode login --account-name gitlabstore --name registry"
    assert (
        found.terraform
        == f"""\
resource "azurerm_storage_container" "registry" {{
  name               = "registry"
  storage_account_id = "{STORAGE}/gitlabstore"
}}
"""
    )
