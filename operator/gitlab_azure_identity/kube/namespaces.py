"""Namespaces: the deletion of a resource asks whether its namespace is being deleted too."""

from gitlab_azure_identity.kube.client import Cluster


class Namespaces:
    """Reads namespaces."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    async def terminating(self, namespace: str) -> bool:
        """Whether the namespace is being deleted, or no longer exists. Raises ClusterError."""
        found = await self._cluster.find(f"/api/v1/namespaces/{namespace}")
        return found is None or "deletionTimestamp" in found["metadata"]
