"""Namespaces: whether one is being deleted, and the labels by which webhooks and policies choose it."""

from collections.abc import Mapping

from gitlab_azure_identity.kube.client import Cluster


class Namespaces:
    """Reads namespaces."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    async def terminating(self, namespace: str) -> bool:
        """Whether the namespace is being deleted, or no longer exists. Raises ClusterError."""
        found = await self._cluster.find(f"/api/v1/namespaces/{namespace}")
        return found is None or "deletionTimestamp" in found["metadata"]

    async def labels(self, namespace: str) -> Mapping[str, str]:
        """The labels of the namespace; none when it does not exist. Raises ClusterError."""
        found = await self._cluster.find(f"/api/v1/namespaces/{namespace}")
        return (found["metadata"].get("labels") or {}) if found else {}
