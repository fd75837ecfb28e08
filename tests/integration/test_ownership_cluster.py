"""Ownership in the cluster: an existing object is left alone unless somebody hands it over by annotation."""

import re
import shlex
from collections.abc import Callable

import pytest

from .behind import CLIENT_ID, CREATED_BY, OBJECTS, create, patch
from .owner import condition, stalled, standing
from .resources import GitLab
from .watching import Object

MakeGitLab = Callable[..., GitLab]
ADOPT = "gitlabazure.io/adopt-by"
OWNER = "gitlabazure.io/owner"

# An object with the name of one of ours: its kind, its name, its content, and the condition that reports it.
FOREIGN: dict[str, tuple[str, str, Object, str]] = {
    "service account": ("ServiceAccount", "gitlab", {}, "ServiceAccountsAnnotated"),
    "secret": (
        "Secret",
        "gitlab-object-storage",
        {"stringData": {"connection": "provider: AzureRM\nazure_storage_account_name: theirs\n", "note": "kept"}},
        "SecretsWritten",
    ),
    "config map": (
        "ConfigMap",
        "gitlab-gitlab-values",
        {"data": {"values.yaml": "theirs", "note": "kept"}},
        "SecretsWritten",
    ),
}


def create_theirs(gitlab: GitLab, kind: str, name: str, content: Object) -> Object:
    """An object of somebody else, with a label and an annotation of their own."""
    metadata = {"labels": {"app": "theirs"}, "annotations": {"note": "theirs"}}
    return create(gitlab, kind, name, {"metadata": metadata, **content})


def run(gitlab: GitLab, message: str) -> None:
    """Run the command that a message ends with."""
    program, *arguments = shlex.split(re.split("To hand (?:it|them) over: ", message)[1])
    assert program == "kubectl"
    gitlab.lab.kubectl(*arguments)


def without_versions(found: Object) -> Object:
    """An object without the history that the API server keeps."""
    metadata = {k: v for k, v in found["metadata"].items() if k not in ("resourceVersion", "managedFields")}
    return {**found, "metadata": metadata}


@pytest.mark.parametrize("what", FOREIGN)
def test_an_existing_object_is_handed_over_by_the_command_in_the_message_and_stays_at_the_end(
    gitlab: GitLab, what: str
) -> None:
    kind, name, content, link = FOREIGN[what]
    before = create_theirs(gitlab, kind, name, content)

    gitlab.apply()

    message = stalled(gitlab, "NotOwned")
    assert message == (
        f"{what.capitalize()} {name} exists and was not created by this operator. To hand it over: "
        f"kubectl -n {gitlab.namespace} annotate {kind.lower()} {name} gitlabazure.io/adopt-by=gitlab"
    )
    assert standing(gitlab)[link] == "False NotOwned"
    assert gitlab.fetch(kind.lower(), name) == before

    run(gitlab, message)
    gitlab.ready(seconds=15)  # by itself

    taken = gitlab.fetch(kind.lower(), name)
    assert taken["metadata"]["uid"] == before["metadata"]["uid"]
    assert OWNER not in taken["metadata"]["labels"]  # that label says that we created it, and may delete it
    assert taken["metadata"]["labels"]["app"] == "theirs"

    gitlab.delete()

    left = gitlab.fetch(kind.lower(), name)
    assert left["metadata"]["labels"] == {"app": "theirs"}
    assert left["metadata"]["annotations"] == {"note": "theirs", ADOPT: "gitlab"}
    if kind == "ServiceAccount":
        assert "automountServiceAccountToken" not in left
    else:
        assert left["data"] == taken["data"]  # pods may still mount it


def test_several_existing_objects_are_handed_over_by_one_command(gitlab: GitLab) -> None:
    names = ("gitlab-azure-backup-conf", "gitlab-object-storage", "gitlab-registry-storage")
    for name in names:
        create_theirs(gitlab, "Secret", name, {"stringData": {"note": "kept"}})

    gitlab.apply()

    message = stalled(gitlab, "NotOwned")
    assert message.startswith(f"Secrets {', '.join(names)} exist and were not created by this operator. ")
    run(gitlab, message)
    gitlab.ready(seconds=15)
    assert {name: gitlab.secret(name)["note"] for name in names} == dict.fromkeys(names, "kept")


def test_an_adopted_object_is_found_by_a_resource_that_is_created_again(gitlab: GitLab) -> None:
    before = create(gitlab, "ServiceAccount", "gitlab", {"metadata": {"annotations": {ADOPT: "gitlab"}}})
    gitlab.apply().ready()
    gitlab.delete()

    gitlab.apply().ready()

    assert gitlab.fetch("serviceaccount", "gitlab")["metadata"]["uid"] == before["metadata"]["uid"]


