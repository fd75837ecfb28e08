"""Whether a pass gets on: what is a sign of it, and after which silence it hangs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from gitlab_azure_identity.api.resource import Key
from gitlab_azure_identity.clock import Clock
from gitlab_azure_identity.progress import Queue, longest_silence, of_request, of_turn
from gitlab_azure_identity.reconcile.places import Places

KEY, OTHER = Key("gitlab", "gitlab"), Key("gitlab", "other")
TIMEOUT = 30.0
LIMIT = longest_silence(TIMEOUT)


class World:
    """Places under a clock that the test sets."""

    def __init__(self, count: int = 5) -> None:
        self.now = 0.0
        self.places = Places(count, TIMEOUT, Clock(steady=lambda: self.now))

    @asynccontextmanager
    async def other_pass(self, work: asyncio.Event) -> AsyncIterator[None]:
        """Another pass, which lasts until the event."""

        async def run() -> None:
            async with self.places.place(OTHER):
                await work.wait()

        task = asyncio.ensure_future(run())
        await asyncio.sleep(0)
        yield
        work.set()
        await task


async def test_a_pass_without_a_sign_hangs() -> None:
    world = World()
    async with world.places.place(KEY):
        world.now = LIMIT
        assert world.places.stuck() == {}

        world.now += 1

        assert world.places.stuck() == {KEY: LIMIT + 1}
    assert world.places.stuck() == {}


async def test_a_pass_that_sends_and_receives_does_not_hang_however_long_it_takes() -> None:
    world = World()
    async with world.places.place(KEY):
        for _ in range(100):
            with of_request():
                world.now += TIMEOUT
            assert world.places.stuck() == {}

        assert world.places.oldest() == 100 * TIMEOUT


async def test_what_the_tasks_of_a_pass_send_is_its_sign() -> None:
    world = World()

    async def send() -> None:
        with of_request():
            world.now += 1

    async with world.places.place(KEY):
        world.now = LIMIT
        await asyncio.gather(send(), send())

        assert world.places.stuck() == {}


async def test_a_wait_for_azures_rates_is_no_silence() -> None:
    world = World()
    async with world.places.place(KEY):
        with of_turn():
            world.now = 10 * LIMIT
            assert world.places.stuck() == {}
        assert world.places.stuck() == {}


async def test_a_sign_of_another_pass_does_not_count() -> None:
    world = World()
    async with world.other_pass(asyncio.Event()), world.places.place(KEY):
        world.now = LIMIT + 1
        with of_request():
            pass

        assert list(world.places.stuck()) == [OTHER]


async def test_who_waits_behind_requests_of_another_pass_gets_on_with_them() -> None:
    world, queue = World(), Queue()
    turn = asyncio.Event()

    async def wait() -> None:
        async with world.places.place(KEY), queue:
            turn.set()

    await queue.acquire()
    waiting = asyncio.ensure_future(wait())
    await asyncio.sleep(0)
    world.now = LIMIT + 1
    assert list(world.places.stuck()) == [KEY]

    queue.release()

    assert world.places.stuck() == {}
    await waiting
    assert turn.is_set()


@pytest.mark.parametrize(("timeout", "expected"), [(30.0, 210.0), (1.0, 65.0), (600.0, 3060.0)])
def test_the_limit_follows_from_the_time_out_of_a_request(timeout: float, expected: float) -> None:
    assert longest_silence(timeout) == expected


async def test_metrics_show_what_runs_and_what_waits() -> None:
    world, done = World(count=1), asyncio.Event()
    async with world.other_pass(done):
        waiting = asyncio.ensure_future(_one(world))
        await asyncio.sleep(0)
        world.now = 7.0

        assert (world.places.active, world.places.queued, world.places.oldest()) == (1, 1, 7.0)
    await waiting
    assert (world.places.active, world.places.queued, world.places.oldest()) == (0, 0, 0.0)


async def _one(world: World) -> None:
    async with world.places.place(KEY):
        pass
