"""One loop for each object. It makes a pass when the object changed, when something is to be tried again, and once in a while.
After the object was deleted, it removes what was created for it, until the object can be let go."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar
from weakref import WeakValueDictionary

from gitlab_azure_identity import tracing
from gitlab_azure_identity.api.resource import Key, Resource, let_go, news
from gitlab_azure_identity.domain.deletion import Remaining
from gitlab_azure_identity.domain.expected import waits_for_cluster, with_tokens
from gitlab_azure_identity.domain.findings import Outlook
from gitlab_azure_identity.kube.client import ClusterError
from gitlab_azure_identity.metrics import CONDITIONS, CONTROLLER, RECONCILE_ERRORS, RECONCILE_SECONDS, RECONCILES
from gitlab_azure_identity.reconcile.checks import Checks
from gitlab_azure_identity.reconcile.context import Context
from gitlab_azure_identity.reconcile.defects import Defects
from gitlab_azure_identity.reconcile.finalizer import Finalizer
from gitlab_azure_identity.reconcile.issuer import Issuer
from gitlab_azure_identity.reconcile.memory import Memory, ObjectMemory
from gitlab_azure_identity.reconcile.places import Places
from gitlab_azure_identity.reconcile.reconciler import Outcome, Reconciler
from gitlab_azure_identity.reconcile.report import Reporter
from gitlab_azure_identity.reconcile.workloads import Workloads
from gitlab_azure_identity.waiting import unless

log = logging.getLogger(__name__)
Done = TypeVar("Done")

FIRST_BACKOFF = 1.0  # seconds
WAITING_BACKOFF = 30.0  # seconds at most: a wait that ends without a person should be noticed soon
REVERIFICATIONS = 6  # attempts at access (about a minute) between two observations of everything
# Seconds at most, for a pass that got no further than the API server: it costs no request to Azure.
CLUSTER_RETRY = 60.0
DELETION_RETRY = 15.0  # seconds at most: no event says, for example, that a missing right was granted
# The results of passes, in the words of controller-runtime. A defect is an error too.
_RESULTS = {
    Outlook.GOOD: "success",
    Outlook.WAITING: "requeue",
    Outlook.BLOCKED: "requeue",
    Outlook.TRANSIENT: "error",
    Outlook.STALLED: "error",
}


@dataclass(frozen=True)
class Pace:
    """The longest waits, in seconds."""

    resync: float = 3600.0
    stalled: float = 600.0
    backoff: float = 300.0
    check: float = 30.0


class Loop:
    """Reconciles objects, and removes what was created for those that are deleted."""

    def __init__(self, context: Context, pace: Pace, places: Places) -> None:
        self._resources, self._pace, self._clock = context.kube.resources, pace, context.clock
        self._memory = Memory()
        report, issuer = Reporter(context.kube), Issuer(context)
        self._workloads = Workloads(context, report)
        self._reconciler = Reconciler(context, issuer, report, self._memory, self._workloads)
        self._finalizer = Finalizer(context, issuer, report, self._memory)
        self._checks = Checks(context, issuer, pace.check)
        self._defects = Defects(context, report)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._locks: WeakValueDictionary[Key, asyncio.Lock] = WeakValueDictionary()
        self._places = places

    async def _placed(
        self, what: str, key: Key, work: Callable[[], Awaitable[Done]], result: Callable[[Done], str]
    ) -> Done:
        """Make a pass or a deletion as soon as there is a place. It is counted by its result, timed, and traced."""
        async with self._places.place(key):
            with tracing.of_pass(what, key.namespace, key.name) as span, RECONCILE_SECONDS.labels(CONTROLLER).time():
                counted = "error"
                try:
                    done = await work()
                    counted = result(done)
                except asyncio.CancelledError:
                    counted = "skipped"  # the resource is being deleted, or the operator ends
                    raise
                finally:
                    span.set_attribute("result", counted)
                    RECONCILES.labels(CONTROLLER, counted).inc()
                    if counted == "error":
                        RECONCILE_ERRORS.labels(CONTROLLER).inc()
        return done

    def _lock(self, key: Key) -> asyncio.Lock:
        """The lock of a key. One pass or deletion of a key runs at a time, since Azure and cluster objects are named after it.
        The lock exists as long as a task has it or waits for it."""
        return self._locks.setdefault(key, asyncio.Lock())

    def notice(self, key: Key, uid: str, news: tuple[object, ...], *, deleting: bool) -> None:
        """Note an event: the object exists, and may have changed. Its first event starts its loop."""
        memory = self._memory.get_or_add(key, uid)
        memory.notice(news, deleting=deleting)
        if uid not in self._tasks:
            task = self._tasks[uid] = asyncio.ensure_future(self._live(memory))
            task.add_done_callback(lambda _: self._tasks.pop(uid, None))

    def forget(self, key: Key, uid: str) -> None:
        """End the loop of an object that was deleted or no longer has our finalizer."""
        if task := self._tasks.get(uid):
            task.cancel()
        self._drop(key, uid)

    def _drop(self, key: Key, uid: str) -> None:
        if memory := self._memory.forget(uid):
            self._workloads.forget(memory)
        if not self._memory.knows(key):
            CONDITIONS.remove(key.namespace, key.name)

    async def leave(self) -> None:
        """End all loops, after the writes that were sent, and forget everything. A new watch begins with an event for each
        object."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._workloads.clear()
        self._memory.clear()
        CONDITIONS.clear()

    async def _live(self, memory: ObjectMemory) -> None:
        """Reconcile one object until it is deleted. Then remove what was created for it, and let it go."""
        while True:
            memory.wake.clear()
            turn = self._remove(memory) if memory.deleting.is_set() else self._keep(memory)
            delay = await self._survived(memory, turn)
            if delay is None:
                self._drop(memory.key, memory.uid)  # a watch that begins anew tells nothing of what is gone
                return
            if after_defect := await self._survived(memory, self._idle(memory, delay)):
                await memory.woken(after_defect)

    async def _survived(self, memory: ObjectMemory, turn: Coroutine[Any, Any, float | None]) -> float | None:
        """The seconds until the next turn. A defect in this turn ends neither the loop nor the process: it is logged and
        reported, and the turn is tried again. This is the one place that catches every exception."""
        try:
            return await turn
        except Exception as defect:
            memory.carried = None  # its pods are judged again after the next pass: the report is a status of its own
            log.exception("defect", extra={"resource": str(memory.key)})
            report = self._defects.report(memory.key, memory.uid, defect)
        try:
            await report
        except Exception:
            log.exception("defect not reported", extra={"resource": str(memory.key)})
        return self._delay(Outcome((), Outlook.TRANSIENT), memory)

    async def _idle(self, memory: ObjectMemory, seconds: float) -> float:
        """Wait so many seconds, or until there is news. Meanwhile the objects in the cluster are checked now and then. GitLab's
        pods are judged when one of them is news. Returns 0: the next turn may begin."""
        until = self._clock.steady() + seconds
        next_check = self._clock.steady() + self._checks.interval(memory)
        while True:
            due = min(until, next_check)
            stirred = await memory.stirred(max(0.0, due - self._clock.steady()))
            if memory.wake.is_set():
                return 0.0
            if stirred and self._clock.steady() < due:  # pods that are news all the time do not put off what is due
                await unless(memory.wake, self._workloads.judge_again(memory))
                if memory.expected and memory.expected.awaits_pods:
                    await unless(memory.wake, self._checks.check(memory))
            elif until <= next_check:
                return 0.0
            else:
                await unless(memory.wake, self._checks.check(memory))
                next_check = self._clock.steady() + self._checks.interval(memory)

    # a pass

    async def _keep(self, memory: ObjectMemory) -> float:
        """One pass. A deletion of the object ends it, after a write that was sent is finished. Returns the seconds until the
        next."""
        delay = await unless(memory.deleting, self._pass(memory))
        return 0.0 if delay is None or memory.deleting.is_set() else delay

    async def _pass(self, memory: ObjectMemory) -> float:
        """One pass, and more attempts at access while only access is awaited. Returns the seconds until the next pass."""
        async with self._lock(memory.key):
            outcome = await self._placed("reconcile", memory.key, lambda: self._read_and_run(memory), _result)
            attempts = 0
            while outcome and outcome.awaiting and attempts < REVERIFICATIONS:
                await self._idle(memory, self._delay(outcome, memory))
                if memory.wake.is_set():
                    return 0.0
                attempts += 1
                again = partial(self._reconciler.verify_again, outcome.awaiting, memory)
                outcome = await self._placed("verify", memory.key, again, _result)
        if outcome is None:
            return self._pace.backoff
        memory.expected = with_tokens(memory.expected, outcome.findings)
        return self._delay(outcome, memory)

    async def _read_and_run(self, memory: ObjectMemory) -> Outcome | None:
        """A pass over the object as it is now. None when it was deleted, or is being deleted."""
        memory.expected = memory.carried = None
        try:
            resource = await self._read(memory)
        except ClusterError as error:
            log.warning("resource not read: %s", error, extra={"resource": str(memory.key)})
            return Outcome((), Outlook.TRANSIENT)
        if resource is None or resource.deleting:
            return None
        outcome = await self._reconciler.run(resource, memory)
        if not any(finding.outlook is Outlook.TRANSIENT for finding in outcome.findings):
            memory.reset()
        return outcome

    async def _read(self, memory: ObjectMemory) -> Resource | None:
        """The object as it is now. None when it was let go or no longer exists, even if there is another object of its name.
        Raises ClusterError."""
        body = await self._resources.get(memory.key)
        if body is None or body["metadata"]["uid"] != memory.uid or let_go(body["metadata"]):
            return None
        memory.read(news(body["metadata"]))
        return Resource.parse(body)

    def _delay(self, outcome: Outcome, memory: ObjectMemory) -> float:
        """The seconds until the next attempt: exponential, with jitter, and never less than Azure or the cluster asked for."""
        if outcome.outlook is not memory.outlook:
            memory.outlook, memory.attempts = outcome.outlook, 0
        if outcome.outlook is Outlook.GOOD:
            return self._pace.resync * random.uniform(0.9, 1.1)  # noqa: S311 - jitter, not a secret
        stalled = self._pace.stalled
        if memory.expected is None and waits_for_cluster(outcome.findings):
            stalled = min(stalled, CLUSTER_RETRY)
        limits = {Outlook.STALLED: stalled, Outlook.WAITING: WAITING_BACKOFF}
        limit = limits.get(outcome.outlook, self._pace.backoff)
        backoff = _backoff(memory, limit)
        return max(backoff * random.uniform(0.8, 1.2), outcome.retry_after or 0.0)  # noqa: S311 - the same

    # a deletion

    async def _remove(self, memory: ObjectMemory) -> float | None:
        """Remove what was created for an object that is being deleted, and let it go. Returns the seconds until the next attempt,
        or None when the object was let go."""
        memory.carried = None
        self._workloads.forget(memory)
        async with self._lock(memory.key):
            remaining = await self._placed("finalize", memory.key, lambda: self._finalize(memory), _result_of_deletion)
        if remaining is None:
            return None
        log.info("the deletion waits: %s", remaining.message, extra={"resource": str(memory.key)})
        return self._deletion_delay(remaining, memory)

    async def _finalize(self, memory: ObjectMemory) -> Remaining | None:
        """Why the object cannot be let go yet. None when it was let go, or when it no longer exists, even if there is another
        object of its name."""
        try:
            resource = await self._read(memory)
            if resource is None:
                return None
            if not resource.deleting:
                return Remaining("the API server does not show the deletion yet", None)
            remaining = await self._finalizer.run(resource)
            if remaining is None:
                await self._resources.remove_finalizer(resource)
        except ClusterError as error:
            return Remaining(f"the API server did not answer: {error}", None)
        return remaining

    def _deletion_delay(self, remaining: Remaining, memory: ObjectMemory) -> float:
        """The seconds until a deletion is tried again."""
        return min(DELETION_RETRY, max(_backoff(memory, DELETION_RETRY), remaining.retry_after or 0.0))


def _result(outcome: Outcome | None) -> str:
    return _RESULTS[outcome.outlook] if outcome else "skipped"


def _result_of_deletion(remaining: Remaining | None) -> str:
    return "requeue" if remaining else "success"


def _backoff(memory: ObjectMemory, limit: float) -> float:
    """The seconds of the next backoff, at most `limit`: each attempt in a row doubles them."""
    backoff = min(limit, FIRST_BACKOFF * 2.0 ** min(memory.attempts, 20))
    memory.attempts += 1
    return backoff
