"""Pods that prove something and end: created, awaited, and deleted. The one thing that a person's examination writes, when asked
to."""

import asyncio
from contextlib import aclosing
from typing import Any

from gitlab_azure_identity.domain.doctor.pod import End, end_of, waits_for
from gitlab_azure_identity.kube.client import Cluster, ClusterError, Json


class ProofPods:
    """Creates and deletes pods. Every method raises ClusterError."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    async def create(self, manifest: dict[str, Any]) -> Json:
        """The pod as the API server and its webhooks made it of the manifest."""
        path = _path(manifest["metadata"]["namespace"])
        return await self._cluster.request("POST", path, manifest, query={"fieldManager": "kubectl-gai"})

    async def ended(self, pod: Json, seconds: float) -> End:
        """How the pod ends, within so many seconds."""
        last = pod
        try:
            async with asyncio.timeout(seconds):
                while True:
                    if end := end_of(last):
                        return end
                    last = await self._next(last)
        except TimeoutError:
            return End(trouble=f"It did not end within {seconds:.0f} seconds. {waits_for(last)}")

    async def _next(self, pod: Json) -> Json:
        """The next version of the pod. Raises ClusterError with status 404 when somebody deleted it."""
        metadata = pod["metadata"]
        query = {"fieldSelector": f"metadata.name={metadata['name']}", "resourceVersion": metadata["resourceVersion"]}
        event: Json | None = None
        try:
            async with aclosing(self._cluster.watch(_path(metadata["namespace"]), query)) as events:
                event = await anext(events, None)
        except ClusterError as error:
            if not error.expired:
                raise
        if event and event["type"] != "DELETED":
            return dict(event["object"])
        return await self._cluster.request("GET", f"{_path(metadata['namespace'])}/{metadata['name']}")

    async def delete(self, pod: Json) -> None:
        """Delete the pod at once. One that is gone counts as deleted."""
        metadata = pod["metadata"]
        body = {"gracePeriodSeconds": 0, "preconditions": {"uid": metadata["uid"]}}
        try:
            await self._cluster.request("DELETE", f"{_path(metadata['namespace'])}/{metadata['name']}", body)
        except ClusterError as error:
            if not error.not_found:
                raise


def _path(namespace: str) -> str:
    return f"/api/v1/namespaces/{namespace}/pods"
