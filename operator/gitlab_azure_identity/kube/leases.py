"""The Lease by which replicas agree on their leader (coordination.k8s.io/v1)."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gitlab_azure_identity.kube.client import MERGE, Cluster, ClusterError, Json

GIVEN_BACK = 1  # seconds: the duration of a Lease that was given back, as client-go writes it
_MOST_TRANSITIONS = 2**31 - 1  # an int32: the API server refuses a greater number
_TIME = "%Y-%m-%dT%H:%M:%S.%fZ"  # a MicroTime, in UTC


@dataclass(frozen=True)
class Lease:
    """Who leads. `holder` is empty when nobody does. `version` changes with each renewal. `duration` is in seconds."""

    version: str
    holder: str
    duration: float
    transitions: int

    @property
    def given_back(self) -> bool:
        """Whether its holder let it go. A name that somebody else took out does not tell that holder."""
        return not self.holder and self.duration == GIVEN_BACK


class Leases:
    """One Lease. Every method raises ClusterError."""

    def __init__(self, cluster: Cluster, namespace: str, name: str) -> None:
        self._cluster, self.namespace, self.name = cluster, namespace, name
        self._collection = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"
        self._path = f"{self._collection}/{name}"

    def __str__(self) -> str:
        return f"Lease {self.namespace}/{self.name}"

    async def get(self) -> Lease | None:
        """The Lease, or None when it does not exist."""
        found = await self._cluster.find(self._path)
        return _lease(found) if found else None

    async def take(self, former: Lease | None, holder: str, duration: float, now: datetime) -> Lease:
        """The Lease after it was taken. Raises ClusterError with status 409 when somebody wrote it since `former` was read."""
        time = now.strftime(_TIME)
        spec = {
            "holderIdentity": holder,
            "leaseDurationSeconds": round(duration),
            "acquireTime": time,
            "renewTime": time,
            "leaseTransitions": min(former.transitions + 1, _MOST_TRANSITIONS) if former else 0,
        }
        if former:
            return await self._write(former, spec)
        body: Json = {"metadata": {"name": self.name}, "spec": spec}
        return _lease(await self._cluster.request("POST", self._collection, body))

    async def renew(self, lease: Lease, now: datetime) -> Lease:
        """The Lease after it was renewed. Raises ClusterError with status 409 when somebody wrote it."""
        kept = {"holderIdentity": lease.holder, "leaseDurationSeconds": round(lease.duration)}
        return await self._write(lease, {**kept, "renewTime": now.strftime(_TIME)})

    async def give_back(self, lease: Lease, now: datetime) -> None:
        """Let another take the Lease at once, as client-go does: no holder, and a duration of a second."""
        free = {"holderIdentity": "", "leaseDurationSeconds": GIVEN_BACK}
        await self._write(lease, {**free, "renewTime": now.strftime(_TIME)})

    async def versions(self, lease: Lease | None) -> AsyncGenerator[Lease | None, None]:
        """The versions after this one, as they are written: None when it is deleted. The API server ends the watch after some
        minutes, or when it no longer knows the version."""
        query = {"fieldSelector": f"metadata.name={self.name}"} | ({"resourceVersion": lease.version} if lease else {})
        try:
            async with aclosing(self._cluster.watch(self._collection, query)) as events:
                async for event in events:
                    yield None if event["type"] == "DELETED" else _lease(event["object"])
        except ClusterError as error:
            if not error.expired:
                raise

    async def _write(self, lease: Lease, spec: Json) -> Lease:
        """A change of the very version that was read. The labels and annotations of others stay."""
        body: Json = {"metadata": {"resourceVersion": lease.version}, "spec": spec}
        return _lease(await self._cluster.request("PATCH", self._path, body, content_type=MERGE))


def is_conflict(error: ClusterError) -> bool:
    """Whether somebody else wrote the Lease first: another version, or a Lease that exists already."""
    return error.status == 409  # noqa: PLR2004


def _lease(body: Json) -> Lease:
    spec: dict[str, Any] = body.get("spec") or {}
    return Lease(
        body["metadata"]["resourceVersion"],
        spec.get("holderIdentity") or "",
        float(spec.get("leaseDurationSeconds") or 0),
        int(spec.get("leaseTransitions") or 0),
    )
