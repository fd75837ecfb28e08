"""GitLab's pods: whether they carry the identity, told within seconds and without a request to Azure.

The Deployments are small ones with the labels and the mounts of GitLab's chart. The controllers and the webhook are real, so a
pod has what it would have; what a kubelet would write about it, the tests write."""

import datetime as dt
from typing import Any

from .behind import create_service_account, passes, patch, reasons, until
from .operating import Operator
from .pods import LABEL, deploy, pods, runs
from .resources import GitLab
from .watching import Object

SOON = 10
"""Seconds in which a change of a pod is told."""
COMPONENTS = ("registry", "webservice", "sidekiq", "toolbox")


def told(gitlab: GitLab, status: str, reason: str, seconds: float = SOON) -> str:
    """Wait for this of WorkloadsReady. Returns its message."""
    found = gitlab.condition("WorkloadsReady", status, reason, seconds=seconds)
    return str(next(one["message"] for one in found["status"]["conditions"] if one["type"] == "WorkloadsReady"))


def states(gitlab: GitLab) -> dict[str, str]:
    return {line["component"]: line["state"] for line in gitlab.live()["status"].get("workloads", ())}


def installed(gitlab: GitLab, *components: str, **how: Any) -> None:
    """GitLab's Deployments with a pod each."""
    for component in components or COMPONENTS:
        deploy(gitlab, component, **how)
    until(lambda: all(pods(gitlab, component) for component in components or COMPONENTS), "their pods")


def no_longer_new(gitlab: GitLab, secret: str) -> None:
    """Wait until a change of a secret cannot be taken for its creation."""
    created = dt.datetime.fromisoformat(gitlab.fetch("secret", secret)["metadata"]["creationTimestamp"])
    until(lambda: dt.datetime.now(dt.UTC) - created > dt.timedelta(seconds=6), "the secret is six seconds old")


def test_before_gitlab_is_installed_nothing_is_known_and_ready_does_not_wait(gitlab: GitLab) -> None:
    gitlab.apply().ready()

    assert told(gitlab, "Unknown", "NotDeployed") == (
        f"Release gitlab has no pods that use storage in namespace {gitlab.namespace}. Install GitLab with the values of config "
        "map gitlab-gitlab-values, or name its release in spec.gitlab.release."
    )


def test_the_pods_of_an_installation_after_the_resource_carry_the_identity(gitlab: GitLab) -> None:
    gitlab.apply().ready()

    installed(gitlab)

    assert told(gitlab, "True", "Current") == "The registry, webservice, sidekiq and toolbox pods carry the identity."
    gitlab.until(lambda _: states(gitlab) == dict.fromkeys(COMPONENTS, "Current"))


def test_pods_without_the_label_are_told_with_the_command_that_gives_the_chart_its_values(gitlab: GitLab) -> None:
    gitlab.apply().ready()

    installed(gitlab, "webservice", label=None)

    assert told(gitlab, "False", "NotLabelled") == (
        'The webservice pod lacks the label azure.workload.identity/use: "true", by which the webhook gives a pod its identity. '
        f"Give the chart the operator's values: kubectl -n {gitlab.namespace} get cm gitlab-gitlab-values "
        f"-o jsonpath='{{.data.values\\.yaml}}' | helm upgrade gitlab gitlab/gitlab --namespace {gitlab.namespace} "
        "--reuse-values -f - --version 9.9.1"
    )
    assert gitlab.ready()["status"]["conditions"][0]["status"] == "True"


def test_pods_of_another_service_account(gitlab: GitLab) -> None:
    gitlab.apply().ready()

    installed(gitlab, "sidekiq", account=None)

    message = told(gitlab, "False", "WrongServiceAccount")
    assert message.startswith(
        "The sidekiq pod runs as service account default, which is not of this resource: it wants gitlab. Give the chart"
    )


def test_pods_that_were_there_before_the_webhook(gitlab: GitLab) -> None:
    """Somebody labels a running pod: the webhook changes pods only when they are created."""
    gitlab.apply().ready()
    installed(gitlab, "registry", label=None)
    told(gitlab, "False", "NotLabelled")

    (pod,) = pods(gitlab, "registry")
    patch(gitlab, "pod", pod["metadata"]["name"], {"metadata": {"labels": {LABEL: "true"}}})

    message = told(gitlab, "False", "NotInjected")
    assert message.startswith(
        "The registry pod has the label and the service account, and none of the AZURE_ variables"
    )
    assert message.endswith(f"kubectl -n {gitlab.namespace} rollout restart deployment/gitlab-registry")


