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
from gitlab_azure_identity.domain.expected import Expected
from gitlab_azure_identity.domain.findings import Failure, Outlook, failed
from gitlab_azure_identity.kube.client import ClusterError
from gitlab_azure_identity.metrics import CONDITIONS
from gitlab_azure_identity.progress import longest_silence
from gitlab_azure_identity.reconcile import loop
from gitlab_azure_identity.reconcile.context import Context
from gitlab_azure_identity.reconcile.loop import Loop, Pace
from gitlab_azure_identity.reconcile.memory import ObjectMemory
from gitlab_azure_identity.reconcile.places import Places
from gitlab_azure_identity.reconcile.reconciler import AwaitingAccess, Outcome
from gitlab_azure_identity.waiting import finished

from .worlds import body

KEY = Key("gitlab", "gitlab")
GOOD = Outcome((), Outlook.GOOD)
AWAITING = cast("AwaitingAccess", object())


def outcome(outlook: Outlook, retry_after: float | None = None) -> Outcome:
    return Outcome((failed(Link.ROLES, Failure(Reason.CONFLICT, "x", outlook, retry_after)),), outlook)


def test_a_removal_that_failed_may_ask_for_a_wait_too() -> None:
    locked = failed(Link.ROLES, Failure(Reason.SCOPE_LOCKED, "x", Outlook.STALLED, 7.0))

    assert Outcome((), Outlook.STALLED, refused=(locked,)).retry_after == 7.0


UID = "uid-of-gitlab-gitlab"


class Cluster:
    """Resources as the API server returns them. An answer may be an error. A resource that is let go no longer exists."""

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
    """Answers as the test says, and counts the passes."""

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
        """Wait until so many passes have started."""
        async with asyncio.timeout(5):
            while self.runs < runs:
                self.began.clear()
                await self.began.wait()


