"""What somebody looks at, and puts right, in Azure."""

import pytest

from lab.azure import seeded
from tests.integration.behind import put_credential, put_tags
from tests.integration.operating import IDENTITIES, STORAGE, SUBSCRIPTION
from tests.integration.owner import stalled
from tests.integration.resources import GitLab

from .person import Person


def test_the_storage_account_is_found(person: Person) -> None:
    found = person.runs("az storage account list --query \"[?name=='<account>'].id\"", account=seeded.BLOB_ACCOUNT)

    assert f"{STORAGE}/{seeded.BLOB_ACCOUNT}" in found


def test_locks_are_listed(person: Person) -> None:
    person.lab.controls.put_lock(f"{STORAGE}/{seeded.BLOB_ACCOUNT}", "CanNotDelete")

    listed = person.runs("az lock list --resource-group <group> --output table", group="rg-storage")

    person.lab.controls.restore()
    assert "CanNotDelete" in listed


def test_a_provider_is_registered(person: Person) -> None:
    person.runs("az provider register --namespace <provider>", provider="Microsoft.ManagedIdentity")

    status, found = person.lab.arm("GET", f"{SUBSCRIPTION}/providers/Microsoft.ManagedIdentity")
    assert (status, found["registrationState"]) == (200, "Registered")


def test_the_keys_that_the_cluster_signs_with_are_shown(person: Person) -> None:
    assert '"keys"' in person.runs("kubectl get --raw /openid/v1/jwks")


@pytest.mark.usefixtures("operator")
def test_the_operators_own_credential_is_shown(person: Person) -> None:
    listed = person.runs("az identity federated-credential list --resource-group $platform --identity-name $operator")

    assert seeded.OPERATOR_SUBJECT in listed


def test_the_credentials_of_an_identity_are_shown(person: Person, ready: GitLab) -> None:
    listed = person.runs(
        "az identity federated-credential list --resource-group <group> --identity-name <identity>",
        group=seeded.IDENTITY_GROUP,
        identity=ready.identity_name,
    )

    assert "system:serviceaccount:gitlab:gitlab" in listed


def test_a_credential_that_nobody_needs_is_deleted(person: Person, ready: GitLab) -> None:
    put_credential(
        ready, "theirs", issuer=seeded.ISSUER, subject="system:serviceaccount:evil:gitlab", audiences=[seeded.AUDIENCE]
    )

    person.runs(
        "az identity federated-credential delete --subscription <subscription> --resource-group <group> --identity-name "
        "<identity> --name <credential> --yes",
        subscription=seeded.SUBSCRIPTION,
        group=seeded.IDENTITY_GROUP,
        identity=ready.identity_name,
        credential="theirs",
    )

    assert "theirs" not in [credential["name"] for credential in ready.credentials()]


def test_every_role_of_the_identity_is_shown_those_of_containers_too(person: Person, gitlab: GitLab) -> None:
    """Graph is not asked: the lab has none, as a service principal often has no right to it."""
    gitlab.apply(storage={"accountName": seeded.BLOB_ACCOUNT, "roleScope": "Container"}).ready()

    listed = person.runs(
        "az role assignment list --all --assignee-object-id <status.identity.principalId> --fill-principal-name false "
        "--query '[].{role: roleDefinitionName, scope: scope, condition: condition}' --output table",
        status_identity_principalId=gitlab.principal,
    )

    assert len(listed.splitlines()) == 2 + len(gitlab.assignments())
    assert f"{STORAGE}/{seeded.BLOB_ACCOUNT}/blobServices/default/containers/registry" in listed
    assert "Storage Blob Delegator" in listed


@pytest.mark.usefixtures("operator")
def test_the_operator_gets_the_right_to_adopt_one_identity(person: Person) -> None:
    status, made = person.lab.arm("PUT", f"{IDENTITIES}/theirs", {"location": seeded.LOCATION})
    assert status == 201, made

    assigned = person.runs(
        "az role assignment create --assignee-object-id $principal --assignee-principal-type ServicePrincipal "
        '--role "Managed Identity Contributor" --scope <ARM id of the identity>',
        ARM_id_of_the_identity=made["id"],
    )

    assert made["id"] in assigned


def test_tags_that_were_removed_are_restored(person: Person, ready: GitLab) -> None:
    identity = ready.live()["status"]["identity"]["resourceId"]
    put_tags(ready, {})
    ready.annotate("gitlabazure.io/requested-at=now")
    stalled(ready, "NotOwned")

    person.runs(
        "az tag update --resource-id <status.identity.resourceId> --operation merge --tags gitlabazure-cluster=<cluster> "
        "gitlabazure-namespace=gitlab gitlabazure-resource=gitlab",
        status_identity_resourceId=identity,
        cluster="prod",
    )

    ready.reconcile_now()
    ready.ready()