def test_an_object_handed_to_another_resource_is_left_alone(gitlab: GitLab) -> None:
    create_theirs(gitlab, "ServiceAccount", "gitlab", {})
    gitlab.annotate(f"{ADOPT}=somebody-else", kind="serviceaccount", name="gitlab")

    gitlab.apply()

    assert stalled(gitlab, "NotOwned").startswith(
        "Service account gitlab exists and belongs to GitLabAzureIdentity somebody-else."
    )
    assert CLIENT_ID not in gitlab.fetch("serviceaccount", "gitlab")["metadata"]["annotations"]


def test_a_label_added_by_hand_to_an_object_of_others_takes_nothing_from_it(gitlab: GitLab) -> None:
    """The operator only writes objects that the resource names, whatever labels others have."""
    create_theirs(gitlab, "Secret", "unrelated", {"stringData": {"key": "value"}})
    patch(gitlab, "secret", "unrelated", {"metadata": {"labels": {OWNER: "gitlab"}}})
    before = gitlab.fetch("secret", "unrelated")

    gitlab.apply().ready()
    gitlab.delete()

    assert gitlab.fetch("secret", "unrelated") == before


def test_objects_of_another_resource_in_the_namespace_are_left_alone(gitlab: GitLab, new_gitlab: MakeGitLab) -> None:
    gitlab.apply().ready()
    second = new_gitlab(gitlab.namespace, "second")
    mine = {kind: without_versions(gitlab.fetch(kind.lower(), name)) for kind, name in OURS.items()}

    second.apply(secrets={"objectStorage": {"name": "gitlab-object-storage"}})

    message = stalled(second, "NotOwned")
    assert message == (
        "Service account gitlab exists and belongs to GitLabAzureIdentity gitlab. Choose another name "
        "here, or take it from that one. To hand it over: "
        f"kubectl -n {gitlab.namespace} annotate serviceaccount gitlab gitlabazure.io/adopt-by=second"
    )
    secrets = condition(second.live(), "SecretsWritten")
    assert (secrets["status"], secrets["reason"]) == ("False", "NotOwned")
    assert secrets["message"].startswith(
        "Secret gitlab-object-storage exists and belongs to GitLabAzureIdentity gitlab."
    )
    second.delete()
    assert {kind: without_versions(gitlab.fetch(kind.lower(), name)) for kind, name in OURS.items()} == mine
    gitlab.reconcile_now()
    gitlab.ready()


OURS = {"serviceaccount": "gitlab", "secret": "gitlab-object-storage"}


def test_a_service_account_is_handed_from_one_resource_to_another(gitlab: GitLab, new_gitlab: MakeGitLab) -> None:
    """Two resources want it. It belongs to the one that it was handed to last, and the other one says so."""
    gitlab.apply().ready()
    second = new_gitlab(gitlab.namespace, "second")
    second.apply()

    run(second, stalled(second, "NotOwned"))
    second.ready(seconds=15)

    gitlab.reconcile_now()
    assert stalled(gitlab, "NotOwned").startswith(
        "Service account gitlab exists and belongs to GitLabAzureIdentity second."
    )
    account = gitlab.fetch("serviceaccount", "gitlab")
    assert account["metadata"]["annotations"][CLIENT_ID] == second.live()["status"]["identity"]["clientId"]
    gitlab.delete()
    left = gitlab.fetch("serviceaccount", "gitlab")["metadata"]
    assert left["annotations"] == {k: v for k, v in account["metadata"]["annotations"].items() if k != CREATED_BY}
    assert OWNER not in left.get("labels", {})


@pytest.mark.parametrize(("kind", "name"), OBJECTS)
def test_an_owner_label_that_was_removed_is_restored(gitlab: GitLab, kind: str, name: str) -> None:
    gitlab.apply().ready()
    uid = gitlab.fetch(kind, name)["metadata"]["uid"]
    gitlab.lab.kubectl("label", kind, "-n", gitlab.namespace, name, f"{OWNER}-")

    gitlab.reconcile_now()

    gitlab.ready()
    metadata = gitlab.fetch(kind, name)["metadata"]
    assert (metadata["uid"], metadata["labels"][OWNER]) == (uid, "gitlab")


@pytest.mark.parametrize(("kind", "name"), OBJECTS)
def test_an_object_without_its_owner_label_is_deleted_with_the_resource(gitlab: GitLab, kind: str, name: str) -> None:
    gitlab.apply().ready()
    gitlab.lab.kubectl("label", kind, "-n", gitlab.namespace, name, f"{OWNER}-")

    gitlab.delete()

    assert not gitlab.exists(kind, name)
