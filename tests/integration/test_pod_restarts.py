"""`spec.gitlab.restart: WhenStale`: GitLab's Deployments are restarted one after the other, each once for a cause, and what is
done is told. The controllers that roll a Deployment out are real; the tests are its nodes."""

import pytest

from .behind import create_container, patch, reasons, until
from .operating import Operator
from .pods import deploy, pods, runs
from .resources import GitLab
from .test_workloads import installed, no_longer_new, states, told
from .watching import Object

WHEN_STALE = {"restart": "WhenStale"}
ROLLED_OUT = 40
"""Seconds for a rollout, a look at it every five seconds, and room for a busy machine."""


def start_pods(gitlab: GitLab, *components: str) -> None:
    """What a node does: it starts every pod of these components that does not run."""
    for component in components:
        for pod in pods(gitlab, component):
            if pod["status"].get("phase") != "Running":
                runs(gitlab, pod)


def roll_out(gitlab: GitLab, component: str, pod: Object) -> None:
    """What nodes do until another pod has taken the place of this one."""

    def done() -> bool:
        start_pods(gitlab, component)
        return pod["metadata"]["uid"] not in [one["metadata"]["uid"] for one in pods(gitlab, component)]

    until(done, f"another pod of {component}", ROLLED_OUT)


def template(gitlab: GitLab, component: str) -> dict[str, str]:
    """The annotations of the pods that a Deployment makes."""
    found = gitlab.fetch("deployment", f"gitlab-{component}")
    return dict(found["spec"]["template"]["metadata"].get("annotations", {}))


def restarted(gitlab: GitLab, *components: str) -> list[str]:
    return [one for one in components if "kubectl.kubernetes.io/restartedAt" in template(gitlab, one)]


def running(gitlab: GitLab, *components: str) -> None:
    """GitLab with pods that run and carry the identity."""
    gitlab.apply(gitlab=WHEN_STALE).ready()
    installed(gitlab, *components)
    start_pods(gitlab, *components)
    told(gitlab, "True", "Current")


def another_identity(gitlab: GitLab) -> None:
    """The identity is deleted, and the operator creates another."""
    (identity,) = gitlab.identities()
    assert gitlab.azure("DELETE", identity["id"])[0] == 200
    gitlab.reconcile_now()


def test_stale_deployments_are_restarted_one_after_the_other_until_all_pods_are_current(gitlab: GitLab) -> None:
    running(gitlab, "registry", "webservice")
    (registry,), (webservice,) = pods(gitlab, "registry"), pods(gitlab, "webservice")

    another_identity(gitlab)

    until(lambda: restarted(gitlab, "registry"), "the first restart")
    assert "waits for the rollout of deployment/gitlab-registry" in message(gitlab)
    assert restarted(gitlab, "webservice") == []  # not before the first has rolled out
    roll_out(gitlab, "registry", registry)
    until(lambda: restarted(gitlab, "webservice"), "the second restart", ROLLED_OUT)
    roll_out(gitlab, "webservice", webservice)

    told(gitlab, "True", "Current", seconds=ROLLED_OUT)
    client_id = gitlab.live()["status"]["identity"]["clientId"]
    for component in ("registry", "webservice"):
        assert template(gitlab, component)["gitlabazure.io/restarted-for"] == f"identity {client_id}"
    assert reasons(gitlab).count("Restarted") == 2


def message(gitlab: GitLab) -> str:
    """Wait for the next message about a rollout."""
    found = gitlab.until(lambda one: "rollout of" in _message(one))
    return _message(found)


def _message(found: Object) -> str:
    conditions = found.get("status", {}).get("conditions", ())
    return str(next((one["message"] for one in conditions if one["type"] == "WorkloadsReady"), ""))


def test_pods_that_do_not_become_ready_are_not_waited_for(gitlab: GitLab) -> None:
    """The registry does not start as an identity that is gone. Its rollout would never end."""
    gitlab.apply(gitlab=WHEN_STALE).ready()
    installed(gitlab, "registry")

    another_identity(gitlab)

    until(lambda: restarted(gitlab, "registry"), "the restart", ROLLED_OUT)
    assert "waits for the rollout of deployment/gitlab-registry" in message(gitlab)


