"""The loop of one resource, where the lab cannot reach it: delays, wakes, locks, and what must not end it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from gitlab_azure_identity.api.conditions import Link
from gitlab_azure_identity.api.reasons import Reason
from gitlab_azure_identity.api.resource import Key, Resource, news
from gitlab_azure_identity.clock import Clock
from gitlab_azure_identity.domain.deletion import Remaining
from gitlab_azure_identity.domain.findings import Failure, Outlook, failed
from gitlab_azure_identity.kube.client import ClusterError
from gitlab_azure_identity.metrics import READY
from gitlab_azure_identity.reconcile import loop
from gitlab_azure_identity.reconcile.context import Context
from gitlab_azure_identity.reconcile.loop import Loop, Pace
from gitlab_azure_identity.reconcile.memory import ObjectMemory
from gitlab_azure_identity.reconcile.reconciler import AwaitingAccess, Outcome
from gitlab_azure_identity.waiting import finished

from .worlds import body

KEY = Key("gitlab", "gitlab")
GOOD = Outcome((), Outlook.GOOD)
AWAITING = cast("AwaitingAccess", object())


def outcome(outlook: Outlook, retry_after: float | None = None) -> Outcome:
    return Outcome((failed(Link.ROLES, Failure(Reason.CONFLICT, "x", outlook, retry_after)),), outlook)


UID = "uid-of-gitlab-gitlab"


class Cluster:
    """Resources as the API server gives them; an answer may be an error. What is let go is gone."""

    def __init__(self) -> None:
        self.answer: dict[str, Any] | ClusterError | None = body()
        self.refusal: ClusterError | None = None
        self.went = asyncio.Event()

    async def get(self, key: Key) -> dict[str, Any] | None:
        if isinstance(self.answer, ClusterError):
            raise self.answer
        return body(name=key.name) if key != KEY else self.answer

    async def remove_finalizer(self, _resource: Resource) -> None:
        if self.refusal:
            raise self.refusal
        self.answer = None
        self.went.set()


class Reconciler:
    """Does what the test says, and counts."""

    def __init__(self) -> None:
        self.runs = 0
        self.tries = 0
        self.began = asyncio.Event()
        self.act: Callable[[], Awaitable[Outcome]] = self.well
        self.again: Callable[[], Outcome] = lambda: GOOD

    async def well(self) -> Outcome:
        return GOOD

    async def run(self, _resource: Resource, _objects: ObjectMemory) -> Outcome:
        self.runs += 1
        self.began.set()
        return await self.act()

    async def verify_again(self, _awaiting: AwaitingAccess, _objects: ObjectMemory) -> Outcome:
        self.tries += 1
        return self.again()

    async def until(self, runs: int) -> None:
        """Wait until so many passes have begun."""
        async with asyncio.timeout(5):
            while self.runs < runs:
                self.began.clear()
                await self.began.wait()


class Desk:
    """A loop with fakes around it."""

    def __init__(self, concurrency: int = 5, pace: Pace | None = None) -> None:
        self.cluster, self.reconciler, self.told = Cluster(), Reconciler(), list[tuple[str, Exception]]()
        context = SimpleNamespace(
            kube=SimpleNamespace(resources=self.cluster, tokens=None),
            azure=None,
            terms=None,
            clock=Clock(),
            issuer=None,
        )
        self.loop = Loop(cast("Context", context), pace or Pace(), concurrency)
        self.loop._reconciler = cast("Any", self.reconciler)
        self.loop._defects = cast("Any", SimpleNamespace(report=self.report_defect))

    async def report_defect(self, _key: Key, uid: str, defect: Exception) -> None:
        self.told.append((uid, defect))

    def notice(self, generation: int = 1, *, key: Key = KEY, uid: str = UID, deleting: bool = False) -> None:
        """An event, as kopf brings it."""
        self.loop.notice(key, uid, ("news", uid, generation), deleting=deleting)

    def delete(self) -> None:
        """Somebody deletes the object, and the event comes."""
        self.cluster.answer = body(deleting=True)
        self.notice(2, deleting=True)

    @property
    def loops(self) -> list[asyncio.Task[None]]:
        return list(self.loop._tasks.values())

    async def leave(self) -> None:
        """As the operator ends; every loop must return by itself."""
        async with asyncio.timeout(5):
            await self.loop.leave()
        assert self.loops == []


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
    looping, memory = Desk().loop, ObjectMemory(KEY, UID)

    waits = [looping._delay(outcome(Outlook.WAITING), memory) for _ in range(6)]

    assert waits[-1] == 30
    assert looping._delay(outcome(Outlook.TRANSIENT), memory) == 1


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
    looping, memory = Desk().loop, ObjectMemory(KEY, UID)

    assert [looping._delay(outcome(outlook), memory) for _ in delays] == delays


@pytest.mark.usefixtures("no_jitter")
def test_what_the_other_side_asks_for_comes_first() -> None:
    looping, memory = Desk().loop, ObjectMemory(KEY, UID)

    delays = [looping._delay(outcome(Outlook.TRANSIENT, 17.0), memory) for _ in range(6)]

    assert delays == [17, 17, 17, 17, 17, 32]


@pytest.mark.usefixtures("no_jitter")
def test_success_and_news_begin_anew() -> None:
    looping = Desk().loop
    memory = looping._memory.get_or_add(KEY, UID)

    first = [looping._delay(outcome(Outlook.TRANSIENT), memory) for _ in range(3)]
    looping._delay(GOOD, memory)
    second = [looping._delay(outcome(Outlook.TRANSIENT), memory) for _ in range(2)]
    looping._memory.get_or_add(KEY, UID).notice(("new",), deleting=False)

    assert (first, second) == ([1, 2, 4], [1, 2])
    assert looping._delay(outcome(Outlook.TRANSIENT), memory) == 1


def test_jitter_keeps_many_from_asking_at_once() -> None:
    looping = Desk().loop

    resyncs = {looping._delay(GOOD, ObjectMemory(KEY, UID)) for _ in range(50)}
    retries = {looping._delay(outcome(Outlook.TRANSIENT), ObjectMemory(KEY, UID)) for _ in range(50)}

    assert len(resyncs) > 40
    assert all(3240 <= delay <= 3960 for delay in resyncs)
    assert all(0.8 <= delay <= 1.2 for delay in retries)


@pytest.mark.parametrize(
    ("attempts", "asked", "delay"),
    [(0, None, 1), (1, None, 2), (3, None, 8), (4, None, 15), (100_000, None, 15), (0, 9.0, 9), (0, 99.0, 15)],
)
def test_a_deletion_is_tried_again_within_fifteen_seconds(attempts: int, asked: float | None, delay: float) -> None:
    """Nobody tells when a right that is missing comes back."""
    memory = ObjectMemory(KEY, UID, attempts=attempts)

    assert Desk().loop._deletion_delay(Remaining("x", asked), memory) == delay


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
        ({"annotations": {"gitlabazure.io/abandon": "true"}}, True),
    ],
)
def test_what_is_news(changed: dict[str, Any], is_news: bool) -> None:
    """A status that we wrote ourselves is none, nor is our finalizer: the pass that needs it waits for it."""
    metadata = body()["metadata"]

    assert (news({**metadata, **changed}) != news(metadata)) is is_news


async def test_a_pass_answers_the_event_of_what_it_has_read() -> None:
    desk = Desk()
    desk.loop.notice(KEY, UID, news(body()["metadata"]), deleting=False)
    await desk.reconciler.until(1)

    desk.loop.notice(KEY, UID, news(body()["metadata"]), deleting=False)
    desk.loop.notice(KEY, UID, news(body(generation=2)["metadata"]), deleting=False)
    await desk.reconciler.until(2)
    await desk.leave()

    assert desk.reconciler.runs == 2


async def test_a_ready_resource_is_looked_at_again_by_itself() -> None:
    desk = Desk(pace=Pace(resync=0.001))
    desk.notice()

    await desk.reconciler.until(3)  # and nothing was noticed in between
    await desk.leave()


async def test_news_during_a_wait_for_access_ends_the_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "FIRST_BACKOFF", 60.0)
    desk = Desk()

    async def waiting() -> Outcome:
        return Outcome((), Outlook.WAITING, AWAITING)

    desk.reconciler.act = waiting
    desk.notice()
    await desk.reconciler.until(1)
    desk.notice(2)
    await desk.reconciler.until(2)
    await desk.leave()

    assert desk.reconciler.tries == 0


# What does not end the loop


@pytest.mark.usefixtures("quick")
async def test_access_is_tried_again_without_looking_at_everything() -> None:
    desk = Desk()

    async def waiting() -> Outcome:
        return Outcome((), Outlook.WAITING, AWAITING) if desk.reconciler.runs == 1 else GOOD

    desk.reconciler.act = waiting
    desk.reconciler.again = lambda: Outcome((), Outlook.WAITING, AWAITING)
    desk.notice()
    await desk.reconciler.until(2)
    await desk.leave()

    assert desk.reconciler.tries == loop.REVERIFICATIONS


@pytest.mark.usefixtures("quick")
async def test_a_defect_in_a_pass_is_logged_and_told_and_the_pass_is_tried_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    desk = Desk()
    defect = KeyError("identity")

    async def broken() -> Outcome:
        if desk.reconciler.runs < 2:
            raise defect
        return GOOD

    desk.reconciler.act = broken
    desk.notice()
    await desk.reconciler.until(2)

    assert desk.told == [(UID, defect)]
    (record,) = caplog.records
    assert record.exc_info is not None
    assert (record.exc_info[1], getattr(record, "resource", None)) == (defect, "gitlab/gitlab")
    await desk.leave()


@pytest.mark.usefixtures("quick")
async def test_a_defect_that_cannot_be_told_either_does_not_end_the_loop(caplog: pytest.LogCaptureFixture) -> None:
    desk = Desk()

    async def broken() -> Outcome:
        raise KeyError("identity")

    async def unreportable(*_: object) -> None:
        raise ValueError("no words")

    desk.reconciler.act = broken
    desk.loop._defects = cast("Any", SimpleNamespace(report=unreportable))
    desk.notice()
    await desk.reconciler.until(2)
    await desk.leave()

    assert [record.getMessage() for record in caplog.records][:2] == ["defect", "defect not reported"]


async def test_a_pass_that_is_ended_is_no_defect() -> None:
    desk = Desk()
    desk.reconciler.act = forever
    desk.notice()
    await desk.reconciler.until(1)

    await desk.leave()

    assert desk.told == []


async def forever() -> Outcome:
    await asyncio.Event().wait()
    return GOOD


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
    desk.notice()
    await asyncio.sleep(0.01)

    assert len(desk.loops) == 1
    assert desk.reconciler.runs == 0
    desk.cluster.answer = body()
    desk.notice(2)
    await desk.reconciler.until(1)
    await desk.leave()


async def test_a_write_in_flight_is_finished_before_the_loop_leaves() -> None:
    desk = Desk()
    written = False
    go = asyncio.Event()

    async def write() -> Outcome:
        nonlocal written
        await go.wait()
        written = True
        return GOOD

    desk.reconciler.act = lambda: finished(write(), 30)
    desk.notice()
    await desk.reconciler.until(1)
    leaving = asyncio.ensure_future(desk.leave())
    await asyncio.sleep(0.01)
    assert not leaving.done()
    go.set()
    await leaving

    assert written


# Deletions


class Finalizer:
    """Answers as the test says, and notes how often it was asked."""

    def __init__(self, *answers: Remaining | Exception | None) -> None:
        self.answers = list(answers)
        self.runs = 0
        self.began = asyncio.Event()

    async def run(self, _resource: Resource) -> Remaining | None:
        self.runs += 1
        self.began.set()
        answer = self.answers.pop(0) if self.answers else None
        if isinstance(answer, Exception):
            raise answer
        return answer


def removing(desk: Desk, *answers: Remaining | Exception | None) -> Finalizer:
    """What comes of the removals of this desk, one after the other."""
    removal = Finalizer(*answers)
    desk.loop._finalizer = cast("Any", removal)
    return removal


async def went(desk: Desk) -> None:
    """Wait until the object was let go, and nothing looks after it any more."""
    async with asyncio.timeout(5):
        await desk.cluster.went.wait()
        await asyncio.gather(*desk.loops)


async def test_an_object_whose_deletion_is_the_first_that_is_heard_of_it_is_cleaned_up_and_let_go() -> None:
    """As after a restart."""
    desk = Desk()
    removal = removing(desk)

    desk.delete()
    await went(desk)

    assert (removal.runs, desk.reconciler.runs) == (1, 0)


async def test_a_deletion_ends_the_pass_that_is_under_way() -> None:
    desk = Desk()
    removal = removing(desk)
    desk.reconciler.act = forever
    desk.notice()
    await desk.reconciler.until(1)

    desk.delete()
    await went(desk)

    assert removal.runs == 1


async def test_a_deletion_waits_for_a_write_that_is_in_flight() -> None:
    desk = Desk()
    removal, go = removing(desk), asyncio.Event()

    async def write() -> Outcome:
        await go.wait()
        return GOOD

    desk.reconciler.act = lambda: finished(write(), 30)
    desk.notice()
    await desk.reconciler.until(1)
    desk.delete()
    await asyncio.sleep(0.01)
    assert removal.runs == 0
    go.set()
    await went(desk)

    assert removal.runs == 1


@pytest.mark.usefixtures("quick")
async def test_a_deletion_is_tried_again_until_nothing_remains() -> None:
    desk = Desk()
    removal = removing(desk, Remaining("a right is missing", None), Remaining("a right is missing", None))

    desk.delete()
    await went(desk)

    assert removal.runs == 3


async def test_news_wakes_a_deletion_that_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "FIRST_BACKOFF", 15.0)
    desk = Desk()
    removal = removing(desk, Remaining("a right is missing", None))
    desk.delete()
    await removal.began.wait()

    desk.notice(3, deleting=True)
    await went(desk)

    assert removal.runs == 2


async def test_a_deletion_that_waits_is_left_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "FIRST_BACKOFF", 15.0)
    desk = Desk()
    removal = removing(desk, Remaining("a right is missing", None))
    desk.delete()
    await removal.began.wait()

    async with asyncio.timeout(1):
        await desk.leave()

    assert not desk.cluster.went.is_set()


@pytest.mark.usefixtures("quick")
async def test_a_defect_in_a_removal_is_told_and_lets_nothing_go() -> None:
    desk = Desk()
    defect = KeyError("identity")
    removal = removing(desk, defect)

    desk.delete()
    await went(desk)

    assert desk.told == [(UID, defect)]
    assert removal.runs == 2


@pytest.mark.usefixtures("quick")
async def test_a_deletion_that_the_api_server_does_not_answer_is_tried_again() -> None:
    desk = Desk()
    removal = removing(desk, ClusterError(503, "ServiceUnavailable", "starting"))

    desk.delete()
    await went(desk)

    assert removal.runs == 2
    assert desk.told == []


@pytest.mark.usefixtures("quick")
async def test_an_object_that_cannot_be_let_go_is_looked_at_again() -> None:
    """As when somebody put a finalizer on it meanwhile."""
    desk = Desk()
    removal = removing(desk)
    desk.cluster.refusal = ClusterError(
        422, "Invalid", "the server rejected our request due to an error in our request"
    )
    desk.delete()
    await removal.began.wait()
    await asyncio.sleep(0.01)
    desk.cluster.refusal = None
    await went(desk)

    assert removal.runs > 1


SUCCESSOR = body(deleting=True)
SUCCESSOR["metadata"]["uid"] = "uid-of-a-later-one"
LET_GO = body(deleting=True, finalizers=("example.com/another",))


@pytest.mark.parametrize("answer", [None, SUCCESSOR, LET_GO], ids=["gone", "another of its name", "let go before"])
async def test_what_is_not_the_object_that_was_deleted_is_not_removed(answer: dict[str, Any] | None) -> None:
    desk = Desk()
    removal = removing(desk)
    desk.delete()
    desk.cluster.answer = answer

    await asyncio.gather(*desk.loops)

    assert removal.runs == 0
    assert not desk.cluster.went.is_set()


@pytest.mark.usefixtures("quick")
async def test_what_is_not_seen_to_be_deleted_is_not_removed() -> None:
    desk = Desk()
    removal = removing(desk)
    desk.delete()
    desk.cluster.answer = body()

    await asyncio.sleep(0.01)

    assert removal.runs == 0
    desk.cluster.answer = body(deleting=True)
    await went(desk)
    assert removal.runs == 1


# Many


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

    desk.reconciler.act = work
    for number in range(6):
        desk.notice(key=Key("gitlab", f"gitlab-{number}"), uid=f"uid-of-gitlab-gitlab-{number}")
    await desk.reconciler.until(6)
    await desk.leave()

    assert max(at_once) == 2


@pytest.fixture(autouse=True)
def _quiet_gauges() -> Iterator[None]:
    """The metrics are the process's own: leave none of this behind."""
    yield
    READY.clear()


