"""The commands in messages: a person copies one from the status, an event or Helm, and it does what the message promises."""

from collections.abc import Iterator

import pytest
import yaml

from lab.azure import seeded
from lab.places import ROOT
from tests.integration.behind import create, create_container, patch, remove
from tests.integration.operating import SUBSCRIPTION
from tests.integration.owner import stalled
from tests.integration.resources import GitLab

from .person import Person

SECRET = "gitlab-registry-storage"


def test_the_container_that_is_missing_is_created(person: Person, gitlab: GitLab) -> None:
    gitlab.apply(
        storage={"accountName": seeded.BLOB_ACCOUNT, "containers": {"externalDiffs": {"name": "gitlab-mr-diffs"}}}
    )
    message = stalled(gitlab, "ContainerNotFound")

    made = person.follows(message, "az storage container create --auth-mode login --account-name {} --name {}")

    assert '"created": true' in made
    gitlab.ready()
    assert '"created": false' in person.runs(
        "az storage container create --auth-mode login --account-name <account> --name <container>",
        account=seeded.BLOB_ACCOUNT,
        container="gitlab-mr-diffs",
    )
    assert '"created": false' in person.runs(
        "az storage container create --auth-mode login --account-name gitlabstore --name gitlab-mr-diffs"
    )


@pytest.fixture
def somebody_elses(gitlab: GitLab) -> Iterator[str]:
    """The message about a secret that others made, under a name that the resource uses."""
    create(gitlab, "Secret", SECRET, {})
    gitlab.apply()
    yield stalled(gitlab, "NotOwned")
    gitlab.delete()
    remove(gitlab, "secret", SECRET)


def test_a_secret_is_handed_over_by_the_command_in_the_message(
    person: Person, gitlab: GitLab, somebody_elses: str
) -> None:
    person.follows(somebody_elses, "kubectl -n {} annotate {} {} gitlabazure.io/adopt-by={}")

    gitlab.reconcile_now()
    gitlab.ready()


@pytest.mark.usefixtures("somebody_elses")
def test_a_secret_is_handed_over_by_the_command_of_the_documentation(person: Person, gitlab: GitLab) -> None:
    person.runs("kubectl -n gitlab annotate secret gitlab-registry-storage gitlabazure.io/adopt-by=gitlab")

    gitlab.reconcile_now()
    gitlab.ready()


def test_what_an_observed_identity_lacks_is_added_by_the_commands_in_the_message(
    person: Person, gitlab: GitLab, client_id: str
) -> None:
    """The platform team of examples/observed.yaml has made nothing yet. Its identity is in a group of its own."""
    person.runs(
        "az role assignment create --assignee-object-id $principal --assignee-principal-type ServicePrincipal "
        "--role Reader --scope <ARM id>",
        ARM_id=f"{SUBSCRIPTION}/resourceGroups/{seeded.PLATFORM_GROUP}",
    )
    example = yaml.safe_load((ROOT / "examples" / "observed.yaml").read_text(encoding="utf-8"))
    gitlab.apply(**example["spec"])
    message = stalled(gitlab, "NotFound")

    blocks = person.follows(message, "kubectl -n {} get gai {} -o jsonpath='{.status.missing[*].terraform}'")
    person.follows(message, "az identity create --subscription {} --resource-group {} --name {}")
    person.follows(
        message,
        "az identity federated-credential create --subscription {} --resource-group {} --identity-name {} --name {} "
        "--issuer {} --subject {} --audiences {}",
    )
    person.follows(
        message,
        "az identity show --subscription {} --resource-group {} --name {} --query principalId --output tsv",
    )
    person.follows(
        message,
        "az role assignment create --assignee-object-id {} --assignee-principal-type ServicePrincipal "
        '--role "{}" --scope {}',
    )

    assert blocks.count('resource "azurerm_') == 3
    gitlab.reconcile_now()
    gitlab.ready()
    assert person.runs("kubectl -n gitlab get gai gitlab -o jsonpath='{.status.missing[*].terraform}'") == ""


