"""One loop for each object: a pass when something is new, when something is to be tried again, and now and then anyway; and when
it is deleted, its removal until it can be let go."""

import asyncio
import logging
import random
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar
from weakref import WeakValueDictionary

from gitlab_azure_identity.api.resource import Key, Resource, let_go, news
from gitlab_azure_identity.domain.findings import Outlook
from gitlab_azure_identity.kube.client import ClusterError
from gitlab_azure_identity.metrics import CONTROLLER, READY, RECONCILE_SECONDS, RECONCILES
from gitlab_azure_identity.reconcile.defects import Defects
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
DELETION_RETRY = (
    15.0  # seconds at most: what keeps a deletion back, such as a missing right, tells nobody when it comes
)


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
        self._defects = Defects(world, report)
        self._loops: dict[str, asyncio.Task[None]] = {}
        self._locks: WeakValueDictionary[Key, asyncio.Lock] = WeakValueDictionary()
        self._room = asyncio.Semaphore(concurrency)

    def _lock(self, key: Key) -> asyncio.Lock:
        """One pass or removal at a time for a name: what is made is named by it. It lives as long as somebody holds it."""
        return self._locks.setdefault(key, asyncio.Lock())

    def notice(self, key: Key, uid: str, news: tuple[object, ...], *, deleting: bool) -> None:
        """There is such an object, and something about it may be new. Its loop is started by the first that is heard of it."""
        watched = self._memory.of(key, uid)
        watched.notice(news, deleting=deleting)
        if uid not in self._loops:
            loop = self._loops[uid] = asyncio.ensure_future(self._live(watched))
            loop.add_done_callback(lambda _: self._loops.pop(uid, None))

    def forget(self, key: Key, uid: str) -> None:
        """The object is gone, or none of ours any more."""
        if loop := self._loops.get(uid):
            loop.cancel()
        self._memory.forget(uid)
        if not self._memory.knows(key):
            READY.remove_by_labels({"namespace": key.namespace, "name": key.name})

    async def leave(self) -> None:
        """End all loops, a write in flight first, and forget everything: whoever begins again hears of every object anew."""
        loops = list(self._loops.values())
        for loop in loops:
            loop.cancel()
        await asyncio.gather(*loops, return_exceptions=True)
        self._memory.clear()
        READY.clear()

    async def _live(self, watched: Watched) -> None:
        """Keep one object true until it is deleted; then take away what was made for it, and let it go."""
        while True:
            watched.wake.clear()
            turn = self._remove(watched) if watched.deleting.is_set() else self._keep(watched)
            delay = await self._survived(watched, turn)
            if delay is None:
                return
            await watched.woken(delay)

    async def _survived(self, watched: Watched, turn: Coroutine[Any, Any, float | None]) -> float | None:
        """The seconds until the next turn. A defect in this one ends neither the loop nor the process: it is logged, told, and
        tried again. Here is the one place that catches whatever there is."""
        try:
            return await turn
        except Exception as defect:
            log.exception("defect", extra={"resource": str(watched.key)})
            told = self._defects.tell(watched.key, watched.uid, defect)
        try:
            await told
        except Exception:
            log.exception("defect not told", extra={"resource": str(watched.key)})
        return self._delay(Outcome((), Outlook.TRANSIENT), watched)

    async def _keep(self, watched: Watched) -> float:
        """One pass, ended by the deletion of the object: a write in flight is finished first. The seconds until the next."""
        delay = await _unless(watched.deleting, self._pass(watched))
        return 0.0 if delay is None or watched.deleting.is_set() else delay

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

    async def _remove(self, watched: Watched) -> float | None:
        """Take away what was made for an object that is being deleted, and let it go. The seconds until it is tried again; None
        when it is gone."""
        async with self._lock(watched.key), self._room:
            remaining = await self._cleaned(watched)
        if remaining is None:
            return None
        log.info("the deletion waits: %s", remaining.message, extra={"resource": str(watched.key)})
        return self._deletion_delay(remaining, watched)

    async def _cleaned(self, watched: Watched) -> Remaining | None:
        """Why the object cannot go yet; None when it was let go, or is gone already, though another may bear its name by now."""
        resources = self._world.kube.resources
        try:
            body = await resources.get(watched.key)
            if body is None or body["metadata"]["uid"] != watched.uid or let_go(body["metadata"]):
                return None
            watched.read(news(body["metadata"]))
            resource = Resource.parse(body)
            if not resource.deleting:
                return Remaining("it is not seen to be deleted yet", None)
            remaining = await self._removal.run(resource)
            if remaining is None:
                await resources.let_go(resource)
        except ClusterError as error:
            return Remaining(f"the API server refused, or did not answer: {error}", None)
        return remaining

    def _deletion_delay(self, remaining: Remaining, watched: Watched) -> float:
        """Seconds until a deletion is tried again."""
        backoff = FIRST_BACKOFF * 2.0 ** min(watched.attempts, 10)
        watched.attempts += 1
        return min(DELETION_RETRY, max(backoff, remaining.retry_after or 0.0))


async def _unless(stopped: asyncio.Event, work: Coroutine[Any, Any, Result]) -> Result | None:
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
