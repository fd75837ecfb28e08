"""Somebody who creates GitLabAzureIdentities and watches what becomes of them."""

import asyncio
import itertools
import json
import ssl
import time
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, NoReturn

import aiohttp

from lab.errors import LabError
from lab.running import Lab

NAMESPACE = "gitlab"
PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"
RESOURCES = f"/apis/gitlabazure.io/v1alpha1/namespaces/{NAMESPACE}/gitlabazureidentities"
CONNECTIONS = 20
LONGEST_LINE = 2**20
"""Bytes of an event of the watch."""
PATIENCE = 60
PATIENCE_FOR_EACH = 0.5
"""Seconds that resources may take, and how many more for each of them."""


class BenchError(LabError):
    """The benchmark cannot go on; the message says why."""


@dataclass
class Resources:
    """The resources of one namespace, as the API server shows them. `follow` must run for any wait to end."""

    session: aiohttp.ClientSession
    url: str
    pods: str = ""
    """The address of all pods of the namespace."""
    seen: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Each resource by name, in its newest version."""
    ready_at: dict[str, float] = field(default_factory=dict)
    """When a resource was first seen to be Ready, on the monotonic clock."""
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def create(self, name: str) -> float:
        """Create a minimal resource. Returns the moment before the request."""
        body = {
            "apiVersion": "gitlabazure.io/v1alpha1",
            "kind": "GitLabAzureIdentity",
            "metadata": {"name": name},
            "spec": {"storage": {"accountName": "gitlabstore"}, "serviceAccounts": [{"name": name}]},
        }
        moment = time.monotonic()
        async with self.session.post(self.url, json=body) as answer:
            answer.raise_for_status()
        return moment

    async def create_pods(self, count: int) -> None:
        """Create pods that have nothing to do with GitLab, in the same namespace."""
        places = asyncio.Semaphore(CONNECTIONS)

        async def create(number: int) -> None:
            containers = [{"name": "other", "image": "other"}]
            body = {
                "metadata": {"name": f"other-{number}", "labels": {"app": "other"}},
                "spec": {"containers": containers},
            }
            async with places, self.session.post(self.pods, json=body) as answer:
                answer.raise_for_status()

        await asyncio.gather(*(create(number) for number in range(count)))

    async def change_pods(self, count: int) -> None:
        """Change one of these pods after the other, for ever."""
        headers = {"Content-Type": "application/merge-patch+json"}
        for turn in itertools.count():
            patch = json.dumps({"metadata": {"annotations": {"turn": str(turn)}}})
            async with self.session.patch(f"{self.pods}/other-{turn % count}", data=patch, headers=headers) as answer:
                answer.raise_for_status()

    async def delete(self, names: Collection[str]) -> None:
        """Delete resources, and wait until the API server has none of them."""
        for name in names:
            async with self.session.delete(f"{self.url}/{name}") as answer:
                answer.raise_for_status()
        wanted = set(names)
        await self._until(
            lambda: wanted.isdisjoint(self.seen),
            lambda: f"{len(wanted & self.seen.keys())} of {len(wanted)} resources are not deleted",
            patience(names),
        )

    async def reconcile(self, name: str) -> None:
        """Ask for a reconcile by annotation, and wait until the status answers."""
        token = str(time.monotonic_ns())
        patch = {"metadata": {"annotations": {"gitlabazure.io/requested-at": token}}}
        headers = {"Content-Type": "application/merge-patch+json"}
        async with self.session.patch(f"{self.url}/{name}", data=json.dumps(patch), headers=headers) as answer:
            answer.raise_for_status()
        await self._until(
            lambda: self.seen[name].get("status", {}).get("lastHandledReconcileAt") == token,
            lambda: f"the requested reconcile of {name} is not answered in its status",
            PATIENCE,
        )

    async def exists(self, name: str) -> None:
        """Wait until a resource has been seen."""
        await self._until(lambda: name in self.seen, lambda: f"resource {name} has not been seen", PATIENCE)

    async def ready(self, names: Collection[str]) -> float:
        """Wait until all are Ready. Returns the moment at which the last one was seen to be."""
        wanted = set(names)
        await self._until(lambda: wanted <= self.ready_at.keys(), lambda: self._not_ready(wanted), patience(names))
        return max(self.ready_at[name] for name in wanted)

    async def follow(self) -> NoReturn:
        """Keep `seen` and `ready_at` up to date.

        The API server may end any watch, and does end one whose client reads too slowly: this client shares the machine's
        cores with all that it measures. A watch that ended is resumed after the last event that was read.

        Raises:
            BenchError: the watch cannot be resumed.
        """
        version = ""
        while True:
            try:
                version = await self._watch(version)
            except aiohttp.ClientError as error:
                raise BenchError(f"The watch of the resources broke: {error}") from error

    async def _watch(self, version: str) -> str:
        """Read one watch to its end. Returns the version to resume from; with an empty one the watch begins with all there is."""
        query = {"watch": "1", "resourceVersion": version}
        endless = aiohttp.ClientTimeout(sock_connect=10)
        async with self.session.get(self.url, params=query, timeout=endless) as stream:
            stream.raise_for_status()
            async for line in stream.content:
                event = json.loads(line)
                if event["type"] == "ERROR":
                    raise BenchError(f"The watch of the resources cannot be resumed: {event['object']['message']}")
                version = event["object"]["metadata"]["resourceVersion"]
                await self._take(event["type"], event["object"])
        return version

    async def _take(self, kind: str, found: dict[str, Any]) -> None:
        name = found["metadata"]["name"]
        async with self._changed:
            if kind == "DELETED":
                self.seen.pop(name, None)
                self.ready_at.pop(name, None)
            else:
                self.seen[name] = found
                if ready_condition(found).get("status") == "True":
                    self.ready_at.setdefault(name, time.monotonic())
            self._changed.notify_all()

    async def _until(self, holds: Callable[[], bool], otherwise: Callable[[], str], seconds: float) -> None:
        """Wait until the resources seen are as they should be. Raises BenchError with `otherwise` when time is up."""
        try:
            async with asyncio.timeout(seconds), self._changed:
                await self._changed.wait_for(holds)
        except TimeoutError as error:
            raise BenchError(f"After {seconds:.0f} s {otherwise()}.") from error

    def _not_ready(self, wanted: set[str]) -> str:
        missing = sorted(wanted - self.ready_at.keys())
        condition = ready_condition(self.seen.get(missing[0], {}))
        says = f"{condition['reason']}: {condition['message']}" if condition else "it has no condition Ready"
        return f"{len(missing)} of {len(wanted)} resources are not Ready, such as {missing[0]} ({says})"


def ready_condition(resource: dict[str, Any]) -> dict[str, str]:
    """The condition Ready of a resource; empty where there is none."""
    conditions = resource.get("status", {}).get("conditions", ())
    return next((condition for condition in conditions if condition["type"] == "Ready"), {})


def patience(names: Collection[str]) -> float:
    """Seconds until so many resources are given up."""
    return PATIENCE + PATIENCE_FOR_EACH * len(names)


@asynccontextmanager
async def connected(lab: Lab) -> AsyncIterator[Resources]:
    """A client of the lab's API server, as its administrator."""
    connector = aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=str(lab.api.ca_file)), limit=CONNECTIONS)
    headers = {"Authorization": f"Bearer {lab.api.token}"}
    async with aiohttp.ClientSession(connector=connector, headers=headers, read_bufsize=LONGEST_LINE) as session:
        yield Resources(session, lab.api.url + RESOURCES, lab.api.url + PODS)