LATER = "uid-of-a-later-one"


async def test_what_is_gone_is_forgotten_but_not_what_was_made_since() -> None:
    """Events of two objects that bore one name may come in any order: each speaks of its own."""
    desk = Desk()
    desk.notice()
    READY.labels(KEY.namespace, KEY.name).set(1)
    later = desk.loop._memory.get_or_add(KEY, LATER)
    desk.notice(2)

    desk.loop.forget(KEY, UID)
    await asyncio.gather(*desk.loops, return_exceptions=True)

    assert list(desk.loop._memory._objects) == [LATER]
    assert not later.wake.is_set()
    assert next(iter(READY.collect())).samples != []
    desk.loop.forget(KEY, LATER)
    assert next(iter(READY.collect())).samples == []


async def test_a_loop_does_not_work_for_another_object_of_the_name() -> None:
    desk = Desk()
    desk.notice(uid=LATER)
    await asyncio.sleep(0.01)

    assert desk.reconciler.runs == 0
    await desk.leave()


async def test_whoever_left_may_begin_again_and_knows_of_nothing() -> None:
    """As when the API server did not list the resources for a while."""
    desk = Desk()
    desk.notice()
    await desk.reconciler.until(1)
    READY.labels(KEY.namespace, KEY.name).set(1)

    await desk.leave()
    assert next(iter(READY.collect())).samples == []
    desk.notice()
    await desk.reconciler.until(2)
    await desk.leave()
