"""Namespaces, as far as a deletion asks about them."""

from gitlab_azure_identity.kube.client import Cluster


class Namespaces:
    """Tells whether a namespace is on its way out."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    async def terminating(self, namespace: str) -> bool:
        """Whether the namespace is being deleted, or is gone. Raises ClusterError."""
        found = await self._cluster.find(f"/api/v1/namespaces/{namespace}")
        return found is None or "deletionTimestamp" in found["metadata"]