def test_pods_of_an_old_content_are_restarted(gitlab: GitLab) -> None:
    running(gitlab, "registry", "toolbox")
    (registry,) = pods(gitlab, "registry")
    no_longer_new(gitlab, "gitlab-registry-storage")

    gitlab.apply(gitlab=WHEN_STALE, secrets={"registry": {"parameters": {"rootDirectory": "/here"}}}).ready()

    until(lambda: restarted(gitlab, "registry"), "the restart")
    roll_out(gitlab, "registry", registry)
    told(gitlab, "True", "Current", seconds=ROLLED_OUT)
    assert restarted(gitlab, "registry", "toolbox") == ["registry"]


def test_what_a_restart_does_not_mend_is_restarted_once(gitlab: GitLab, operator: Operator) -> None:
    """The chart sets the variable itself, and the webhook leaves it as it is."""
    gitlab.apply(gitlab=WHEN_STALE).ready()
    deploy(gitlab, "toolbox", variables={"AZURE_CLIENT_ID": "00000000-0000-4000-8000-000000000000"})
    until(lambda: pods(gitlab, "toolbox"), "its pod")
    (pod,) = pods(gitlab, "toolbox")
    start_pods(gitlab, "toolbox")
    until(lambda: restarted(gitlab, "toolbox"), "the restart", ROLLED_OUT)
    first = template(gitlab, "toolbox")
    roll_out(gitlab, "toolbox", pod)

    gitlab.until(lambda one: "has restarted deployment/gitlab-toolbox for this once" in _message(one), ROLLED_OUT)
    operator.restart()
    gitlab.reconcile_now()

    assert "has restarted deployment/gitlab-toolbox for this once" in _message(gitlab.live())
    assert template(gitlab, "toolbox") == first


def test_nothing_is_restarted_unless_the_resource_asks_for_it_and_what_would_be_is_told(gitlab: GitLab) -> None:
    gitlab.apply().ready()
    installed(gitlab, "toolbox")
    start_pods(gitlab, "toolbox")
    told(gitlab, "True", "Current")

    another_identity(gitlab)

    assert told(gitlab, "False", "StalePods").endswith(
        "With spec.gitlab.restart: WhenStale the operator would restart deployment/gitlab-toolbox. Restart what makes them: "
        f"kubectl -n {gitlab.namespace} rollout restart deployment/gitlab-toolbox"
    )
    gitlab.reconcile_now()
    assert restarted(gitlab, "toolbox") == []


def test_nothing_is_restarted_while_the_resource_is_not_ready(gitlab: GitLab) -> None:
    running(gitlab, "toolbox")
    container = f"restarts-{gitlab.namespace}"
    containers = {"artifacts": {"name": container}}
    gitlab.apply(gitlab=WHEN_STALE, storage={"accountName": "gitlabstore", "containers": containers})
    gitlab.condition("Ready", "False", "ContainerNotFound")

    another_identity(gitlab)

    gitlab.until(lambda one: "once the resource is Ready" in _message(one))
    assert restarted(gitlab, "toolbox") == []

    create_container(gitlab.lab, container)
    gitlab.reconcile_now()
    until(lambda: restarted(gitlab, "toolbox"), "the restart", ROLLED_OUT)


@pytest.mark.parametrize("verb", ["get", "patch"])
def test_a_resource_that_asks_for_restarts_is_told_when_the_right_is_missing(gitlab: GitLab, verb: str) -> None:
    role = gitlab.lab.api.get(gitlab.path("role", "gitlab-azure-identity"))
    fewer = [
        rule | {"verbs": [each for each in rule["verbs"] if each != verb]}
        if rule["resources"] == ["deployments"]
        else rule
        for rule in role["rules"]
    ]
    patch(gitlab, "role", "gitlab-azure-identity", {"rules": fewer})
    gitlab.apply(gitlab=WHEN_STALE).ready()
    installed(gitlab, "toolbox")
    start_pods(gitlab, "toolbox")
    gitlab.until(lambda _: states(gitlab) == {"toolbox": "Current"})

    another_identity(gitlab)

    found = gitlab.until(lambda one: "may not restart Deployments" in _message(one))
    assert "set restart.enabled to true in the values of its Helm chart" in _message(found)
    assert restarted(gitlab, "toolbox") == []
