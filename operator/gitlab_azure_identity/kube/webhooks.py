"""The registration of admission webhooks, and whether a pod is ready behind their Services."""

from gitlab_azure_identity.kube.client import Cluster, Json

_REGISTERED = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"


class Webhooks:
    """Reads webhooks that change objects. Every method raises ClusterError."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    async def registered(self) -> list[Json]:
        """Every MutatingWebhookConfiguration."""
        found = await self._cluster.request("GET", _REGISTERED)
        return list(found.get("items") or ())

    async def answering(self, namespace: str, service: str) -> bool:
        """Whether an endpoint of the Service is ready (Kubernetes documentation, "EndpointSlices": one whose condition is not
        known counts as ready)."""
        found = await self._cluster.request(
            "GET",
            f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices",
            query={"labelSelector": f"kubernetes.io/service-name={service}"},
        )
        endpoints = (each for piece in found.get("items") or () for each in piece.get("endpoints") or ())
        return any((each.get("conditions") or {}).get("ready") is not False for each in endpoints)
