"""What others change behind the operator's back is repaired by the next pass, and an event lists it."""

from collections.abc import Callable

import pytest

from tests.invariants import seen

from .behind import (
    CLIENT_ID,
    VALUES,
    annotations,
    annotations_for,
    drift,
    patch,
    put_credential,
    put_tags,
    reasons,
    remove,
    remove_credentials,
)
from .resources import CONTRIBUTOR, GitLab

Act = Callable[[GitLab], object]

# What somebody does, and the words of the event. {ns} is the resource's namespace.
IN_AZURE: list[tuple[str, Act, str]] = [
    (
        "role assignment removed",
        lambda g: g.remove_assignments(),
        'Restored role assignment "Storage Blob Data Contributor" at storage account gitlabstore.',
    ),
    (
        "federated credential removed",
        remove_credentials,
        "Restored federated credential for system:serviceaccount:{ns}:gitlab.",
    ),
    (
        "federated credential given to another subject",
        lambda g: put_credential(
            g,
            g.credentials()[0]["name"],
            **g.credentials()[0]["properties"] | {"subject": "system:serviceaccount:elsewhere:thief"},
        ),
        "Restored federated credential for system:serviceaccount:{ns}:gitlab.",
    ),
    (
        "federated credential for another audience",
        lambda g: put_credential(
            g, g.credentials()[0]["name"], **g.credentials()[0]["properties"] | {"audiences": ["api://other"]}
        ),
        "Restored federated credential for system:serviceaccount:{ns}:gitlab.",
    ),
]
IN_THE_CLUSTER: list[tuple[str, Act, str]] = [
    (
        "annotation removed",
        lambda g: g.annotate(f"{CLIENT_ID}-", kind="serviceaccount", name="gitlab"),
        "Restored service account gitlab.",
    ),
    (
        "token mounted",
        lambda g: patch(g, "serviceaccount", "gitlab", {"automountServiceAccountToken": True}),
        "Restored service account gitlab.",
    ),
    ("service account deleted", lambda g: remove(g, "serviceaccount", "gitlab"), "Restored service account gitlab."),
    (
        "secret edited",
        lambda g: patch(g, "secret", "gitlab-registry-storage", {"stringData": {"config": "filesystem: {}"}}),
        "Restored secret gitlab-registry-storage (key config).",
    ),
    (
        "secret deleted",
        lambda g: remove(g, "secret", "gitlab-object-storage"),
        "Restored secret gitlab-object-storage.",
    ),
    (
        "values edited",
        lambda g: patch(g, "configmap", VALUES, {"data": {"values.yaml": "global: {}\n"}}),
        f"Restored config map {VALUES} (key values.yaml).",
    ),
    ("values deleted", lambda g: remove(g, "configmap", VALUES), f"Restored config map {VALUES}."),
]


def world(gitlab: GitLab) -> object:
    """What a person would check, in Azure and in the cluster."""
    (identity,) = gitlab.identities()
    return (
        (identity["id"], identity["tags"], identity["properties"]),
        [(each["name"], each["properties"]) for each in gitlab.credentials()],
        [(each["name"], each["properties"]["roleDefinitionId"]) for each in gitlab.assignments()],
        annotations(gitlab),
        gitlab.fetch("serviceaccount", "gitlab")["automountServiceAccountToken"],
        [gitlab.secret(f"gitlab-{name}") for name in ("registry-storage", "object-storage", "azure-backup-conf")],
        gitlab.fetch("configmap", VALUES)["data"],
    )


@pytest.mark.parametrize(("act", "message"), [pytest.param(*rest, id=name) for name, *rest in IN_AZURE])
def test_in_azure(gitlab: GitLab, act: Act, message: str) -> None:
    gitlab.apply().ready()
    before = world(gitlab)
    act(gitlab)
    assert world(gitlab) != before
    gitlab.lab.controls.clear_calls()

    gitlab.reconcile_now()

    assert world(gitlab) == before
    assert drift(gitlab) == message.format(ns=gitlab.namespace)
    assert [call.method for call in gitlab.writes()] == ["PUT"]
    gitlab.ready()


def test_in_the_cluster(gitlab: GitLab) -> None:
    gitlab.apply().ready()
    before = world(gitlab)

    for name, act, message in IN_THE_CLUSTER:
        act(gitlab)
        gitlab.lab.controls.clear_calls()
        gitlab.reconcile_now()

        assert world(gitlab) == before, name
        assert drift(gitlab) == message, name
        assert gitlab.writes() == [], name

    assert reasons(gitlab).count("DriftRepaired") == len(IN_THE_CLUSTER)
    ready = [v["status"]["conditions"][0]["status"] for v in gitlab.watch.versions(gitlab.namespace) if seen(v)]
    assert ready[ready.index("True") :] == ["True"] * len(ready[ready.index("True") :])  # drift never moved it back


