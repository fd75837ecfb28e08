"""GitLab's Deployments: how far their rollout is, and their restart."""

from datetime import datetime

from gitlab_azure_identity.api import RESTARTED_FOR_ANNOTATION
from gitlab_azure_identity.domain.naming import field_manager
from gitlab_azure_identity.domain.rollouts import Rollout
from gitlab_azure_identity.kube.client import MERGE, Cluster, Json

RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"  # kubectl 1.37, polymorphichelpers/objectrestarter.go
_BETWEEN = "; "


class Deployments:
    """Reads and restarts Deployments. Every method raises ClusterError."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    async def rollout(self, namespace: str, name: str) -> Rollout | None:
        """How far the rollout of a Deployment is, or None when it does not exist."""
        found = await self._cluster.find(_path(namespace, name))
        return _rollout(found) if found else None

    async def restart(self, namespace: str, resource: str, rollout: Rollout, cause: str, now: datetime) -> None:
        """Restart a Deployment for a resource as `kubectl rollout restart` does, and note the cause beside it. The API server
        refuses this (409) when the Deployment changed since it was read."""
        causes = _BETWEEN.join(rollout.remembers(cause))
        annotations = {RESTARTED_AT: now.strftime("%Y-%m-%dT%H:%M:%SZ"), RESTARTED_FOR_ANNOTATION: causes}
        await self._cluster.request(
            "PATCH",
            _path(namespace, rollout.name),
            {
                "metadata": {"uid": rollout.uid, "resourceVersion": rollout.version},
                "spec": {"template": {"metadata": {"annotations": annotations}}},
            },
            query={"fieldManager": field_manager(resource)},
            content_type=MERGE,
        )


def _path(namespace: str, name: str) -> str:
    return f"/apis/apps/v1/namespaces/{namespace}/deployments/{name}"


def _rollout(found: Json) -> Rollout:
    """As `kubectl rollout status` judges it (kubectl 1.37, polymorphichelpers/rollout_status.go)."""
    metadata, spec, status = found["metadata"], found["spec"], found.get("status") or {}
    annotations = (spec["template"].get("metadata") or {}).get("annotations") or {}
    updated = status.get("updatedReplicas", 0)
    replaced = (
        status.get("observedGeneration", 0) >= metadata["generation"]
        and updated >= spec.get("replicas", 1)
        and status.get("replicas", 0) <= updated
    )
    causes = annotations.get(RESTARTED_FOR_ANNOTATION, "")
    return Rollout(
        name=metadata["name"],
        uid=metadata["uid"],
        version=metadata["resourceVersion"],
        causes=tuple(causes.split(_BETWEEN)) if causes else (),
        replaced=replaced,
        done=replaced and status.get("availableReplicas", 0) >= updated,
        paused=bool(spec.get("paused")),
    )
