"""GitLab's pods: listed and watched by a label that the API server compares, and read into what a judgement needs."""

from collections.abc import AsyncGenerator, Collection, Iterable, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any

from gitlab_azure_identity.domain.pods import (
    COMPONENT_LABEL,
    HELM_HOOK,
    INJECTED,
    RELEASE_LABEL,
    TOKEN_FILE,
    Container,
    Owner,
    Pod,
)
from gitlab_azure_identity.kube.client import Cluster, Json

PAGE = "500"  # pods in one answer


@dataclass(frozen=True)
class Listed:
    """All pods of a release, and the version of the list that a watch goes on from."""

    pods: tuple[Pod, ...]
    version: str


@dataclass(frozen=True)
class Change:
    """One event of a watch. `pod` is None when only the version is news, and `gone` when the pod was deleted."""

    version: str
    pod: Pod | None = None
    gone: bool = False


class Pods:
    """Reads the pods of a GitLab release. Every method raises ClusterError."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    async def list(self, namespace: str, release: str) -> Listed:
        """The pods of a release as they are now."""
        found = await self._cluster.request("GET", _path(namespace), query={"labelSelector": _selector(release)})
        pods = tuple(pod_of(item) for item in found.get("items") or ())
        return Listed(pods, found["metadata"]["resourceVersion"])

    async def get(self, namespace: str, name: str) -> Pod | None:
        """One pod of any release, or None when it does not exist."""
        found = await self._cluster.find(f"{_path(namespace)}/{name}")
        return pod_of(found) if found else None

    async def names(self, namespace: str) -> tuple[str, ...]:
        """The names of all pods of a namespace."""
        found = await self._cluster.request("GET", _path(namespace))
        return tuple(str(item["metadata"]["name"]) for item in found.get("items") or ())

    async def releases(self, namespace: str, components: Collection[str]) -> tuple[str, ...]:
        """The releases that have pods of these components in a namespace."""
        query = {"labelSelector": f"{RELEASE_LABEL},{COMPONENT_LABEL} in ({','.join(components)})"}
        found = await self._cluster.request("GET", _path(namespace), query=query)
        return tuple(sorted({str(item["metadata"]["labels"][RELEASE_LABEL]) for item in found.get("items") or ()}))

    async def mounting(self, namespace: str, secrets: Collection[str]) -> tuple[Pod, ...]:
        """The pods of a namespace that mount one of these secrets, whatever their labels."""
        found: list[Pod] = []
        query = {"limit": PAGE}
        while True:
            page = await self._cluster.request("GET", _path(namespace), query=query)
            found += [pod for pod in map(pod_of, page.get("items") or ()) if not pod.secrets.isdisjoint(secrets)]
            if not (token := page["metadata"].get("continue")):
                return tuple(found)
            query = {"limit": PAGE, "continue": token}

    async def watch(self, namespace: str, release: str, version: str) -> AsyncGenerator[Change, None]:
        """What happens to the pods of a release after a version, until the API server ends the watch. When it no longer knows the
        version, it says so by a ClusterError with status 410: the pods are then to be listed again."""
        query = {
            "labelSelector": _selector(release),
            "resourceVersion": version,
            "allowWatchBookmarks": "true",
        }
        async with aclosing(self._cluster.watch(_path(namespace), query)) as events:
            async for event in events:
                kind, found = event["type"], event["object"]
                if kind == "BOOKMARK":
                    yield Change(found["metadata"]["resourceVersion"])
                elif kind in ("ADDED", "MODIFIED", "DELETED"):
                    yield Change(found["metadata"]["resourceVersion"], pod_of(found), gone=kind == "DELETED")


def _path(namespace: str) -> str:
    return f"/api/v1/namespaces/{namespace}/pods"


def _selector(release: str) -> str:
    return f"{RELEASE_LABEL}={release}"


def pod_of(found: Json) -> Pod:
    """A pod as the API server gives it, as far as the chain is concerned."""
    metadata, spec, status = found["metadata"], found.get("spec") or {}, found.get("status") or {}
    labels = metadata.get("labels") or {}
    return Pod(
        name=metadata["name"],
        uid=metadata["uid"],
        component=labels.get(COMPONENT_LABEL, ""),
        labels=labels,
        service_account=spec.get("serviceAccountName") or "default",
        containers=tuple(_containers(spec, status)),
        owner=_owner(metadata),
        created=datetime.fromisoformat(metadata["creationTimestamp"]),
        accepted=_moment(status.get("startTime")),
        hook=HELM_HOOK in (metadata.get("annotations") or {}),
        phase=status.get("phase") or "Pending",
        ending="deletionTimestamp" in metadata,
    )


def _owner(metadata: Json) -> Owner | None:
    """The controller of a pod. The name of a Deployment's ReplicaSet is that of the Deployment, a dash, and the pod's hash
    (kubernetes 1.37, pkg/controller/deployment/sync.go, getNewReplicaSet)."""
    controller = next((one for one in metadata.get("ownerReferences") or () if one.get("controller")), None)
    if controller is None:
        return None
    suffix = "-" + (metadata.get("labels") or {}).get("pod-template-hash", "")
    if controller["kind"] == "ReplicaSet" and len(suffix) > 1 and controller["name"].endswith(suffix):
        return Owner("Deployment", controller["name"].removesuffix(suffix))
    return Owner(controller["kind"], controller["name"])


def _containers(spec: Json, status: Json) -> Iterator[Container]:
    states = _by_name([*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())])
    volumes = _by_name(spec.get("volumes") or ())
    for init, entries in ((True, spec.get("initContainers")), (False, spec.get("containers"))):
        for entry in entries or ():
            mounted = [
                (mount, volumes[mount["name"]]) for mount in entry.get("volumeMounts") or () if mount["name"] in volumes
            ]
            variables = {
                one["name"]: str(one.get("value", "")) for one in entry.get("env") or () if one["name"] in INJECTED
            }
            yield Container(
                name=entry["name"],
                variables=variables,
                secrets=frozenset(name for _, volume in mounted for name in _secrets(volume)),
                started=_started(states.get(entry["name"], {})),
                init=init,
                token_audience=_audience(mounted, variables.get(TOKEN_FILE)),
            )


def _by_name(entries: Iterable[Json]) -> dict[str, Json]:
    return {entry["name"]: entry for entry in entries}


def _sources(volume: Json) -> Iterable[Json]:
    return (volume.get("projected") or {}).get("sources") or ()


def _secrets(volume: Json) -> Iterator[str]:
    """The secrets of a volume: the one that it is, or those that are projected into it."""
    if secret := volume.get("secret"):
        yield secret["secretName"]
    for source in _sources(volume):
        if secret := source.get("secret"):
            yield secret["name"]


def _audience(mounted: Iterable[tuple[Json, Json]], file: str | None) -> str | None:
    """The audience of the token that is projected to a file."""
    for mount, volume in mounted:
        for source in _sources(volume):
            token = source.get("serviceAccountToken")
            if token and file == str(PurePosixPath(mount["mountPath"]) / token["path"]):
                return str(token.get("audience") or "")
    return None


def _started(status: Json) -> datetime | None:
    """When a container last started. One that crashed and waits has started before."""
    state, last = status.get("state") or {}, status.get("lastState") or {}
    for one in (state.get("running"), state.get("terminated"), last.get("terminated")):
        if one and one.get("startedAt"):
            return _moment(one["startedAt"])
    return None


def _moment(text: Any) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
