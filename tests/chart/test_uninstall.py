"""The pre-delete hook: the operator is not uninstalled while resources exist. tests/integration/documented/test_helm_releases.py
has it run."""

from __future__ import annotations

import pytest

from .rendering import RELEASE, Document, Helm, Rendered

JOB = "gitlab-azure-identity-uninstall"


def hook_pod(rendered: Rendered) -> Document:
    pod: Document = rendered.one("Job", JOB)["spec"]["template"]
    return pod


def test_only_the_job_is_a_hook_and_a_refusal_stays_to_be_read(minimal: Rendered) -> None:
    hooks = [d for d in minimal.documents if "helm.sh/hook" in d["metadata"].get("annotations", {})]

    assert [d["metadata"]["name"] for d in hooks] == [JOB]
    assert hooks[0]["metadata"]["annotations"] == {
        "helm.sh/hook": "pre-delete",
        "helm.sh/hook-delete-policy": "before-hook-creation,hook-succeeded",
        "helm.sh/hook-output-log-policy": "hook-failed",
    }
    assert hooks[0]["spec"]["ttlSecondsAfterFinished"] == 3600
    assert hook_pod(minimal)["spec"]["containers"][0]["terminationMessagePolicy"] == "FallbackToLogsOnError"


def test_a_refusal_is_not_tried_again_and_a_failure_to_ask_is(minimal: Rendered) -> None:
    job = minimal.one("Job")["spec"]

    assert job["podFailurePolicy"]["rules"] == [
        {"action": "FailJob", "onExitCodes": {"containerName": "remaining", "operator": "In", "values": [1]}}
    ]
    assert job["backoffLimit"] == 3


@pytest.mark.parametrize(("values", "seconds"), [({}, 120), ({"uninstallCheck": {"waitSeconds": 0}}, 0)])
def test_it_waits_for_deletions_and_ends_before_helm_gives_up(
    helm: Helm, values: dict[str, object], seconds: int
) -> None:
    rendered = helm.template(**values)
    (container,) = hook_pod(rendered)["spec"]["containers"]

    assert container["command"] + container["args"] == ["gitlab-azure-identity", "remaining", "--wait", str(seconds)]
    assert rendered.one("Job")["spec"]["activeDeadlineSeconds"] == seconds + 120 < 300


def test_its_pod_is_as_restricted_as_the_operators_and_none_of_them(minimal: Rendered) -> None:
    operator, pod = minimal.pod, hook_pod(minimal)

    assert pod["spec"]["securityContext"] == operator["spec"]["securityContext"]
    assert pod["spec"]["containers"][0]["securityContext"] == operator["spec"]["containers"][0]["securityContext"]
    assert pod["spec"]["containers"][0]["image"] == operator["spec"]["containers"][0]["image"]
    selected = minimal.one("Deployment")["spec"]["selector"]["matchLabels"]
    assert not pod["metadata"]["labels"].items() >= selected.items()
    assert "azure.workload.identity/use" not in pod["metadata"]["labels"]


def test_what_a_mesh_or_a_policy_wants_of_pods_its_pod_has_too(helm: Helm) -> None:
    wanted = {"sidecar.istio.io/inject": "false"}
    metadata = hook_pod(helm.template(podLabels=wanted, podAnnotations=wanted))["metadata"]

    assert metadata["annotations"] == wanted
    assert metadata["labels"].items() >= {**wanted, "app.kubernetes.io/name": JOB}.items()


@pytest.mark.parametrize(
    ("values", "account"),
    [
        ({}, JOB),
        ({"rbac": {"create": False}}, RELEASE),
        ({"serviceAccount": {"create": False, "name": "gai"}}, "gai"),
    ],
)
def test_without_roles_or_accounts_of_the_chart_the_operators_account_asks(
    helm: Helm, values: dict[str, object], account: str
) -> None:
    rendered = helm.template(**values)

    assert hook_pod(rendered)["spec"]["serviceAccountName"] == account
    assert [d["metadata"]["name"] for d in rendered.all("ServiceAccount")] == (
        [RELEASE, JOB] if account == JOB else [RELEASE] if account == RELEASE else []
    )


def test_the_check_can_be_left_out_with_its_rights(helm: Helm) -> None:
    names = [d["metadata"]["name"] for d in helm.template(uninstallCheck={"enabled": False}).documents]

    assert JOB not in names
