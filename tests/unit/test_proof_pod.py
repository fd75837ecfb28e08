"""The pod that proves access from within the cluster: its manifest, its end, and the answers that it relays."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gitlab_azure_identity.azure.access import Answers
from gitlab_azure_identity.azure.errors import AzureError
from gitlab_azure_identity.azure.relayed import KEPT, read, written
from gitlab_azure_identity.domain.access import Right
from gitlab_azure_identity.domain.doctor.pod import End, end_of, proof_pod, waits_for

HOST = "gitlabstore.blob.core.windows.net"
DENIED = AzureError("AuthorizationPermissionMismatch", 403, "This request is not authorized.")
NOT_THERE = AzureError("ContainerNotFound", 404, "The specified container does not exist.")


def test_the_pod_runs_as_gitlabs_service_account_and_tries_its_containers() -> None:
    pod = proof_pod("gitlab", "gitlab", "registry.example/operator:1", HOST, ["registry", "tmp"])

    assert pod["metadata"]["labels"]["azure.workload.identity/use"] == "true"
    assert "release" not in pod["metadata"]["labels"], "it does not count as a pod of GitLab"
    assert pod["spec"]["serviceAccountName"] == "gitlab"
    (container,) = pod["spec"]["containers"]
    assert container["command"] + container["args"] == [
        "gitlab-azure-identity",
        "prove",
        "--host",
        HOST,
        "--container",
        "registry",
        "--container",
        "tmp",
        "--to",
        "/dev/termination-log",
    ]


def with_state(**state: Any) -> dict[str, Any]:
    return {"status": {"phase": "Pending", "containerStatuses": [{"name": "proof", "state": state}]}}


@pytest.mark.parametrize(
    ("pod", "end"),
    [
        ({}, None),
        ({"status": {"phase": "Pending"}}, None),
        (with_state(running={"startedAt": "x"}), None),
        (with_state(waiting={"reason": "ContainerCreating"}), None),
        ({"status": {"containerStatuses": [{"name": "istio-proxy", "state": {"terminated": {"exitCode": 1}}}]}}, None),
        (with_state(terminated={"exitCode": 0, "message": "{}"}), End(proof="{}")),
        (
            with_state(terminated={"exitCode": 2, "reason": "Error", "message": "The pod has no variable X."}),
            End(trouble="The proof ended with 2, Error. The pod has no variable X."),
        ),
        (with_state(terminated={"exitCode": 137, "reason": "OOMKilled"}), End(trouble="The proof ended with 137, OOMKilled.")),
        (
            with_state(waiting={"reason": "ErrImagePull", "message": "not found"}),
            End(trouble="Its container does not start, ErrImagePull: not found"),
        ),
        (
            with_state(waiting={"reason": "InvalidImageName"}),
            End(trouble="Its container does not start, InvalidImageName: no message"),
        ),
        (
            {"status": {"phase": "Failed", "reason": "DeadlineExceeded"}},
            End(trouble="It failed, DeadlineExceeded: no message"),
        ),
    ],
)  # fmt: skip
def test_the_end_of_a_pod_is_a_proof_or_says_why_there_is_none(pod: dict[str, Any], end: End | None) -> None:
    assert end_of(pod) == end


@pytest.mark.parametrize(
    ("pod", "said"),
    [
        ({}, "Its phase is unknown."),
        ({"status": {"phase": "Pending"}}, "Its phase is Pending."),
        (
            {"status": {"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "True"}]}},
            "Its phase is Pending.",
        ),
        (
            {"status": {"conditions": [{"type": "Ready", "status": "False"},
                                       {"type": "PodScheduled", "status": "False", "message": "0/3 nodes"}]}},
            "No node takes it: 0/3 nodes",
        ),
        (
            {"status": {"conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}]}},
            "No node takes it: Unschedulable",
        ),
    ],
)  # fmt: skip
def test_a_pod_that_does_not_end_says_what_it_waits_for(pod: dict[str, Any], said: str) -> None:
    assert waits_for(pod) == said


# the answers


def same(one: AzureError | None, other: AzureError | None) -> bool:
    return (one and (one.code, one.status, one.detail, one.login)) == (
        other and (other.code, other.status, other.detail, other.login)
    )


def test_what_is_relayed_is_read_as_it_was() -> None:
    rights = dict.fromkeys(Right) | {Right.WRITE: DENIED, Right.DELETE: DENIED}
    given = Answers(DENIED, {"registry": rights, "tmp": dict.fromkeys(Right, NOT_THERE)})

    exchange, found = read(written(None, given))

    assert exchange is None
    assert found is not None
    assert same(found.signing, DENIED)
    for name, expected in given.containers.items():
        assert all(same(found.containers[name][right], error) for right, error in expected.items())


def test_a_refused_token_is_relayed_alone() -> None:
    refused = AzureError("AADSTS700213", 400, "No matching record.", login=True, oauth="invalid_request")

    exchange, answers = read(written(refused, None))

    assert same(exchange, refused)
    assert exchange is not None
    assert exchange.oauth == "invalid_request"
    assert answers is None


def test_long_texts_are_cut_to_what_kubernetes_keeps() -> None:
    many = {
        f"container-{number}": {right: AzureError("X", 403, f"{number} {right} " + "é" * 2000) for right in Right}
        for number in range(12)
    }

    text = written(None, Answers(None, many))

    assert len(text.encode()) <= KEPT
    _, answers = read(text)
    assert answers is not None
    assert {error.status for rights in answers.containers.values() for error in rights.values() if error} == {403}


@pytest.mark.parametrize(
    "text", ["", "Traceback", "[]", "{}", json.dumps({"errors": [], "exchange": 3, "signing": None, "containers": {}})]
)
def test_any_other_text_is_no_proof(text: str) -> None:
    with pytest.raises(ValueError, match=r"proof|Expecting"):
        read(text)


def test_what_is_relayed_has_no_secret() -> None:
    """Whoever may read the pod reads it: a proxy's page may repeat the request that it refused."""
    echoed = AzureError("", 502, "Bad gateway: Authorization: Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.c2ln")

    assert "eyJ" not in written(echoed, None)
