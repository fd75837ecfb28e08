"""What is read of a pod: table tests over pods as GitLab's chart, the webhook and the kubelet make them."""

from datetime import UTC, datetime
from typing import Any

import pytest

from gitlab_azure_identity.domain.pods import Owner, Pod
from gitlab_azure_identity.kube.pods import pod_of

TOKEN = "/var/run/secrets/azure/wi/token/azure-identity-token"
FORMER_TOKEN = "/var/run/secrets/azure/tokens/azure-identity-token"
VARIABLES = {
    "AZURE_CLIENT_ID": "11111111-1111-1111-1111-111111111111",
    "AZURE_TENANT_ID": "22222222-2222-2222-2222-222222222222",
    "AZURE_FEDERATED_TOKEN_FILE": TOKEN,
    "AZURE_AUTHORITY_HOST": "https://login.microsoftonline.com/",
}
LABELS = {
    "app": "webservice",
    "chart": "webservice-9.9.1",
    "release": "gitlab",
    "heritage": "Helm",
    "pod-template-hash": "6d8f7b",
    "azure.workload.identity/use": "true",
}


def env(variables: dict[str, str]) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in {"GITLAB_HOST": "x", **variables}.items()]


def webservice(
    variables: dict[str, str] | None = None,
    workhorse: dict[str, str] | None = None,
    token: str = TOKEN,
    **status: Any,
) -> dict[str, Any]:
    """A pod of webservice as the API server gives it, changed by webhook 1.6.0."""
    variables = VARIABLES if variables is None else variables
    folder, _, file = token.rpartition("/")
    mounts = [{"name": "azure-workload-identity-reserved-5f1", "mountPath": folder}]
    secrets = [{"secret": {"name": "gitlab-object-storage"}}, {"configMap": {"name": "gitlab-webservice"}}]
    projected = {"serviceAccountToken": {"audience": "api://AzureADTokenExchange", "path": file}}
    return {
        "metadata": {
            "name": "gitlab-webservice-default-6d8f7b-x2x4z",
            "namespace": "gitlab",
            "uid": "u",
            "creationTimestamp": "2026-11-26T10:00:00Z",
            "labels": LABELS,
            "ownerReferences": [{"kind": "ReplicaSet", "name": "gitlab-webservice-default-6d8f7b", "controller": True}],
        },
        "spec": {
            "serviceAccountName": "gitlab",
            "initContainers": [
                {"name": "configure", "volumeMounts": [{"name": "init", "mountPath": "/init-config"}, {"name": "gone"}]}
            ],
            "containers": [
                {"name": "webservice", "env": env(variables), "volumeMounts": mounts},
                {"name": "gitlab-workhorse", "env": env(variables if workhorse is None else workhorse)},
            ],
            "volumes": [
                {"name": "init", "projected": {"sources": secrets}},
                {"name": "azure-workload-identity-reserved-5f1", "projected": {"sources": [projected]}},
                {"name": "rails", "secret": {"secretName": "gitlab-rails-secret"}},
            ],
        },
        "status": {"phase": "Running", **status},
    }


def at(second: int) -> datetime:
    return datetime(2026, 11, 26, 10, 0, second, tzinfo=UTC)


def ran(name: str, state: str, second: int, **more: Any) -> dict[str, Any]:
    return {"name": name, "state": {state: {"startedAt": f"2026-11-26T10:00:{second:02}Z"}}, **more}


def test_a_pod_of_the_chart_is_read_with_everything_that_the_chain_needs() -> None:
    status: dict[str, Any] = {
        "startTime": "2026-11-26T10:00:02Z",
        "initContainerStatuses": [ran("configure", "terminated", 9)],
    }
    pod = pod_of(webservice(**status))

    assert (pod.component, pod.service_account, pod.phase) == ("webservice", "gitlab", "Running")
    assert pod.owner == Owner("Deployment", "gitlab-webservice-default")
    assert pod.owner.reference == "deployment/gitlab-webservice-default"
    assert pod.counts
    assert pod.labelled
    assert pod.injected
    assert pod.client_id == VARIABLES["AZURE_CLIENT_ID"]
    assert pod.tenant_id == VARIABLES["AZURE_TENANT_ID"]
    assert pod.secrets == {"gitlab-object-storage"}
    assert (pod.created, pod.accepted, pod.mounted("gitlab-object-storage")) == (at(0), at(2), at(9))
    assert pod.mounted("another") is None
    assert pod.chart_version == "9.9.1"


@pytest.mark.parametrize("path", [TOKEN, FORMER_TOKEN])
def test_the_path_of_the_token_is_the_one_that_the_webhook_names(path: str) -> None:
    pod = pod_of(webservice({**VARIABLES, "AZURE_FEDERATED_TOKEN_FILE": path}, token=path))

    configure, first, workhorse = pod.containers
    assert (first.token_file, first.token_audience) == (path, "api://AzureADTokenExchange")
    assert workhorse.token_audience is None  # nothing is mounted there
    assert configure.token_file is None


