"""One loop for each resource: a pass when something is new, when something is to be tried again, and now and then anyway."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Coroutine
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar
from weakref import WeakValueDictionary

from gitlab_azure_identity.api.resource import Key, Resource, news
from gitlab_azure_identity.domain.findings import Outlook
from gitlab_azure_identity.kube.client import ClusterError
from gitlab_azure_identity.metrics import CONTROLLER, READY, RECONCILE_SECONDS, RECONCILES
from gitlab_azure_identity.reconcile.goals import Goals, World
from gitlab_azure_identity.reconcile.passes import Outcome, Passes
from gitlab_azure_identity.reconcile.removal import Remaining, Removal
from gitlab_azure_identity.reconcile.report import Reporter
from gitlab_azure_identity.reconcile.watched import Memory, Watched

log = logging.getLogger(__name__)
Result = TypeVar("Result")

FIRST_BACKOFF = 1.0  # seconds
WAITING_BACKOFF = 30.0  # seconds at most: what comes right by itself is to be seen soon
REVERIFICATIONS = 6  # attempts at access (about a minute) between two looks at everything
# As controller-runtime counts passes; a defect is an error too.
_RESULTS = {
    Outlook.GOOD: "success",
    Outlook.WAITING: "requeue",
    Outlook.BLOCKED: "requeue",
    Outlook.TRANSIENT: "error",
    Outlook.STALLED: "error",
}
DELETION_RETRY = 15.0  # seconds at most: edits do not wake a deletion


class Stopped(Protocol):
    """Set when the loop is to leave: the resource is being deleted, or the operator ends."""

    def __bool__(self) -> bool: ...

    def wait(self) -> Awaitable[object]: ...


@dataclass(frozen=True)
class Pace:
    """How long to wait. All in seconds."""

    resync: float = 3600.0
    stalled: float = 600.0
    backoff: float = 300.0


class Reconciler:
    """Keeps resources true, and takes away what was made for those that are deleted."""

    def __init__(self, world: World, pace: Pace, concurrency: int) -> None:
        self._world, self._pace = world, pace
        report, goals = Reporter(world.kube), Goals(world)
        self._memory = Memory()
        self._passes = Passes(world, goals, report, self._memory)
        self._removal = Removal(world, goals, report, self._memory)
        self._locks: WeakValueDictionary[Key, asyncio.Lock] = WeakValueDictionary()
        self._room = asyncio.Semaphore(concurrency)

    def _lock(self, key: Key) -> asyncio.Lock:
        """One pass or removal at a time for a name: what is made is named by it. It lives as long as somebody holds it."""
        return self._locks.setdefault(key, asyncio.Lock())

    def notice(self, key: Key, uid: str, news: tuple[object, ...], *, held: bool) -> None:
        """Something about the object may be new. `held` says whether it carries our finalizer."""
        self._memory.of(key, uid).notice(news, held=held)

    def forget(self, key: Key, uid: str) -> None:
        """The object is gone."""
        self._memory.forget(uid)
        if not self._memory.knows(key):
            READY.remove_by_labels({"namespace": key.namespace, "name": key.name})

    async def keep(self, key: Key, uid: str, stopped: Stopped) -> None:
        """Keep one object true until `stopped`. A defect in a pass is raised: whoever calls logs it, and calls again."""
        watched = self._memory.of(key, uid)
        while not stopped:
            watched.wake.clear()
            delay = await _unless(stopped, self._pass(watched))
            if delay is not None:
                await _first(stopped.wait(), watched.wake.wait(), seconds=delay)

    async def _pass(self, watched: Watched) -> float:
        """One pass, and attempts at access while nothing else is left to wait for. The seconds until the next."""
        async with self._lock(watched.key):
            async with self._room:
                outcome = await self._timed(self._look_and_pass(watched))
            tries = 0
            while outcome and outcome.standing and tries < REVERIFICATIONS:
                if await watched.woken(self._delay(outcome, watched)):
                    return 0.0
                tries += 1
                async with self._room:
                    outcome = await self._timed(self._passes.verify_again(outcome.standing, watched))
        if outcome is None:
            return self._pace.backoff
        return self._delay(outcome, watched)

    async def _look_and_pass(self, watched: Watched) -> Outcome | None:
        """A pass over the object as it is now. None when it is gone, or on its way."""
        try:
            body = await self._world.kube.resources.get(watched.key)
        except ClusterError as error:
            log.warning("not read: %s", error, extra={"resource": str(watched.key)})
            return Outcome((), Outlook.TRANSIENT)
        if body is None or body["metadata"]["uid"] != watched.uid:
            return None
        watched.read(news(body["metadata"]))
        resource = Resource.parse(body)
        if resource.deleting:
            return None
        outcome = await self._passes.run(resource, watched)
        if not any(finding.outlook is Outlook.TRANSIENT for finding in outcome.findings):
            watched.forgive()
        return outcome

    def _delay(self, outcome: Outcome, watched: Watched) -> float:
        """Seconds until the next attempt: exponential with jitter; what the other side asked for comes first."""
        if outcome.outlook is not watched.outlook:
            watched.outlook, watched.attempts = outcome.outlook, 0
        if outcome.outlook is Outlook.GOOD:
            return self._pace.resync * random.uniform(0.9, 1.1)  # noqa: S311 - jitter, not a secret
        limit = {Outlook.STALLED: self._pace.stalled, Outlook.WAITING: WAITING_BACKOFF}.get(
            outcome.outlook, self._pace.backoff
        )
        backoff = min(limit, FIRST_BACKOFF * 2.0 ** min(watched.attempts, 20))
        watched.attempts += 1
        return max(backoff * random.uniform(0.8, 1.2), outcome.retry_after or 0.0)  # noqa: S311

    async def _timed(self, work: Coroutine[Any, Any, Outcome | None]) -> Outcome | None:
        told = "error"
        try:
            with RECONCILE_SECONDS.labels(CONTROLLER).time():
                outcome = await work
            told = _RESULTS[outcome.outlook] if outcome else "skipped"
        except asyncio.CancelledError:
            told = "skipped"  # the resource is being deleted, or the operator ends
            raise
        finally:
            RECONCILES.labels(CONTROLLER, told).inc()
        return outcome

    async def remove(self, key: Key, uid: str) -> Remaining | None:
        """Take away what was made for a resource that is being deleted. None when it may go: also when that very object is gone
        already, though another may bear its name by now."""
        async with self._lock(key), self._room:
            try:
                body = await self._world.kube.resources.get(key)
                resource = Resource.parse(body) if body else None
                ours = resource is not None and resource.uid == uid and resource.deleting
                return await self._removal.run(resource) if resource and ours else None
            except ClusterError as error:
                return Remaining(f"the API server did not answer: {error}", None)

    def deletion_delay(self, remaining: Remaining, retry: int) -> float:
        """Seconds until a deletion is tried again."""
        return min(DELETION_RETRY, max(2.0 ** min(retry, 10), remaining.retry_after or 0.0))


async def _unless(stopped: Stopped, work: Coroutine[Any, Any, Result]) -> Result | None:
    """Await `work`, but end it when `stopped` is set: a write in flight is finished first. None when it was ended."""
    task = asyncio.ensure_future(work)
    stop = asyncio.ensure_future(stopped.wait())
    try:
        await asyncio.wait((task, stop), return_when=asyncio.FIRST_COMPLETED)
        return await task if task.done() else None
    finally:
        for pending in (task, stop):
            pending.cancel()
        await asyncio.wait((task, stop))


async def _first(*waits: Awaitable[object], seconds: float) -> None:
    """Wait until one of them is through, or so many seconds."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
