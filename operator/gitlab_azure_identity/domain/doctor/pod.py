"""The pod that proves access from within the cluster: what it is made of, and what is to be read of its end."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gitlab_azure_identity.domain.pods import USE_LABEL

CONTAINER = "proof"
SECONDS = 120  # the longest life of the pod, from its start
# Reasons by which a kubelet tells that a container will not start (kubernetes 1.37, pkg/kubelet/images/types.go and
# pkg/kubelet/kuberuntime/kuberuntime_container.go).
NOT_STARTING = {
    "ErrImagePull",
    "ImagePullBackOff",
    "ErrImageNeverPull",
    "InvalidImageName",
    "ImageInspectError",
    "CreateContainerConfigError",
    "CreateContainerError",
    "RunContainerError",
}


def proof_pod(namespace: str, account: str, image: str, host: str, containers: Sequence[str]) -> dict[str, Any]:
    """The manifest of a pod of this service account that tries the containers at the blob endpoint of a host. It fits the
    restricted Pod Security Standard, and ends by itself. It has none of the labels of GitLab's release."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "generateName": "gai-doctor-",
            "namespace": namespace,
            "labels": {USE_LABEL: "true", "app.kubernetes.io/managed-by": "kubectl-gai"},
            # a sidecar would keep the pod alive, and may not be ready when the proof is made
            "annotations": {"sidecar.istio.io/inject": "false", "linkerd.io/inject": "disabled"},
        },
        "spec": {
            "serviceAccountName": account,
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "restartPolicy": "Never",
            "activeDeadlineSeconds": SECONDS,
            "terminationGracePeriodSeconds": 0,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 65532,
                "runAsGroup": 65532,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [
                {
                    "name": CONTAINER,
                    "image": image,
                    "command": ["gitlab-azure-identity"],
                    "args": [
                        "prove",
                        *("--host", host),
                        *(word for name in containers for word in ("--container", name)),
                        *("--to", "/dev/termination-log"),
                    ],
                    "securityContext": {
                        "allowPrivilegeEscalation": False,
                        "readOnlyRootFilesystem": True,
                        "capabilities": {"drop": ["ALL"]},
                    },
                    "resources": {
                        "requests": {"cpu": "50m", "memory": "128Mi"},
                        "limits": {"memory": "256Mi"},
                    },
                }
            ],
        },
    }


@dataclass(frozen=True)
class End:
    """How the pod ended: what the proof wrote, or why there is no proof."""

    proof: str = ""
    trouble: str = ""


def end_of(pod: Mapping[str, Any]) -> End | None:
    """The end of the pod, or None while it may still prove something."""
    status = pod.get("status") or {}
    states = [each.get("state") or {} for each in status.get("containerStatuses") or () if each["name"] == CONTAINER]
    for state in states:
        if ended := state.get("terminated"):
            message = str(ended.get("message") or "")
            if ended.get("exitCode") == 0:
                return End(proof=message)
            return End(
                trouble=f"The proof ended with {ended.get('exitCode')}, {ended.get('reason')}. {message}".strip()
            )
        waiting = state.get("waiting") or {}
        if waiting.get("reason") in NOT_STARTING:
            return End(
                trouble=f"Its container does not start, {waiting['reason']}: {waiting.get('message') or 'no message'}"
            )
    if status.get("phase") == "Failed":
        return End(trouble=f"It failed, {status.get('reason')}: {status.get('message') or 'no message'}")
    return None


def waits_for(pod: Mapping[str, Any]) -> str:
    """Why a pod that has not ended is not running, as far as it says."""
    conditions = (pod.get("status") or {}).get("conditions") or ()
    for each in conditions:
        if each.get("type") == "PodScheduled" and each.get("status") == "False":
            return f"No node takes it: {each.get('message') or each.get('reason')}"
    return f"Its phase is {(pod.get('status') or {}).get('phase', 'unknown')}."
