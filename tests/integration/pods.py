"""GitLab's Deployments, as small as the checks of their pods allow, and what a kubelet writes about a pod. The lab has none."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from .behind import create
from .resources import GitLab
from .watching import Object

LABEL = "azure.workload.identity/use"
MOUNTS = {
    "registry": ("gitlab-registry-storage",),
    "webservice": ("gitlab-object-storage",),
    "sidekiq": ("gitlab-object-storage",),
    "toolbox": ("gitlab-object-storage", "gitlab-azure-backup-conf"),
}
"""The secrets that the chart's `configure` containers mount, by component (GitLab chart 9.9.1)."""


def deploy(
    gitlab: GitLab,
    component: str,
    *,
    label: str | None = "true",
    account: str | None = "gitlab",
    release: str = "gitlab",
    replicas: int = 1,
    variables: Mapping[str, str] | None = None,
) -> str:
    """A Deployment of GitLab's chart. Returns its name."""
    name = f"{release}-{component}"
    labels = {"app": component, "release": release, "chart": f"{component}-9.9.1"}
    labels |= {LABEL: label} if label else {}
    sources = [{"secret": {"name": secret}} for secret in MOUNTS.get(component, ())]
    env = [{"name": name, "value": value} for name, value in (variables or {}).items()]
    spec: Object = {
        "initContainers": [
            {"name": "configure", "image": "base", "volumeMounts": [{"name": "init", "mountPath": "/init-config"}]}
        ],
        "containers": [{"name": component, "image": component, "env": env}],
        "volumes": [{"name": "init", "projected": {"sources": sources}}],
    }
    if account:
        spec["serviceAccountName"] = account
    selector = {"app": component, "release": release}
    template = {"metadata": {"labels": labels}, "spec": spec}
    create(
        gitlab,
        "Deployment",
        name,
        {
            "apiVersion": "apps/v1",
            "metadata": {"labels": selector},
            "spec": {"replicas": replicas, "selector": {"matchLabels": selector}, "template": template},
        },
    )
    return name


def pods(gitlab: GitLab, component: str, release: str = "gitlab") -> list[Object]:
    """The pods of a component that are not being deleted."""
    selector = f"?labelSelector=app%3D{component}%2Crelease%3D{release}"
    listed: list[Object] = gitlab.lab.api.get(gitlab.path("pod") + selector)["items"]
    return [pod for pod in listed if "deletionTimestamp" not in pod["metadata"]]


def runs(gitlab: GitLab, pod: Object, at: dt.datetime | None = None) -> None:
    """What a kubelet writes about a pod that it accepted, whose containers it started, and that is ready."""
    now = (at or dt.datetime.now(dt.UTC)).strftime("%Y-%m-%dT%H:%M:%SZ")

    def state(container: Object, state: dict[str, Any]) -> Object:
        same = {"image": container["image"], "imageID": "", "restartCount": 0}
        return {"name": container["name"], "ready": True, "state": state, **same}

    over = {"terminated": {"exitCode": 0, "reason": "Completed", "startedAt": now, "finishedAt": now}}
    running = {"running": {"startedAt": now}}
    condition = {"status": "True", "lastTransitionTime": now}
    status = {
        "phase": "Running",
        "startTime": now,
        "conditions": [{"type": kind, **condition} for kind in ("Initialized", "ContainersReady", "Ready")],
        "initContainerStatuses": [state(one, over) for one in pod["spec"].get("initContainers", ())],
        "containerStatuses": [state(one, running) for one in pod["spec"]["containers"]],
    }
    gitlab.lab.api.patch(gitlab.path("pod", pod["metadata"]["name"]) + "/status", {"status": status})
