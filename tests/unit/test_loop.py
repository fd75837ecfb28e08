"""The loop of one resource, where the lab cannot reach it: delays, wakes, locks, and what must not end it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from gitlab_azure_identity.api.conditions import ROLES_ASSIGNED
from gitlab_azure_identity.api.resource import Key, Resource, news
from gitlab_azure_identity.domain.findings import Finding, Outlook
from gitlab_azure_identity.inflight import finished
from gitlab_azure_identity.kube.client import ClusterError
from gitlab_azure_identity.metrics import READY
from gitlab_azure_identity.reconcile import loop
from gitlab_azure_identity.reconcile.goals import World
from gitlab_azure_identity.reconcile.loop import Pace, Reconciler
from gitlab_azure_identity.reconcile.passes import Outcome, Standing
from gitlab_azure_identity.reconcile.removal import Remaining
from gitlab_azure_identity.reconcile.watched import Watched

from .worlds import body

KEY = Key("gitlab", "gitlab")
GOOD = Outcome((), Outlook.GOOD)
STANDING = cast("Standing", object())


def outcome(outlook: Outlook, retry_after: float | None = None) -> Outcome:
    return Outcome((Finding(ROLES_ASSIGNED, "Unknown", "X", "x", outlook, retry_after),), outlook)


UID = "uid-of-gitlab-gitlab"


class Stop(asyncio.Event):
    """kopf's: true once it is set."""

    def __bool__(self) -> bool:
        return self.is_set()


class Cluster:
    """Resources as the API server gives them; an answer may be an error."""

    def __init__(self) -> None:
        self.answer: dict[str, Any] | ClusterError | None = body()

    async def get(self, key: Key) -> dict[str, Any] | None:
        if isinstance(self.answer, ClusterError):
            raise self.answer
        return body(name=key.name) if key != KEY else self.answer


class Passes:
    """Does what the test says, and counts."""

    def __init__(self) -> None:
        self.runs = 0
        self.tries = 0
        self.began = asyncio.Event()
        self.act: Callable[[], Awaitable[Outcome]] = self.well
        self.again: Callable[[], Outcome] = lambda: GOOD

    async def well(self) -> Outcome:
        return GOOD

    async def run(self, _resource: Resource, _watched: Watched) -> Outcome:
        self.runs += 1
        self.began.set()
        return await self.act()

    async def verify_again(self, _standing: Standing, _watched: Watched) -> Outcome:
        self.tries += 1
        return self.again()

    async def until(self, runs: int) -> None:
        """Wait until so many passes have begun."""
        async with asyncio.timeout(5):
            while self.runs < runs:
                self.began.clear()
                await self.began.wait()


