"""Service accounts of somebody else: the operator applies the annotation to them, and overwrites nobody's value."""

import json
from collections.abc import Callable

from .behind import CLIENT_ID, annotations, annotations_for, create_service_account, drift, remove
from .owner import foreign_identity, stalled, standing
from .resources import GitLab
from .test_ownership_cluster import run

MakeGitLab = Callable[..., GitLab]
HELMS = [{"name": "gitlab", "management": "Annotate"}]
OURS = [{"name": "gitlab", "management": "Manage"}]


def client_id(gitlab: GitLab) -> str:
    return str(gitlab.live()["status"]["identity"]["clientId"])


def apply_annotation(gitlab: GitLab, value: str, manager: str = "helm") -> None:
    """Set the client ID as another field manager, by server-side apply."""
    metadata = {"name": "gitlab", "namespace": gitlab.namespace, "annotations": {CLIENT_ID: value}}
    manifest = json.dumps({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata})
    gitlab.lab.kubectl("apply", "--server-side", "--field-manager", manager, "-f", "-", stdin=manifest)


def test_a_service_account_that_does_not_exist_is_waited_for(gitlab: GitLab) -> None:
    gitlab.apply(serviceAccounts=HELMS)

    assert stalled(gitlab, "NotFound") == (
        "Service account gitlab does not exist. With management: Annotate somebody else creates it, such as the GitLab "
        "chart; with management: Manage the operator does."
    )
    assert standing(gitlab)["RolesAssigned"] == "True Assigned"
    assert not gitlab.exists("serviceaccount", "gitlab")

    create_service_account(gitlab, "gitlab")
    gitlab.ready(seconds=15)  # by itself


def test_only_the_annotation_is_applied_and_removed(gitlab: GitLab) -> None:
    create_service_account(gitlab, "gitlab", note="helm's")
    before = gitlab.fetch("serviceaccount", "gitlab")

    gitlab.apply(serviceAccounts=HELMS).ready()

    found = gitlab.fetch("serviceaccount", "gitlab")
    assert annotations(gitlab) == {"note": "helm's"} | annotations_for(client_id(gitlab))
    assert "labels" not in found["metadata"]
    assert "automountServiceAccountToken" not in found

    gitlab.delete()

    left = gitlab.fetch("serviceaccount", "gitlab")
    assert left["metadata"]["uid"] == before["metadata"]["uid"]
    assert annotations(gitlab) == {"note": "helm's"}


def test_a_missing_annotation_is_restored(gitlab: GitLab) -> None:
    create_service_account(gitlab, "gitlab")
    gitlab.apply(serviceAccounts=HELMS).ready()
    gitlab.annotate(f"{CLIENT_ID}-", kind="serviceaccount")

    gitlab.reconcile_now()

    assert annotations(gitlab) == annotations_for(client_id(gitlab))
    assert drift(gitlab) == "Restored annotations of service account gitlab."


def test_another_value_of_another_manager_is_reported_and_left(gitlab: GitLab) -> None:
    create_service_account(gitlab, "gitlab")
    apply_annotation(gitlab, "00000000-aaaa-bbbb-cccc-dddddddddddd")

    gitlab.apply(serviceAccounts=HELMS)

    assert stalled(gitlab, "FieldConflict") == (
        "Service account gitlab has annotation azure.workload.identity/client-id: "
        "00000000-aaaa-bbbb-cccc-dddddddddddd, set by field manager helm. "
        f"The operator needs {client_id(gitlab)}. Remove or correct it there, for example in the values of the chart that "
        "creates the service account."
    )
    assert standing(gitlab)["ServiceAccountsAnnotated"] == "False FieldConflict"
    assert annotations(gitlab) == {CLIENT_ID: "00000000-aaaa-bbbb-cccc-dddddddddddd"}

    apply_annotation(gitlab, client_id(gitlab))
    gitlab.ready(seconds=15)  # by itself


def test_a_value_changed_with_kubectl_annotate_is_a_conflict_too(gitlab: GitLab) -> None:
    create_service_account(gitlab, "gitlab")
    gitlab.apply(serviceAccounts=HELMS).ready()
    gitlab.annotate(f"{CLIENT_ID}=mine", kind="serviceaccount")

    gitlab.reconcile_now()

    message = stalled(gitlab, "FieldConflict")
    assert (
        "azure.workload.identity/client-id: mine, set by field manager kubectl-annotate. The operator needs" in message
    )
    assert annotations(gitlab) == annotations_for("mine")

    gitlab.delete()
    assert annotations(gitlab) == {CLIENT_ID: "mine"}


def test_the_same_value_of_another_manager_is_shared(gitlab: GitLab) -> None:
    """Helm's values name the client ID as well: there is no conflict, and Helm's annotation stays after the deletion."""
    create_service_account(gitlab, "gitlab")
    gitlab.apply(serviceAccounts=HELMS).ready()
    value = client_id(gitlab)
    apply_annotation(gitlab, value)

    gitlab.reconcile_now()
    gitlab.ready()
    gitlab.delete()

    assert annotations(gitlab) == {CLIENT_ID: value}


def test_the_right_value_that_was_there_before_is_no_conflict(new_gitlab: MakeGitLab) -> None:
    gitlab = new_gitlab()
    with foreign_identity(gitlab.lab, "shared") as identity:
        value = identity["properties"]["clientId"]
        create_service_account(gitlab, "gitlab")
        apply_annotation(gitlab, value)

        gitlab.apply(serviceAccounts=HELMS, identity={"name": "shared"}).ready()

        gitlab.delete()
        assert annotations(gitlab) == {CLIENT_ID: value}


def test_from_manage_to_annotate_and_back(gitlab: GitLab) -> None:
    gitlab.apply(serviceAccounts=OURS).ready()
    made = gitlab.fetch("serviceaccount", "gitlab")
    assert made["automountServiceAccountToken"] is False

    gitlab.apply(serviceAccounts=HELMS).ready()

    let_go = gitlab.fetch("serviceaccount", "gitlab")
    assert let_go["metadata"]["uid"] == made["metadata"]["uid"]
    assert annotations(gitlab) == annotations_for(client_id(gitlab))
    assert "labels" not in let_go["metadata"]
    assert "automountServiceAccountToken" not in let_go

    gitlab.apply(serviceAccounts=OURS)

    run(gitlab, stalled(gitlab, "NotOwned"))  # it was given up: the operator needs permission to own it again
    gitlab.ready(seconds=15)
    assert gitlab.fetch("serviceaccount", "gitlab")["automountServiceAccountToken"] is False
    gitlab.delete()
    assert gitlab.exists("serviceaccount", "gitlab")


def test_a_deleted_service_account_of_others_is_not_created_again(gitlab: GitLab) -> None:
    create_service_account(gitlab, "gitlab")
    gitlab.apply(serviceAccounts=HELMS).ready()
    remove(gitlab, "serviceaccount", "gitlab")

    gitlab.reconcile_now()

    stalled(gitlab, "NotFound")
    assert not gitlab.exists("serviceaccount", "gitlab")
    gitlab.delete()
