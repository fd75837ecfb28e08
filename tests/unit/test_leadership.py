"""Who leads, as the API server's Lease decides: what one replica does when others write it, or nobody answers."""

import asyncio
import selectors
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import datetime

import pytest
from prometheus_client import REGISTRY

from gitlab_azure_identity.clock import Clock
from gitlab_azure_identity.kube.client import ClusterError
from gitlab_azure_identity.kube.leases import Lease
from gitlab_azure_identity.leadership import Leadership, Timing
from gitlab_azure_identity.permit import Permit

TIMING = Timing()
CLOCK = Clock(steady=lambda: asyncio.get_running_loop().time())
CONFLICT = ClusterError(409, "Conflict", "the object has been modified")
NO_ANSWER = ClusterError(0, "TimeoutError", "no answer in time")


class Jumping(selectors.DefaultSelector):
    """Waits for nothing: the clock of its loop jumps to the next timer. So a busy machine makes no Lease expire."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        assert timeout is not None, "everybody waits for somebody else"
        self.now += timeout
        return super().select(0)


class Loop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._jumping = Jumping()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now


def run(course: Coroutine[None, None, None]) -> None:
    with asyncio.Runner(loop_factory=Loop) as runner:
        runner.run(course)


@dataclass
class Server:
    """The API server's one Lease, with the version of each write. `failing` is the answer to every request, when set."""

    lease: Lease | None = None
    failing: ClusterError | None = None
    losing: bool = False  # the next write is made, and its answer is lost
    watches_end: bool = False  # as soon as they begin, as behind a proxy that permits none
    asked: int = 0
    name: str = "operator"
    _versions: int = 0
    _written: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def get(self) -> Lease | None:
        self.asked += 1
        self._fail()
        return self.lease

    async def take(self, former: Lease | None, holder: str, duration: float, now: datetime) -> Lease:
        if former is None and self.lease is not None:
            raise CONFLICT
        return await self._write(former, Lease("", holder, duration, former.transitions + 1 if former else 0))

    async def renew(self, lease: Lease, now: datetime) -> Lease:
        return await self._write(lease, lease)

    async def give_back(self, lease: Lease, now: datetime) -> None:
        await self._write(lease, replace(lease, holder="", duration=1))

    async def versions(self, lease: Lease | None) -> AsyncGenerator[Lease | None, None]:
        while not self.watches_end:
            async with self._written:
                await self._written.wait_for(lambda: self.lease != lease)
            yield (lease := self.lease)

    async def _write(self, former: Lease | None, lease: Lease) -> Lease:
        self._fail()
        if self.lease is None and former is not None:
            raise ClusterError(404, "NotFound", "not found")
        if former and self.lease and former.version != self.lease.version:
            raise CONFLICT
        return await self._put(lease)

    async def _put(self, lease: Lease) -> Lease:
        self._versions += 1
        written = replace(lease, version=str(self._versions))
        async with self._written:
            self.lease = written
            self._written.notify_all()
        if self.losing:
            self.losing = False
            raise NO_ANSWER
        return written

    async def edit(self, change: "Edit") -> None:
        """Somebody writes the Lease, or deletes it."""
        assert self.lease is not None
        if edited := change(self.lease):
            await self._put(edited)
        else:
            async with self._written:
                self.lease = None
                self._written.notify_all()

    def _fail(self) -> None:
        if self.failing:
            raise self.failing


Edit = Callable[[Lease], Lease | None]
EDITS: dict[str, Edit] = {
    "a label, or a renewal whose answer was lost": lambda lease: lease,
    "no duration": lambda lease: replace(lease, duration=0),
    "68 years": lambda lease: replace(lease, duration=2**31 - 1),
    "no holder": lambda lease: replace(lease, holder=""),
    "nothing in it": lambda _: Lease("", "", 0, 0),
    "deleted": lambda _: None,
}