class Desk:
    """A reconciler with fakes around it."""

    def __init__(self, concurrency: int = 5, pace: Pace | None = None) -> None:
        self.cluster, self.passes = Cluster(), Passes()
        world = SimpleNamespace(kube=SimpleNamespace(resources=self.cluster))
        self.reconciler = Reconciler(cast("World", world), pace or Pace(), concurrency)
        self.reconciler._passes = cast("Any", self.passes)
        self.stop = Stop()
        self.kept: asyncio.Task[None] | None = None

    def keep(self) -> asyncio.Task[None]:
        self.kept = asyncio.ensure_future(self.reconciler.keep(KEY, UID, self.stop))
        return self.kept

    async def leave(self) -> None:
        """Stop, as kopf does; the loop must return by itself."""
        self.stop.set()
        assert self.kept is not None
        async with asyncio.timeout(5):
            await self.kept


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries come at once."""
    monkeypatch.setattr(loop, "FIRST_BACKOFF", 0.0001)


@pytest.fixture
def no_jitter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random, "uniform", lambda _low, _high: 1.0)


# Delays


@pytest.mark.usefixtures("no_jitter")
def test_another_outlook_begins_anew() -> None:
    """After minutes of waiting one failed request is tried again in a second."""
    reconciler, watched = Desk().reconciler, Watched(KEY, UID)

    waits = [reconciler._delay(outcome(Outlook.WAITING), watched) for _ in range(6)]

    assert waits[-1] == 30
    assert reconciler._delay(outcome(Outlook.TRANSIENT), watched) == 1


@pytest.mark.usefixtures("no_jitter")
@pytest.mark.parametrize(
    ("outlook", "delays"),
    [
        (Outlook.TRANSIENT, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]),
        (Outlook.WAITING, [1, 2, 4, 8, 16, 30, 30]),
        (Outlook.STALLED, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 600]),
        (Outlook.GOOD, [3600, 3600]),
    ],
)
def test_waits_grow_up_to_a_limit(outlook: Outlook, delays: list[float]) -> None:
    reconciler, watched = Desk().reconciler, Watched(KEY, UID)

    assert [reconciler._delay(outcome(outlook), watched) for _ in delays] == delays


@pytest.mark.usefixtures("no_jitter")
def test_what_the_other_side_asks_for_comes_first() -> None:
    reconciler, watched = Desk().reconciler, Watched(KEY, UID)

    delays = [reconciler._delay(outcome(Outlook.TRANSIENT, 17.0), watched) for _ in range(6)]

    assert delays == [17, 17, 17, 17, 17, 32]


@pytest.mark.usefixtures("no_jitter")
def test_success_and_news_begin_anew() -> None:
    reconciler = Desk().reconciler
    watched = reconciler._memory.of(KEY, UID)

    first = [reconciler._delay(outcome(Outlook.TRANSIENT), watched) for _ in range(3)]
    reconciler._delay(GOOD, watched)
    second = [reconciler._delay(outcome(Outlook.TRANSIENT), watched) for _ in range(2)]
    reconciler.notice(KEY, UID, ("new",), held=True)

    assert (first, second) == ([1, 2, 4], [1, 2])
    assert reconciler._delay(outcome(Outlook.TRANSIENT), watched) == 1


def test_jitter_keeps_many_from_asking_at_once() -> None:
    reconciler = Desk().reconciler

    resyncs = {reconciler._delay(GOOD, Watched(KEY, UID)) for _ in range(50)}
    retries = {reconciler._delay(outcome(Outlook.TRANSIENT), Watched(KEY, UID)) for _ in range(50)}

    assert len(resyncs) > 40
    assert all(3240 <= delay <= 3960 for delay in resyncs)
    assert all(0.8 <= delay <= 1.2 for delay in retries)


@pytest.mark.parametrize(
    ("retry", "asked", "delay"), [(0, None, 1), (1, None, 2), (3, None, 8), (4, None, 15), (60, None, 15), (0, 9.0, 9)]
)
def test_a_deletion_is_tried_again_within_fifteen_seconds(retry: int, asked: float | None, delay: float) -> None:
    """kopf's wait is not woken by edits."""
    assert Desk().reconciler.deletion_delay(Remaining("x", asked), retry) == delay


# Wakes


@pytest.mark.parametrize(
    ("changed", "is_news"),
    [
        ({"resourceVersion": "2"}, False),
        ({"labels": {"a": "b"}}, False),
        ({"annotations": {"note": "x"}}, False),
        ({"generation": 2}, True),
        ({"uid": "another"}, True),
        ({"finalizers": []}, False),
        ({"annotations": {"gitlabazure.io/requested-at": "now"}}, True),
        ({"annotations": {"reconcile.fluxcd.io/requestedAt": "now"}}, True),
    ],
)
def test_what_is_news(changed: dict[str, Any], is_news: bool) -> None:
    """A status that we wrote ourselves is none, nor is our finalizer: the pass that needs it waits for it."""
    metadata = body()["metadata"]

    assert (news({**metadata, **changed}) != news(metadata)) is is_news


async def test_a_pass_answers_the_event_of_what_it_has_read() -> None:
    desk = Desk()
    desk.keep()
    await desk.passes.until(1)

    desk.reconciler.notice(KEY, UID, news(body()["metadata"]), held=True)
    desk.reconciler.notice(KEY, UID, news(body(generation=2)["metadata"]), held=True)
    await desk.passes.until(2)
    await desk.leave()

    assert desk.passes.runs == 2