@pytest.mark.usefixtures("somebody_elses")
def test_an_object_is_handed_over_by_the_command_of_its_cause(person: Person, gitlab: GitLab) -> None:
    person.runs(
        "kubectl -n gitlab annotate <kind> <object> gitlabazure.io/adopt-by=gitlab", kind="secret", object=SECRET
    )

    gitlab.reconcile_now()
    gitlab.ready()


@pytest.fixture
def immutable(ready: GitLab) -> Iterator[str]:
    """The message about an immutable secret that others made and handed over."""
    rails = f"provider: AzureRM\nazure_storage_account_name: {seeded.BLOB_ACCOUNT}\nnote: kept\n"
    theirs = {
        "metadata": {"annotations": {"gitlabazure.io/adopt-by": ready.name}},
        "immutable": True,
        "stringData": {"connection": rails, "other": "kept"},
    }
    create(ready, "Secret", "rails-storage", theirs)
    patch(ready, "gai", ready.name, {"spec": {"secrets": {"objectStorage": {"name": "rails-storage"}}}})
    yield stalled(ready, "Immutable")
    remove(ready, "secret", "rails-storage")


def test_an_immutable_secret_that_was_handed_over_is_made_anew_with_what_somebody_wrote(
    person: Person, ready: GitLab, immutable: str
) -> None:
    person.follows(
        immutable,
        "kubectl -n {} get secret {} -o json | jq 'del(.immutable)' | kubectl replace --force -f -",
    )

    ready.ready()
    secret = ready.secret("rails-storage")
    assert secret["connection"] == (
        f"provider: AzureRM\nazure_storage_account_name: '{seeded.BLOB_ACCOUNT}'\nnote: kept\n"
    )
    assert secret["other"] == "kept"
    person.runs(
        "kubectl -n gitlab get secret <secret> -o json | jq 'del(.immutable)' | kubectl replace --force -f -",
        secret="rails-storage",
    )


def test_an_immutable_secret_is_created_again_by_the_command_in_the_message(person: Person, ready: GitLab) -> None:
    patch(ready, "secret", SECRET, {"immutable": True})
    create_container(ready.lab, "registry-2", seeded.BLOB_ACCOUNT)
    patch(ready, "gai", ready.name, {"spec": {"storage": {"containers": {"registry": {"name": "registry-2"}}}}})

    person.follows(stalled(ready, "Immutable"), "kubectl -n {} delete {} {}")

    ready.ready()
    assert "registry-2" in ready.secret(SECRET)["config"]
    person.runs("kubectl -n gitlab delete <kind> <object>", kind="secret", object=SECRET)
    ready.reconcile_now()
    assert "registry-2" in ready.secret(SECRET)["config"]


@pytest.fixture
def blocked(ready: GitLab) -> Iterator[GitLab]:
    """A resource whose deletion lacks a right."""
    ready.lab.controls.add_fault(match="DELETE */roleAssignments/*", status=403, code="AuthorizationFailed", times=1000)
    ready.ask_to_delete()
    ready.condition("Ready", "False", "DeletionBlocked")
    yield ready
    ready.lab.controls.clear_faults()


def test_a_resource_is_let_go_by_the_command_in_its_message(person: Person, blocked: GitLab) -> None:
    person.follows(blocked.message("Ready"), "kubectl -n {} annotate gai {} gitlabazure.io/abandon=true")

    blocked.until_gone()


def test_a_resource_is_let_go_by_the_command_of_the_documentation(person: Person, blocked: GitLab) -> None:
    person.runs("kubectl -n gitlab annotate gai gitlab gitlabazure.io/abandon=true")

    blocked.until_gone()


def test_the_client_id_that_helm_misses_is_shown(person: Person, client_id: str) -> None:
    refused = person.shell(
        "helm template gitlab-azure-identity charts/gitlab-azure-identity --set settings.cluster=prod 2>&1 || true"
    )

    shown = person.follows(
        refused,
        "az identity show --resource-group <group> --name <identity> --query clientId",
        group=seeded.PLATFORM_GROUP,
        identity=seeded.OPERATOR_IDENTITY,
    )

    assert client_id in shown
