"""The GitLabAzureIdentity objects: read, given the finalizer and let go, and their status written."""

from typing import Any

from gitlab_azure_identity.api import API_VERSION, FINALIZER, GROUP, KIND, PLURAL, VERSION
from gitlab_azure_identity.api.resource import Key, Resource
from gitlab_azure_identity.api.status import Status
from gitlab_azure_identity.kube.client import APPLY, JSON_PATCH, Cluster, ClusterError, Json

MANAGER = "gitlab-azure-identity"


class Resources:
    """Reads and writes GitLabAzureIdentity objects. Every method raises ClusterError."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    async def get(self, key: Key) -> Json | None:
        """The object as it is now, or None when it does not exist."""
        return await self._cluster.find(path(key))

    async def add_finalizer(self, key: Key, uid: str) -> None:
        """Add our finalizer to a resource. Those of others stay."""
        metadata = {"name": key.name, "namespace": key.namespace, "uid": uid, "finalizers": [FINALIZER]}
        body = {"apiVersion": API_VERSION, "kind": KIND, "metadata": metadata}
        query = {"fieldManager": MANAGER, "force": "true"}
        await self._cluster.request("PATCH", path(key), body, query=query, content_type=APPLY)

    async def remove_finalizer(self, resource: Resource) -> None:
        """Remove our finalizer from a resource: let it go. The API server refuses this (422) when the finalizers changed in the
        meantime."""
        others = [finalizer for finalizer in resource.finalizers if finalizer != FINALIZER]
        patch: list[Json] = [
            {"op": "test", "path": "/metadata/uid", "value": resource.uid},
            {"op": "test", "path": "/metadata/finalizers", "value": list(resource.finalizers)},
            {"op": "replace", "path": "/metadata/finalizers", "value": others},
        ]
        try:
            await self._cluster.request("PATCH", path(resource.key), patch, content_type=JSON_PATCH)
        except ClusterError as error:
            if not error.not_found:
                raise

    async def write_status(self, key: Key, uid: str, status: Status) -> None:
        """Replace the status. The uid keeps the status of a deleted object off its successor."""
        written = status.model_dump(by_alias=True, exclude_none=True, mode="json")
        body: dict[str, Any] = {
            "apiVersion": API_VERSION,
            "kind": KIND,
            "metadata": {"name": key.name, "namespace": key.namespace, "uid": uid},
            "status": {field: value for field, value in written.items() if value not in ([], {})},
        }
        await self._cluster.request(
            "PATCH",
            f"{path(key)}/status",
            body,
            query={"fieldManager": MANAGER, "force": "true"},
            content_type=APPLY,
        )


def path(key: Key) -> str:
    """The path of one object."""
    return f"{collection(key.namespace)}/{key.name}"


def collection(namespace: str | None) -> str:
    """The path of all objects of a namespace, or of the cluster."""
    return (
        f"/apis/{GROUP}/{VERSION}/namespaces/{namespace}/{PLURAL}" if namespace else f"/apis/{GROUP}/{VERSION}/{PLURAL}"
    )