@dataclass
class Replica:
    server: Server
    name: str = "one"
    permit: Permit = field(default_factory=lambda: Permit(CLOCK))
    standby: asyncio.Event = field(default_factory=asyncio.Event)
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    leading: asyncio.Event = field(default_factory=asyncio.Event)
    over: asyncio.Event = field(default_factory=asyncio.Event)
    terms: int = 0

    async def run(self) -> None:
        leadership = Leadership(self.server, self.name, TIMING, self.permit, self.standby, CLOCK)  # type: ignore[arg-type]
        async with aclosing(leadership.terms(self.stop)) as terms:
            async for over in terms:
                self.terms += 1
                self.leading.set()
                await over.wait()
                self.over.set()
                self.leading.clear()

    def start(self) -> "asyncio.Task[None]":
        return asyncio.ensure_future(self.run())

    async def end(self, task: "asyncio.Task[None]") -> None:
        self.stop.set()
        await task


def test_it_takes_a_lease_that_nobody_has_and_gives_it_back() -> None:
    async def course() -> None:
        replica = Replica(Server())
        task = replica.start()
        await replica.leading.wait()
        assert replica.server.lease is not None
        assert replica.server.lease.holder == "one"
        assert 0 < replica.permit.left <= TIMING.deadline

        await replica.end(task)

        assert replica.server.lease.holder == ""
        assert replica.permit.left == 0

    run(course())


def test_it_renews_for_longer_than_a_lease_lasts() -> None:
    async def course() -> None:
        replica = Replica(Server())
        task = replica.start()
        await replica.leading.wait()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.5 * TIMING.duration):
                await replica.over.wait()
        assert replica.permit.left > 0
        await replica.end(task)

    run(course())


def test_the_other_stands_by_and_leads_as_soon_as_the_lease_is_given_back() -> None:
    async def course() -> None:
        server = Server()
        first, second = Replica(server), Replica(server, "two")
        leader, other = first.start(), second.start()
        await first.leading.wait()
        await second.standby.wait()
        assert second.permit.left == 0

        await first.end(leader)
        async with asyncio.timeout(TIMING.duration / 2):
            await second.leading.wait()

        assert not second.standby.is_set()
        await second.end(other)

    run(course())


def test_a_lease_that_is_not_renewed_is_taken_after_its_duration_and_no_sooner() -> None:
    async def course() -> None:
        server = Server(Lease("7", "gone", TIMING.duration, 3))
        replica = Replica(server)
        began = asyncio.get_running_loop().time()
        task = replica.start()
        await replica.leading.wait()

        assert asyncio.get_running_loop().time() - began >= TIMING.duration
        assert server.lease is not None
        assert server.lease.transitions == 4
        await replica.end(task)

    run(course())


def test_a_lease_that_another_took_ends_the_term() -> None:
    async def course() -> None:
        server = Server()
        replica = Replica(server)
        task = replica.start()
        await replica.leading.wait()

        await server.edit(lambda _: Lease("", "two", 60, 1))
        await replica.over.wait()

        assert replica.permit.left == 0
        await replica.standby.wait()
        assert server.lease is not None
        assert server.lease.holder == "two"
        await replica.end(task)

    run(course())


def test_where_watches_end_at_once_the_lease_is_read_as_often_as_it_is_renewed() -> None:
    async def course() -> None:
        server = Server(Lease("7", "gone", TIMING.duration, 3), watches_end=True)
        replica = Replica(server)
        task = replica.start()
        await replica.leading.wait()

        assert server.asked <= TIMING.duration / TIMING.retry + 2
        await replica.end(task)

    run(course())


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_a_lease_that_somebody_edits_or_deletes_stays_with_its_leader(edit: Edit) -> None:
    """Until it renews the Lease it cannot know, and writes. So the other must not take it meanwhile."""

    async def course() -> None:
        server = Server()
        first, second = Replica(server), Replica(server, "two")
        leader, other = first.start(), second.start()
        await first.leading.wait()
        await second.standby.wait()

        await server.edit(edit)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.5 * TIMING.duration):
                await second.leading.wait()

        assert (first.terms, first.over.is_set()) == (1, False)
        assert first.permit.left > 0
        assert server.lease is not None
        assert (server.lease.holder, server.lease.duration) == ("one", TIMING.duration)
        await first.end(leader)
        async with asyncio.timeout(TIMING.duration / 2):
            await second.leading.wait()
        await second.end(other)

    run(course())