async def test_a_ready_resource_is_looked_at_again_by_itself() -> None:
    desk = Desk(pace=Pace(resync=0.001))
    desk.keep()

    await desk.passes.until(3)  # and nothing was noticed in between
    await desk.leave()


async def test_news_during_a_wait_for_access_ends_the_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "FIRST_BACKOFF", 60.0)
    desk = Desk()

    async def waiting() -> Outcome:
        return Outcome((), Outlook.WAITING, STANDING)

    desk.passes.act = waiting
    desk.keep()
    await desk.passes.until(1)
    desk.reconciler.notice(KEY, UID, ("new",), held=True)
    await desk.passes.until(2)
    await desk.leave()

    assert desk.passes.tries == 0


# What does not end the loop


@pytest.mark.usefixtures("quick")
async def test_access_is_tried_again_without_looking_at_everything() -> None:
    desk = Desk()

    async def waiting() -> Outcome:
        return Outcome((), Outlook.WAITING, STANDING) if desk.passes.runs == 1 else GOOD

    desk.passes.act = waiting
    desk.passes.again = lambda: Outcome((), Outlook.WAITING, STANDING)
    desk.keep()
    await desk.passes.until(2)
    await desk.leave()

    assert desk.passes.tries == loop.REVERIFICATIONS


@pytest.mark.usefixtures("quick")
async def test_a_defect_is_raised_for_kopf_to_log_and_the_loop_can_be_started_again() -> None:
    desk = Desk()

    async def broken() -> Outcome:
        if desk.passes.runs < 2:
            raise KeyError("identity")
        return GOOD

    desk.passes.act = broken
    with pytest.raises(KeyError):
        await desk.keep()

    kept = desk.keep()
    await desk.passes.until(2)

    assert not kept.done()
    await desk.leave()


ODD: list[dict[str, Any] | ClusterError | None] = [
    ClusterError(503, "ServiceUnavailable", "starting"),
    None,
    body(deleting=True),
]


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("answer", ODD, ids=["no answer", "gone", "going"])
async def test_an_object_that_nothing_is_written_for(answer: dict[str, Any] | ClusterError | None) -> None:
    """The loop waits, without a pass, until there is news."""
    desk = Desk()
    desk.cluster.answer = answer
    kept = desk.keep()
    await asyncio.sleep(0.01)

    assert not kept.done()
    assert desk.passes.runs == 0
    desk.cluster.answer = body()
    desk.reconciler.notice(KEY, UID, ("new",), held=True)
    await desk.passes.until(1)
    await desk.leave()


async def test_a_loop_that_is_to_leave_before_it_began_does_nothing() -> None:
    desk = Desk()
    desk.stop.set()

    desk.keep()
    await desk.leave()

    assert desk.passes.runs == 0


async def test_a_write_in_flight_is_finished_before_the_loop_leaves() -> None:
    desk = Desk()
    written = False
    go = asyncio.Event()

    async def write() -> Outcome:
        nonlocal written
        await go.wait()
        written = True
        return GOOD

    desk.passes.act = lambda: finished(write(), 30)
    kept = desk.keep()
    await desk.passes.until(1)
    desk.stop.set()
    await asyncio.sleep(0)
    assert not kept.done()
    go.set()
    await desk.leave()

    assert written


# Locks


class Removal:
    """Notes when it ran."""

    def __init__(self, desk: Desk, answer: Remaining | ClusterError | None = None) -> None:
        self.answer = answer
        self.during_a_pass: list[bool] = []
        self._desk = desk

    async def run(self, _resource: Resource) -> Remaining | None:
        self.during_a_pass.append(not self._desk.stop)
        if isinstance(self.answer, ClusterError):
            raise self.answer
        return self.answer