@pytest.mark.parametrize(
    ("variables", "workhorse", "injected", "client"),
    [
        (VARIABLES, VARIABLES, True, VARIABLES["AZURE_CLIENT_ID"]),
        (VARIABLES, {}, True, VARIABLES["AZURE_CLIENT_ID"]),  # as a sidecar that came after the webhook
        (VARIABLES, {**VARIABLES, "AZURE_CLIENT_ID": "other"}, True, None),
        ({"AZURE_FEDERATED_TOKEN_FILE": TOKEN}, None, True, None),  # before the account was annotated
        ({}, {}, False, None),
    ],
)
def test_an_identity_counts_when_every_container_with_a_token_has_it(
    variables: dict[str, str], workhorse: dict[str, str] | None, injected: bool, client: str | None
) -> None:
    pod = pod_of(webservice(variables, workhorse))

    assert (pod.injected, pod.client_id) == (injected, client)


def changed(**metadata: Any) -> Pod:
    found = webservice()
    return pod_of({**found, "metadata": {**found["metadata"], **metadata}})


JOB = [{"kind": "Job", "name": "gitlab-toolbox-backup-123", "controller": True}]


@pytest.mark.parametrize(
    ("pod", "counts"),
    [
        (changed(), True),
        (changed(ownerReferences=JOB), False),
        (changed(ownerReferences=[]), True),  # a pod that somebody made by hand
        (changed(annotations={"helm.sh/hook": "test"}, ownerReferences=[]), False),
        (changed(deletionTimestamp="2026-11-26T10:00:00Z"), False),
        (pod_of({**webservice(), "status": {"phase": "Failed"}}), False),  # evicted
        (pod_of({**webservice(), "status": {"phase": "Succeeded"}}), False),
        (pod_of({**webservice(), "status": {}}), True),
    ],
)
def test_pods_that_end_by_themselves_do_not_count(pod: Pod, counts: bool) -> None:
    assert pod.counts is counts


@pytest.mark.parametrize(
    ("references", "hash_", "owner"),
    [
        ([{"kind": "ReplicaSet", "name": "toolbox-6d", "controller": True}], "6d", Owner("Deployment", "toolbox")),
        ([{"kind": "ReplicaSet", "name": "toolbox-6d", "controller": True}], "", Owner("ReplicaSet", "toolbox-6d")),
        ([{"kind": "ReplicaSet", "name": "by-hand", "controller": True}], "6d", Owner("ReplicaSet", "by-hand")),
        (
            [{"kind": "StatefulSet", "name": "gitlab-gitaly", "controller": True}],
            "",
            Owner("StatefulSet", "gitlab-gitaly"),
        ),
        ([{"kind": "Something", "name": "else"}], "", None),
    ],
)
def test_the_owner_is_the_one_that_a_person_restarts(
    references: list[dict[str, Any]], hash_: str, owner: Owner | None
) -> None:
    labels = {**LABELS, "pod-template-hash": hash_} if hash_ else {"app": "x"}

    assert changed(ownerReferences=references, labels=labels).owner == owner


@pytest.mark.parametrize("label", [None, "True", "false", "yes"])
def test_the_label_counts_to_the_letter(label: str | None) -> None:
    labels = LABELS if label is None else {**LABELS, "azure.workload.identity/use": label}
    without = {name: value for name, value in labels.items() if label or not name.startswith("azure.")}

    assert not changed(labels=without).labelled


@pytest.mark.parametrize(
    ("labels", "version"),
    [
        ({"app": "sidekiq", "chart": "sidekiq-10.1.0"}, "10.1.0"),
        ({"app": "gitlab-pages", "chart": "gitlab-pages-9.9.1"}, "9.9.1"),
        ({"app": "registry", "chart": "registry-0.7.0"}, None),  # the version of a chart of its own
        ({"app": "sidekiq"}, None),
        ({"app": "sidekiq", "chart": "else-1"}, None),
        ({}, None),
    ],
)
def test_the_version_of_gitlabs_chart(labels: dict[str, str], version: str | None) -> None:
    assert changed(labels=labels).chart_version == version


@pytest.mark.parametrize(
    ("statuses", "mounted"),
    [
        ([], None),
        ([{"name": "configure", "state": {"waiting": {"reason": "PodInitializing"}}}], None),
        ([ran("configure", "running", 5)], at(5)),
        ([ran("configure", "terminated", 7)], at(7)),
        ([{"name": "configure", "state": {}, "lastState": ran("", "terminated", 8)["state"]}], at(8)),
    ],
)
def test_a_secret_is_read_when_the_container_that_mounts_it_starts(
    statuses: list[dict[str, Any]], mounted: datetime | None
) -> None:
    assert pod_of(webservice(initContainerStatuses=statuses)).mounted("gitlab-object-storage") == mounted


def test_a_pod_without_anything_is_read_too() -> None:
    bare = {"metadata": {"name": "x", "uid": "u", "creationTimestamp": "2026-11-26T10:00:00Z"}}

    pod = pod_of(bare)

    assert (pod.component, pod.service_account, pod.containers, pod.owner) == ("", "default", (), None)
    assert (pod.injected, pod.client_id, pod.secrets, pod.accepted) == (False, None, frozenset(), None)