@pytest.mark.parametrize("edit", [EDITS[name] for name in ("no duration", "no holder", "nothing in it", "deleted")])
def test_an_edited_lease_whose_leader_is_gone_is_taken_after_the_usual_duration(edit: Edit) -> None:
    """So a Lease with an enormous duration is deleted, and need not be waited for."""

    async def course() -> None:
        server = Server(Lease("7", "gone", 2**31 - 1, 3))
        replica = Replica(server, "two")
        task = replica.start()
        await replica.standby.wait()

        await server.edit(edit)
        began = asyncio.get_running_loop().time()
        await replica.leading.wait()

        assert TIMING.duration <= asyncio.get_running_loop().time() - began < 2 * TIMING.duration
        await replica.end(task)

    run(course())


@pytest.mark.parametrize("labelled", [True, False])
def test_a_version_that_is_not_the_leaders_and_names_it_ends_no_term(labelled: bool) -> None:
    """Somebody has labelled the Lease, or the answer to a renewal was lost."""

    async def course() -> None:
        server = Server()
        replica = Replica(server)
        task = replica.start()
        await replica.leading.wait()
        if labelled:
            assert server.lease is not None
            server.lease = replace(server.lease, version="labelled")
        else:
            server.losing = True

        with pytest.raises(TimeoutError):
            async with asyncio.timeout(TIMING.duration):
                await replica.over.wait()

        assert replica.permit.left > 0
        await replica.end(task)
        assert server.lease is not None
        assert server.lease.holder == ""

    run(course())


def test_a_lease_that_names_this_process_is_its_own() -> None:
    """As after a creation whose answer was lost: nobody else has its name."""

    async def course() -> None:
        server = Server(losing=True)
        replica = Replica(server)
        began = asyncio.get_running_loop().time()
        task = replica.start()
        await replica.leading.wait()

        assert asyncio.get_running_loop().time() - began < TIMING.duration / 2
        await replica.end(task)

    run(course())


def test_a_lease_whose_last_answer_was_lost_is_given_back_too() -> None:
    async def course() -> None:
        server = Server()
        replica = Replica(server)
        task = replica.start()
        await replica.leading.wait()
        assert server.lease is not None
        server.lease = replace(server.lease, version="another")
        await replica.end(task)

        assert server.lease.holder == ""

    run(course())


def test_a_replica_that_has_not_led_yet_says_so() -> None:
    """An alert compares with 0: without a series it would keep silent about replicas of which none can lead."""
    Leadership(Server(name="new"), "one", TIMING, Permit(), asyncio.Event(), CLOCK)  # type: ignore[arg-type]

    assert REGISTRY.get_sample_value("leader_election_master_status", {"name": "new"}) == 0


def test_without_an_answer_the_permit_ends_before_the_lease_can_pass_on() -> None:
    async def course() -> None:
        server = Server()
        replica = Replica(server)
        task = replica.start()
        await replica.leading.wait()
        server.failing, began = NO_ANSWER, asyncio.get_running_loop().time()

        await replica.over.wait()

        assert replica.permit.left == 0
        assert asyncio.get_running_loop().time() - began < TIMING.duration
        await asyncio.sleep(0)
        assert not replica.standby.is_set()
        server.failing = None
        await replica.leading.wait()
        assert replica.terms == 2
        await replica.end(task)

    run(course())


def test_a_lease_that_cannot_be_read_is_no_standby_and_is_tried_again() -> None:
    async def course() -> None:
        server = Server(failing=ClusterError(403, "Forbidden", "leases is forbidden"))
        replica = Replica(server)
        task = replica.start()
        await asyncio.sleep(2 * TIMING.retry)
        assert not replica.standby.is_set()
        assert replica.terms == 0

        server.failing = None
        await replica.leading.wait()
        await replica.end(task)

    run(course())
