"""The GitLabAzureIdentity objects themselves: read live, and their status written."""

from typing import Any

from gitlab_azure_identity.api import API_VERSION, FINALIZER, GROUP, KIND, PLURAL, VERSION
from gitlab_azure_identity.api.resource import Key, Resource
from gitlab_azure_identity.api.status import Status
from gitlab_azure_identity.kube.client import APPLY, MERGE, Cluster, Json

STATUS_MANAGER = "gitlab-azure-identity"


class Resources:
    """Every method raises ClusterError."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    async def get(self, key: Key) -> Json | None:
        """The object as it is now, or None when it is gone."""
        return await self._cluster.find(_path(key))

    async def hold(self, resource: Resource) -> None:
        """Put our finalizer on a resource, beside those of others. A resource that changed meanwhile is refused (409)."""
        metadata = {"resourceVersion": resource.resource_version, "finalizers": [*resource.finalizers, FINALIZER]}
        await self._cluster.request("PATCH", _path(resource.key), {"metadata": metadata}, content_type=MERGE)

    async def write_status(self, key: Key, uid: str, status: Status) -> None:
        """Replace what we said before. The uid keeps a late word about a deleted object off its successor."""
        said = status.model_dump(by_alias=True, exclude_none=True, mode="json")
        body: dict[str, Any] = {
            "apiVersion": API_VERSION,
            "kind": KIND,
            "metadata": {"name": key.name, "namespace": key.namespace, "uid": uid},
            "status": {field: value for field, value in said.items() if value not in ([], {})},
        }
        await self._cluster.request(
            "PATCH",
            f"{_path(key)}/status",
            body,
            query={"fieldManager": STATUS_MANAGER, "force": "true"},
            content_type=APPLY,
        )


def _path(key: Key) -> str:
    return f"/apis/{GROUP}/{VERSION}/namespaces/{key.namespace}/{PLURAL}/{key.name}"