class Harness:
    """A loop with fakes around it."""

    def __init__(self, concurrency: int = 5, pace: Pace | None = None) -> None:
        self.cluster, self.reconciler, self.defects = Cluster(), Reconciler(), list[tuple[str, Exception]]()
        context = SimpleNamespace(
            kube=SimpleNamespace(resources=self.cluster, tokens=None, pods=None, deployments=None),
            azure=None,
            terms=None,
            clock=Clock(),
            issuer=None,
        )
        self.places = Places(concurrency, request_timeout=30.0)
        self.loop = Loop(cast("Context", context), pace or Pace(), self.places)
        self.loop._reconciler = cast("Any", self.reconciler)
        self.loop._defects = cast("Any", SimpleNamespace(report=self.report_defect))

    async def report_defect(self, _key: Key, uid: str, defect: Exception) -> None:
        self.defects.append((uid, defect))

    def notice(self, generation: int = 1, *, key: Key = KEY, uid: str = UID, deleting: bool = False) -> None:
        """An event, as kopf delivers it."""
        self.loop.notice(key, uid, ("news", uid, generation), deleting=deleting)

    def delete(self) -> None:
        """Somebody deletes the object, and its event arrives."""
        self.cluster.answer = body(deleting=True)
        self.notice(2, deleting=True)

    @property
    def loops(self) -> list[asyncio.Task[None]]:
        return list(self.loop._tasks.values())

    async def leave(self) -> None:
        """As at the end of the operator. Every loop must return by itself."""
        async with asyncio.timeout(5):
            await self.loop.leave()
        assert self.loops == []


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries without a delay."""
    monkeypatch.setattr(loop, "FIRST_BACKOFF", 0.0001)


@pytest.fixture
def no_jitter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random, "uniform", lambda _low, _high: 1.0)


async def test_a_pass_that_hangs_is_seen() -> None:
    harness, now = Harness(), [0.0]
    harness.places = harness.loop._places = Places(5, 30.0, Clock(steady=lambda: now[0]))
    never = asyncio.Event()

    async def hang() -> Outcome:
        await never.wait()
        return GOOD

    harness.reconciler.act = hang
    harness.notice()
    await harness.reconciler.until(1)
    now[0] = longest_silence(30.0) + 1

    assert list(harness.places.stuck()) == [KEY]
    await harness.leave()
    assert harness.places.stuck() == {}


# Delays


@pytest.mark.usefixtures("no_jitter")
def test_another_outlook_starts_again_with_the_shortest_delay() -> None:
    """After minutes of waiting, one failed request is tried again in a second."""
    looping, memory = Harness().loop, ObjectMemory(KEY, UID)

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
    looping, memory = Harness().loop, ObjectMemory(KEY, UID)

    assert [looping._delay(outcome(outlook), memory) for _ in delays] == delays


@pytest.mark.usefixtures("no_jitter")
def test_a_requested_wait_is_kept() -> None:
    looping, memory = Harness().loop, ObjectMemory(KEY, UID)

    delays = [looping._delay(outcome(Outlook.TRANSIENT, 17.0), memory) for _ in range(6)]

    assert delays == [17, 17, 17, 17, 17, 32]


@pytest.mark.usefixtures("no_jitter")
def test_success_and_news_start_again_with_the_shortest_delay() -> None:
    looping = Harness().loop
    memory = looping._memory.get_or_add(KEY, UID)

    first = [looping._delay(outcome(Outlook.TRANSIENT), memory) for _ in range(3)]
    looping._delay(GOOD, memory)
    second = [looping._delay(outcome(Outlook.TRANSIENT), memory) for _ in range(2)]
    looping._memory.get_or_add(KEY, UID).notice(("new",), deleting=False)

    assert (first, second) == ([1, 2, 4], [1, 2])
    assert looping._delay(outcome(Outlook.TRANSIENT), memory) == 1


def test_jitter_spreads_the_passes_of_many_resources() -> None:
    looping = Harness().loop

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
    """No event says that a missing right was granted."""
    memory = ObjectMemory(KEY, UID, attempts=attempts)

    assert Harness().loop._deletion_delay(Remaining("x", asked), memory) == delay


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
def test_the_changes_that_start_a_pass(changed: dict[str, Any], is_news: bool) -> None:
    """A status that the operator wrote itself starts none, and neither does its finalizer."""
    metadata = body()["metadata"]

    assert (news({**metadata, **changed}) != news(metadata)) is is_news


async def test_a_pass_answers_the_event_of_the_version_that_it_read() -> None:
    harness = Harness()
    harness.loop.notice(KEY, UID, news(body()["metadata"]), deleting=False)
    await harness.reconciler.until(1)

    harness.loop.notice(KEY, UID, news(body()["metadata"]), deleting=False)
    harness.loop.notice(KEY, UID, news(body(generation=2)["metadata"]), deleting=False)
    await harness.reconciler.until(2)
    await harness.leave()

    assert harness.reconciler.runs == 2


async def test_a_ready_resource_gets_another_pass_by_itself() -> None:
    harness = Harness(pace=Pace(resync=0.001))
    harness.notice()

    await harness.reconciler.until(3)  # and nothing was noticed in between
    await harness.leave()


class Checks:
    """Checks after a thousandth of a second, and does what the test says."""

    def __init__(self, act: Callable[[ObjectMemory], Awaitable[None]]) -> None:
        self.act, self.count = act, 0
        self.began = asyncio.Event()

    def interval(self, _memory: ObjectMemory) -> float:
        return 0.001

    async def check(self, memory: ObjectMemory) -> None:
        self.count += 1
        self.began.set()
        await self.act(memory)


def checking(harness: Harness, act: Callable[[ObjectMemory], Awaitable[None]]) -> Checks:
    checks = Checks(act)
    harness.loop._checks = cast("Any", checks)
    return checks


async def test_a_check_that_finds_something_to_do_starts_a_pass() -> None:
    harness = Harness()

    async def find(memory: ObjectMemory) -> None:
        if checks.count == 3:
            memory.wake.set()

    checks = checking(harness, find)
    harness.notice()
    await harness.reconciler.until(2)
    await harness.leave()

    assert checks.count >= 3


async def test_checks_that_find_nothing_start_no_pass_and_do_not_delay_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(random, "uniform", lambda _low, _high: 1.0)
    harness = Harness(pace=Pace(resync=0.05))

    async def find_nothing(_memory: ObjectMemory) -> None: ...

    checks = checking(harness, find_nothing)
    harness.notice()
    await harness.reconciler.until(2)
    await harness.leave()

    assert checks.count > 3


async def test_pods_that_are_news_all_the_time_do_not_put_off_the_next_pass() -> None:
    harness = Harness(pace=Pace(resync=0.01))

    async def news_again(memory: ObjectMemory) -> None:
        await asyncio.sleep(0.001)
        memory.pods.set()

    workloads = SimpleNamespace(judge_again=news_again, forget=lambda _: None, clear=lambda: None)
    harness.loop._workloads = cast("Any", workloads)
    harness.notice()
    harness.loop._memory.get_or_add(KEY, UID).pods.set()
    await harness.reconciler.until(3)

    await harness.leave()


async def test_news_ends_a_check_that_waits_for_its_turn() -> None:
    harness = Harness()

    async def wait(_memory: ObjectMemory) -> None:
        await asyncio.Event().wait()

    checks = checking(harness, wait)
    harness.notice()
    await checks.began.wait()
    harness.notice(2)
    await harness.reconciler.until(2)
    await harness.leave()


@pytest.mark.usefixtures("quick")
async def test_a_defect_in_a_check_is_reported_and_a_pass_is_made() -> None:
    harness = Harness()
    defect = KeyError("metadata")

    async def fail(_memory: ObjectMemory) -> None:
        if harness.reconciler.runs == 1:
            raise defect

    checking(harness, fail)
    harness.notice()
    await harness.reconciler.until(2)
    await harness.leave()

    assert harness.defects == [(UID, defect)]


async def test_while_access_is_awaited_the_objects_are_checked_too() -> None:
    harness = Harness()

    async def waiting() -> Outcome:
        return Outcome((), Outlook.WAITING, AWAITING)

    async def find(memory: ObjectMemory) -> None:
        memory.wake.set()

    harness.reconciler.act = waiting
    checking(harness, find)
    harness.notice()
    await harness.reconciler.until(2)
    await harness.leave()

    assert harness.reconciler.tries == 0


@pytest.mark.usefixtures("no_jitter")
def test_a_pass_that_the_cluster_stopped_is_tried_again_within_a_minute() -> None:
    """It has sent no request to Azure, and no event says that a right was granted."""
    looping, memory = Harness().loop, ObjectMemory(KEY, UID)
    forbidden = Outcome((failed(Link.IDENTITY, Failure(Reason.FORBIDDEN, "x", Outlook.STALLED)),), Outlook.STALLED)

    assert [looping._delay(forbidden, memory) for _ in range(8)] == [1, 2, 4, 8, 16, 32, 60, 60]
    memory.expected = Expected({})  # here checks see to it
    assert looping._delay(forbidden, memory) == 256


async def test_news_during_a_wait_for_access_ends_the_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "FIRST_BACKOFF", 60.0)
    harness = Harness()

    async def waiting() -> Outcome:
        return Outcome((), Outlook.WAITING, AWAITING)

    harness.reconciler.act = waiting
    harness.notice()
    await harness.reconciler.until(1)
    harness.notice(2)
    await harness.reconciler.until(2)
    await harness.leave()

    assert harness.reconciler.tries == 0


# What does not end the loop


@pytest.mark.usefixtures("quick")
async def test_access_is_tried_again_without_a_whole_pass() -> None:
    harness = Harness()

    async def waiting() -> Outcome:
        return Outcome((), Outlook.WAITING, AWAITING) if harness.reconciler.runs == 1 else GOOD

    harness.reconciler.act = waiting
    harness.reconciler.again = lambda: Outcome((), Outlook.WAITING, AWAITING)
    harness.notice()
    await harness.reconciler.until(2)
    await harness.leave()

    assert harness.reconciler.tries == loop.REVERIFICATIONS


@pytest.mark.usefixtures("quick")
async def test_a_defect_in_a_pass_is_logged_and_reported_and_the_pass_is_tried_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    harness = Harness()
    defect = KeyError("identity")

    async def broken() -> Outcome:
        if harness.reconciler.runs < 2:
            raise defect
        return GOOD

    harness.reconciler.act = broken
    harness.notice()
    await harness.reconciler.until(2)

    assert harness.defects == [(UID, defect)]
    (record,) = caplog.records
    assert record.exc_info is not None
    assert (record.exc_info[1], getattr(record, "resource", None)) == (defect, "gitlab/gitlab")
    await harness.leave()


@pytest.mark.usefixtures("quick")
async def test_a_defect_that_cannot_be_reported_does_not_end_the_loop(caplog: pytest.LogCaptureFixture) -> None:
    harness = Harness()

    async def broken() -> Outcome:
        raise KeyError("identity")

    async def unreportable(*_: object) -> None:
        raise ValueError("no words")

    harness.reconciler.act = broken
    harness.loop._defects = cast("Any", SimpleNamespace(report=unreportable))
    harness.notice()
    await harness.reconciler.until(2)
    await harness.leave()

    assert [record.getMessage() for record in caplog.records][:2] == ["defect", "defect not reported"]


async def test_a_pass_that_is_cancelled_is_no_defect() -> None:
    harness = Harness()
    harness.reconciler.act = forever
    harness.notice()
    await harness.reconciler.until(1)

    await harness.leave()

    assert harness.defects == []


async def forever() -> Outcome:
    await asyncio.Event().wait()
    return GOOD


ODD: list[dict[str, Any] | ClusterError | None] = [
    ClusterError(503, "ServiceUnavailable", "starting"),
    None,
    body(deleting=True),
]


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("answer", ODD, ids=["no answer", "no longer exists", "going"])
async def test_an_object_that_nothing_is_written_for(answer: dict[str, Any] | ClusterError | None) -> None:
    """The loop waits, without a pass, until there is news."""
    harness = Harness()
    harness.cluster.answer = answer
    harness.notice()
    await asyncio.sleep(0.01)

    assert len(harness.loops) == 1
    assert harness.reconciler.runs == 0
    harness.cluster.answer = body()
    harness.notice(2)
    await harness.reconciler.until(1)
    await harness.leave()


async def test_a_write_in_flight_is_finished_before_the_loop_ends() -> None:
    harness = Harness()
    written = False
    go = asyncio.Event()

    async def write() -> Outcome:
        nonlocal written
        await go.wait()
        written = True
        return GOOD

    harness.reconciler.act = lambda: finished(write(), asyncio.timeout(30))
    harness.notice()
    await harness.reconciler.until(1)
    leaving = asyncio.ensure_future(harness.leave())
    await asyncio.sleep(0.01)
    assert not leaving.done()
    go.set()
    await leaving

    assert written


# Deletions


class Finalizer:
    """Answers as the test says, and counts its calls."""

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


def removing(harness: Harness, *answers: Remaining | Exception | None) -> Finalizer:
    """The results of the deletions, one after the other."""
    removal = Finalizer(*answers)
    harness.loop._finalizer = cast("Any", removal)
    return removal


async def went(harness: Harness) -> None:
    """Wait until the object was let go and its loop has ended."""
    async with asyncio.timeout(5):
        await harness.cluster.went.wait()
        await asyncio.gather(*harness.loops)


async def test_an_object_that_is_deleted_at_its_first_event_is_cleaned_up_and_let_go() -> None:
    """For example after a restart."""
    harness = Harness()
    removal = removing(harness)

    harness.delete()
    await went(harness)

    assert (removal.runs, harness.reconciler.runs) == (1, 0)


async def test_a_deletion_ends_the_pass_that_is_under_way() -> None:
    harness = Harness()
    removal = removing(harness)
    harness.reconciler.act = forever
    harness.notice()
    await harness.reconciler.until(1)

    harness.delete()
    await went(harness)

    assert removal.runs == 1


async def test_a_deletion_waits_for_a_write_that_is_in_flight() -> None:
    harness = Harness()
    removal, go = removing(harness), asyncio.Event()

    async def write() -> Outcome:
        await go.wait()
        return GOOD

    harness.reconciler.act = lambda: finished(write(), asyncio.timeout(30))
    harness.notice()
    await harness.reconciler.until(1)
    harness.delete()
    await asyncio.sleep(0.01)
    assert removal.runs == 0
    go.set()
    await went(harness)

    assert removal.runs == 1


@pytest.mark.usefixtures("quick")
async def test_a_deletion_is_tried_again_until_nothing_remains() -> None:
    harness = Harness()
    removal = removing(harness, Remaining("a right is missing", None), Remaining("a right is missing", None))

    harness.delete()
    await went(harness)

    assert removal.runs == 3


async def test_news_wakes_a_deletion_that_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "FIRST_BACKOFF", 15.0)
    harness = Harness()
    removal = removing(harness, Remaining("a right is missing", None))
    harness.delete()
    await removal.began.wait()

    harness.notice(3, deleting=True)
    await went(harness)

    assert removal.runs == 2


async def test_a_deletion_that_waits_ends_at_once_with_the_operator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "FIRST_BACKOFF", 15.0)
    harness = Harness()
    removal = removing(harness, Remaining("a right is missing", None))
    harness.delete()
    await removal.began.wait()

    async with asyncio.timeout(1):
        await harness.leave()

    assert not harness.cluster.went.is_set()


@pytest.mark.usefixtures("quick")
async def test_a_defect_in_a_deletion_is_reported_and_lets_nothing_go() -> None:
    harness = Harness()
    defect = KeyError("identity")
    removal = removing(harness, defect)

    harness.delete()
    await went(harness)

    assert harness.defects == [(UID, defect)]
    assert removal.runs == 2


@pytest.mark.usefixtures("quick")
async def test_a_deletion_that_the_api_server_does_not_answer_is_tried_again() -> None:
    harness = Harness()
    removal = removing(harness, ClusterError(503, "ServiceUnavailable", "starting"))

    harness.delete()
    await went(harness)

    assert removal.runs == 2
    assert harness.defects == []


@pytest.mark.usefixtures("quick")
async def test_an_object_that_cannot_be_let_go_is_tried_again() -> None:
    """For example because somebody added a finalizer in the meantime."""
    harness = Harness()
    removal = removing(harness)
    harness.cluster.refusal = ClusterError(
        422, "Invalid", "the server rejected our request due to an error in our request"
    )
    harness.delete()
    await removal.began.wait()
    await asyncio.sleep(0.01)
    harness.cluster.refusal = None
    await went(harness)

    assert removal.runs > 1


SUCCESSOR = body(deleting=True)
SUCCESSOR["metadata"]["uid"] = "uid-of-a-later-one"
LET_GO = body(deleting=True, finalizers=("example.com/another",))


@pytest.mark.parametrize(
    "answer", [None, SUCCESSOR, LET_GO], ids=["no longer exists", "another of its name", "let go before"]
)
async def test_nothing_is_removed_for_another_object_of_the_name(answer: dict[str, Any] | None) -> None:
    harness = Harness()
    removal = removing(harness)
    harness.delete()
    harness.cluster.answer = answer

    await asyncio.gather(*harness.loops)

    assert removal.runs == 0
    assert not harness.cluster.went.is_set()


@pytest.mark.usefixtures("quick")
async def test_nothing_is_removed_before_the_deletion_is_seen() -> None:
    harness = Harness()
    removal = removing(harness)
    harness.delete()
    harness.cluster.answer = body()

    await asyncio.sleep(0.01)

    assert removal.runs == 0
    harness.cluster.answer = body(deleting=True)
    await went(harness)
    assert removal.runs == 1


# Many


async def test_at_most_so_many_passes_run_at_the_same_time() -> None:
    harness = Harness(concurrency=2)
    at_once: list[int] = []
    working = 0

    async def work() -> Outcome:
        nonlocal working
        working += 1
        at_once.append(working)
        await asyncio.sleep(0.001)
        working -= 1
        return GOOD

    harness.reconciler.act = work
    for number in range(6):
        harness.notice(key=Key("gitlab", f"gitlab-{number}"), uid=f"uid-of-gitlab-gitlab-{number}")
    await harness.reconciler.until(6)
    await harness.leave()

    assert max(at_once) == 2


@pytest.fixture(autouse=True)
def _quiet_gauges() -> Iterator[None]:
    """The metrics belong to the process: leave no value of these tests behind."""
    yield
    CONDITIONS.clear()


LATER = "uid-of-a-later-one"


async def test_a_deleted_object_is_forgotten_but_not_its_successor() -> None:
    """Events of two objects that had the same name may come in any order. Each is about its own object."""
    harness = Harness()
    harness.notice()
    CONDITIONS.set(KEY.namespace, KEY.name, [("Ready", "True", "Ready")])
    later = harness.loop._memory.get_or_add(KEY, LATER)
    harness.notice(2)

    harness.loop.forget(KEY, UID)
    await asyncio.gather(*harness.loops, return_exceptions=True)

    assert list(harness.loop._memory._objects) == [LATER]
    assert not later.wake.is_set()
    assert next(iter(CONDITIONS.collect())).samples != []
    harness.loop.forget(KEY, LATER)
    assert next(iter(CONDITIONS.collect())).samples == []


async def test_an_object_that_was_let_go_is_forgotten_without_an_event() -> None:
    """A watch that begins anew tells nothing of what has gone meanwhile."""
    harness = Harness()
    harness.loop._finalizer = cast("Any", SimpleNamespace(run=nothing_left))
    CONDITIONS.set(KEY.namespace, KEY.name, [("Ready", "False", "DeletionBlocked")])
    harness.delete()
    await harness.cluster.went.wait()
    await asyncio.gather(*harness.loops)

    assert harness.loop._memory._objects == {}
    assert next(iter(CONDITIONS.collect())).samples == []


async def nothing_left(_resource: Resource) -> None:
    """Nothing of ours stands."""


async def test_a_loop_makes_no_pass_over_another_object_of_the_name() -> None:
    harness = Harness()
    harness.notice(uid=LATER)
    await asyncio.sleep(0.01)

    assert harness.reconciler.runs == 0
    await harness.leave()


async def test_after_its_end_the_loop_may_start_again_and_remembers_nothing() -> None:
    """For example because the API server did not list the resources for a while."""
    harness = Harness()
    harness.notice()
    await harness.reconciler.until(1)
    CONDITIONS.set(KEY.namespace, KEY.name, [("Ready", "True", "Ready")])

    await harness.leave()
    assert next(iter(CONDITIONS.collect())).samples == []
    harness.notice()
    await harness.reconciler.until(2)
    await harness.leave()