async def test_a_deletion_waits_for_the_pass_to_leave() -> None:
    desk = Desk()
    removal = Removal(desk)
    desk.reconciler._removal = cast("Any", removal)

    async def forever() -> Outcome:
        await asyncio.Event().wait()
        return GOOD

    desk.passes.act = forever
    desk.keep()
    await desk.passes.until(1)
    desk.cluster.answer = body(deleting=True)
    removing = asyncio.ensure_future(desk.reconciler.remove(KEY, UID))
    await asyncio.sleep(0.01)
    assert removal.during_a_pass == []
    await desk.leave()

    assert await removing is None
    assert removal.during_a_pass == [False]


async def test_a_deletion_that_the_api_server_does_not_answer_is_tried_again() -> None:
    desk = Desk()
    desk.reconciler._removal = cast("Any", Removal(desk, ClusterError(503, "ServiceUnavailable", "starting")))

    desk.cluster.answer = body(deleting=True)
    remaining = await desk.reconciler.remove(KEY, UID)

    assert remaining is not None
    assert "starting" in remaining.message


SUCCESSOR = body(deleting=True)
SUCCESSOR["metadata"]["uid"] = "uid-of-a-later-one"


@pytest.mark.parametrize("answer", [None, SUCCESSOR, body()], ids=["gone", "another of its name", "not being deleted"])
async def test_what_is_not_the_object_that_was_deleted_is_not_removed(answer: dict[str, Any] | None) -> None:
    desk = Desk()
    removal = Removal(desk)
    desk.reconciler._removal = cast("Any", removal)
    desk.cluster.answer = answer

    assert await desk.reconciler.remove(KEY, UID) is None
    assert removal.during_a_pass == []


@pytest.mark.usefixtures("no_jitter")
def test_a_deletion_that_is_blocked_for_days_is_still_tried_again() -> None:
    assert Desk().reconciler.deletion_delay(Remaining("blocked", None), 100_000) == 15.0


async def test_so_many_at_the_same_time_and_no_more() -> None:
    desk = Desk(concurrency=2)
    at_once: list[int] = []
    working = 0

    async def work() -> Outcome:
        nonlocal working
        working += 1
        at_once.append(working)
        await asyncio.sleep(0.001)
        working -= 1
        return GOOD

    desk.passes.act = work
    keys = [Key("gitlab", f"gitlab-{number}") for number in range(6)]
    kept = [
        asyncio.ensure_future(desk.reconciler.keep(key, f"uid-of-{key.namespace}-{key.name}", desk.stop))
        for key in keys
    ]
    await desk.passes.until(6)
    desk.stop.set()
    await asyncio.gather(*kept)

    assert max(at_once) == 2


@pytest.fixture(autouse=True)
def _quiet_gauges() -> Iterator[None]:
    """The metrics are the process's own: leave none of this behind."""
    yield
    READY.clear()


LATER = "uid-of-a-later-one"


def test_what_is_gone_is_forgotten_but_not_what_was_made_since() -> None:
    """Events of two objects that bore one name may come in any order: each speaks of its own."""
    desk = Desk()
    desk.reconciler.notice(KEY, UID, news(body()["metadata"]), held=True)
    READY.labels(KEY.namespace, KEY.name).set(1)
    later = desk.reconciler._memory.of(KEY, LATER)
    desk.reconciler.notice(KEY, UID, news(body(generation=2)["metadata"]), held=True)

    desk.reconciler.forget(KEY, UID)

    assert list(desk.reconciler._memory._watched) == [LATER]
    assert not later.wake.is_set()
    assert next(iter(READY.collect())).samples != []
    desk.reconciler.forget(KEY, LATER)
    assert next(iter(READY.collect())).samples == []


async def test_a_loop_does_not_work_for_another_object_of_the_name() -> None:
    desk = Desk()
    desk.reconciler._memory.of(KEY, LATER)
    kept = asyncio.ensure_future(desk.reconciler.keep(KEY, LATER, desk.stop))
    await asyncio.sleep(0.01)

    assert desk.passes.runs == 0
    desk.stop.set()
    await kept