def test_helms_own_account_and_pods_of_the_same_second_end_with_a_line_that_says_what_to_restart(
    gitlab: GitLab,
) -> None:
    """The usual first install with `Annotate`: Helm makes accounts and Deployments at once, before anything is annotated."""
    create_service_account(gitlab, "theirs")
    installed(gitlab, "webservice", "toolbox", account="theirs")

    gitlab.apply(serviceAccounts=[{"name": "theirs", "management": "Annotate"}]).ready()

    assert told(gitlab, "False", "StalePods") == (
        "The webservice and toolbox pods were created before service account theirs was annotated, and have no AZURE_CLIENT_ID. "
        "With spec.gitlab.restart: WhenStale the operator would restart deployment/gitlab-webservice and "
        f"deployment/gitlab-toolbox. Restart what makes them: kubectl -n {gitlab.namespace} rollout restart "
        "deployment/gitlab-webservice deployment/gitlab-toolbox"
    )


def test_an_identity_that_was_made_anew_leaves_stale_pods(gitlab: GitLab) -> None:
    gitlab.apply().ready()
    installed(gitlab, "toolbox")
    told(gitlab, "True", "Current")
    before = gitlab.live()["status"]["identity"]["clientId"]
    (identity,) = gitlab.identities()
    assert gitlab.azure("DELETE", identity["id"])[0] == 200

    gitlab.reconcile_now()

    after = gitlab.live()["status"]["identity"]["clientId"]
    assert told(gitlab, "False", "StalePods").startswith(
        f"The toolbox pod has client ID {before}, and the managed identity has {after}. With spec.gitlab.restart: "
    )
    until(lambda: "StalePods" in reasons(gitlab), "an event")


def test_a_secret_whose_content_changed_after_a_pod_read_it(gitlab: GitLab) -> None:
    gitlab.apply().ready()
    installed(gitlab, "registry", "toolbox")
    for component in ("registry", "toolbox"):
        runs(gitlab, pods(gitlab, component)[0])
    told(gitlab, "True", "Current")
    no_longer_new(gitlab, "gitlab-registry-storage")

    gitlab.apply(secrets={"registry": {"parameters": {"rootDirectory": "/here"}}}).ready()

    changed = gitlab.fetch("secret", "gitlab-registry-storage")["metadata"]["annotations"][
        "gitlabazure.io/content-changed-at"
    ]
    assert told(gitlab, "False", "StalePods") == (
        f"The registry pod read secret gitlab-registry-storage before its content changed, at {changed}. With "
        "spec.gitlab.restart: WhenStale the operator would restart deployment/gitlab-registry. Restart what makes them: "
        f"kubectl -n {gitlab.namespace} rollout restart deployment/gitlab-registry"
    )
    assert states(gitlab) == {"registry": "StalePods", "toolbox": "Current"}


def test_a_secret_that_somebody_deleted_or_edited_makes_no_pod_stale(gitlab: GitLab) -> None:
    gitlab.apply().ready()
    installed(gitlab, "registry")
    runs(gitlab, pods(gitlab, "registry")[0])
    told(gitlab, "True", "Current")
    before = gitlab.fetch("secret", "gitlab-registry-storage")["metadata"]["annotations"]

    patch(gitlab, "secret", "gitlab-registry-storage", {"stringData": {"config": "filesystem: {}"}})
    gitlab.reconcile_now()
    assert gitlab.fetch("secret", "gitlab-registry-storage")["metadata"]["annotations"] == before
    gitlab.lab.api.delete(gitlab.path("secret", "gitlab-registry-storage"))
    gitlab.reconcile_now()

    assert gitlab.secret("gitlab-registry-storage")
    assert states(gitlab) == {"registry": "Current"}


def test_a_secret_of_a_former_version_stays_as_it_is(gitlab: GitLab, operator: Operator) -> None:
    """It has no annotations about its content, and nobody calls a pod stale for it. A new version writes nothing."""
    gitlab.apply().ready()
    without = {f"gitlabazure.io/{mark}": None for mark in ("content-hash", "content-changed-at")}
    patch(gitlab, "secret", "gitlab-registry-storage", {"metadata": {"annotations": without}})
    installed(gitlab, "registry")
    runs(gitlab, pods(gitlab, "registry")[0])
    version = gitlab.fetch("secret", "gitlab-registry-storage")["metadata"]["resourceVersion"]

    operator.restart()
    gitlab.reconcile_now()

    assert gitlab.fetch("secret", "gitlab-registry-storage")["metadata"]["resourceVersion"] == version
    told(gitlab, "True", "Current")