def test_several_at_once_are_one_event(gitlab: GitLab) -> None:
    gitlab.apply().ready()
    gitlab.remove_assignments()
    remove(gitlab, "secret", "gitlab-azure-backup-conf")

    gitlab.reconcile_now()

    assert reasons(gitlab) == ["Applied", "Ready", "DriftRepaired"]
    assert 'role assignment "Storage Blob Data Contributor"' in drift(gitlab)
    assert "secret gitlab-azure-backup-conf" in drift(gitlab)
    assert [event["type"] for event in gitlab.events()] == ["Normal", "Normal", "Warning"]


def test_our_tags_come_back_and_those_of_others_stay(gitlab: GitLab) -> None:
    gitlab.apply(azure={"tags": {"team": "platform", "stage": "prod"}}).ready()
    (identity,) = gitlab.identities()
    assert identity["tags"] == {
        "team": "platform",
        "stage": "prod",
        "gitlabazure-cluster": "lab",
        "gitlabazure-namespace": gitlab.namespace,
        "gitlabazure-resource": "gitlab",
    }
    put_tags(gitlab, {**identity["tags"], "team": "somebody", "cost-centre": "42"})

    gitlab.reconcile_now()

    assert gitlab.identities()[0]["tags"] == {**identity["tags"], "cost-centre": "42"}
    assert drift(gitlab) == f"Restored tags team of managed identity lab_{gitlab.namespace}_gitlab."


def test_an_identity_that_was_deleted_is_created_again_with_everything_that_depends_on_it(gitlab: GitLab) -> None:
    before = gitlab.apply().ready()["status"]["identity"]
    assert gitlab.azure("DELETE", before["resourceId"])[0] == 200
    assert len(gitlab.assignments(principal=before["principalId"])) == 1  # it outlives its identity

    gitlab.reconcile_now()

    after = gitlab.ready()["status"]["identity"]
    assert after["resourceId"] == before["resourceId"]
    assert after["clientId"] != before["clientId"]
    assert len(gitlab.credentials()) == 1
    assert len(gitlab.assignments(principal=after["principalId"])) == 1
    assert gitlab.assignments(principal=before["principalId"]) == []
    assert annotations(gitlab) == annotations_for(after["clientId"])
    message = drift(gitlab)
    assert f"Restored managed identity lab_{gitlab.namespace}_gitlab; " in message
    assert "Removed role assignment" in message
    (warned,) = [event["message"] for event in gitlab.events() if event["reason"] == "ClientIdChanged"]
    assert warned == (
        f"The client ID is no longer {before['clientId']} but {after['clientId']}. Pods learn it when they are created: restart "
        f"GitLab's, with kubectl -n {gitlab.namespace} rollout restart deployment --selector release=gitlab"
    )


def test_a_second_assignment_of_the_same_role_is_left_alone(gitlab: GitLab) -> None:
    gitlab.apply().ready()
    (ours,) = gitlab.assignments()
    gitlab.remove_assignments()
    theirs = ours["id"].rpartition("/")[0] + "/8c5a2e6e-7c09-4f0c-a1e3-6f3f3b0a7d11"
    kept = ("roleDefinitionId", "principalId", "principalType")
    body = {"properties": {key: ours["properties"][key] for key in kept}}
    assert gitlab.azure("PUT", theirs, body)[0] == 201
    gitlab.lab.controls.clear_calls()

    gitlab.reconcile_now()

    assert gitlab.writes() == []
    assert "DriftRepaired" not in reasons(gitlab)
    (shown,) = gitlab.live()["status"]["roleAssignments"]
    assert shown["name"] == "8c5a2e6e-7c09-4f0c-a1e3-6f3f3b0a7d11"
    principal = gitlab.principal
    gitlab.delete()
    (left,) = gitlab.assignments(principal=principal)
    assert left["properties"]["roleDefinitionId"].endswith(CONTRIBUTOR)
    assert gitlab.azure("DELETE", left["id"])[0] == 200


def test_flux_asks_with_its_own_annotation(gitlab: GitLab) -> None:
    gitlab.apply().ready()
    gitlab.remove_assignments()

    gitlab.annotate("reconcile.fluxcd.io/requestedAt=2026-11-23T07:00:00Z")
    gitlab.until(lambda found: found["status"].get("lastHandledReconcileAt") == "2026-11-23T07:00:00Z")

    assert len(gitlab.assignments()) == 1
    assert reasons(gitlab)[-1] == "DriftRepaired"