def test_a_pod_that_is_replaced_costs_no_request_to_azure_and_no_pass(gitlab: GitLab, operator: Operator) -> None:
    gitlab.apply().ready()
    installed(gitlab, "toolbox", label=None)
    told(gitlab, "False", "NotLabelled")
    gitlab.lab.controls.clear_calls()
    before = passes(operator)

    gitlab.lab.api.patch(
        gitlab.path("deployment", "gitlab-toolbox"),
        {"spec": {"template": {"metadata": {"labels": {LABEL: "true"}}}}},
    )

    def new() -> list[Object]:
        return [pod for pod in pods(gitlab, "toolbox") if LABEL in pod["metadata"]["labels"]]

    until(new, "a new pod")
    runs(gitlab, new()[0])

    told(gitlab, "True", "Current")
    assert gitlab.calls() == []
    assert passes(operator) == before


def test_jobs_and_tests_of_helm_do_not_count(gitlab: GitLab) -> None:
    gitlab.apply().ready()
    installed(gitlab, "toolbox")
    told(gitlab, "True", "Current")

    template = {
        "metadata": {"labels": {"app": "toolbox", "release": "gitlab"}},
        "spec": {"restartPolicy": "Never", "containers": [{"name": "backup", "image": "toolbox"}]},
    }
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "backup"}, "spec": {"template": template}}
    gitlab.lab.api.post(f"/apis/batch/v1/namespaces/{gitlab.namespace}/jobs", job)
    metadata = {
        "name": "gitlab-webservice-test-runner-ab1cd",
        "labels": {"app": "webservice", "release": "gitlab"},
        "annotations": {"helm.sh/hook": "test"},
    }
    test = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}
    gitlab.lab.api.post(gitlab.path("pod"), test)
    until(lambda: len(pods(gitlab, "toolbox")) == 2, "the Job's pod")
    gitlab.reconcile_now()

    assert states(gitlab) == {"toolbox": "Current"}


def test_while_a_deletion_waits_a_pod_changes_nothing_of_what_is_left(gitlab: GitLab) -> None:
    gitlab.apply().ready()
    installed(gitlab, "toolbox", label=None)
    told(gitlab, "False", "NotLabelled")
    gitlab.lab.controls.add_fault("DELETE */userAssignedIdentities/*", status=403, code="AuthorizationFailed", times=9)
    gitlab.ask_to_delete()
    gitlab.condition("Ready", "False", "DeletionBlocked")
    left = gitlab.live()["status"]

    deploy(gitlab, "registry", label=None, account=None)  # its own account is deleted already
    until(lambda: pods(gitlab, "registry"), "its pod")
    gitlab.condition("Ready", "False", "DeletionBlocked")

    assert {key: gitlab.live()["status"].get(key) for key in left} == left
    gitlab.lab.controls.clear_faults()
    gitlab.until_gone(60)


def test_another_release_is_named_in_the_spec(gitlab: GitLab) -> None:
    gitlab.apply().ready()
    installed(gitlab, "sidekiq", label=None)
    told(gitlab, "False", "NotLabelled")

    gitlab.apply(gitlab={"release": "second"}).ready()
    told(gitlab, "Unknown", "NotDeployed")
    deploy(gitlab, "toolbox", release="second")

    told(gitlab, "True", "Current")
    assert states(gitlab) == {"toolbox": "Current"}


def test_without_the_right_to_list_pods_ready_does_not_wait(gitlab: GitLab) -> None:
    role = gitlab.lab.api.get(gitlab.path("role", "gitlab-azure-identity"))
    rules = [rule for rule in role["rules"] if rule["resources"] != ["pods"]]
    patch(gitlab, "role", "gitlab-azure-identity", {"rules": rules})

    gitlab.apply().ready()

    message = told(gitlab, "Unknown", "Forbidden")
    assert message.startswith(
        f"The operator may not list the pods of release gitlab. Add {gitlab.namespace} to `namespaces`"
    )
    patch(gitlab, "role", "gitlab-azure-identity", {"rules": role["rules"]})
    told(gitlab, "Unknown", "NotDeployed", seconds=40)


def test_a_restart_of_the_operator_writes_nothing(gitlab: GitLab, operator: Operator) -> None:
    gitlab.apply().ready()
    installed(gitlab, "toolbox", label=None)
    told(gitlab, "False", "NotLabelled")
    version = gitlab.live()["metadata"]["resourceVersion"]

    operator.restart()
    until(lambda: passes(operator) >= 1, "a pass")

    assert gitlab.live()["metadata"]["resourceVersion"] == version
