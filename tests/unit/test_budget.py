"""The rate of the checks between passes, with a clock and a count of requests that the test sets."""

from __future__ import annotations

import asyncio

import pytest

from gitlab_azure_identity.kube.budget import LONGEST_PAUSE, Budget


class World:
    """A clock that passes only while somebody sleeps, and the count of the process's requests."""

    def __init__(self, rate: float = 10.0) -> None:
        self.now, self.sent = 1000.0, 0
        self.budget = Budget(rate, lambda: self.sent, lambda: self.now, self.sleep)

    async def sleep(self, seconds: float) -> None:
        self.now += seconds

    async def ask(self, count: int) -> list[float]:
        """Send so many requests one after the other, each when there is room. Returns when, in seconds since the first."""
        began, moments = self.now, []
        for _ in range(count):
            await self.budget.room()
            moments.append(round(self.now - began, 6))
            self.sent += 1
        return moments


@pytest.mark.parametrize(("rate", "apart"), [(10.0, 0.1), (0.5, 2.0)])
async def test_requests_are_sent_at_the_rate_and_no_burst_is_saved_up(rate: float, apart: float) -> None:
    world = World(rate)
    world.now += 3600.0  # nothing was sent for an hour

    assert await world.ask(4) == [0.0, *(round(apart * number, 6) for number in (1, 2, 3))]


async def test_requests_of_passes_are_counted_and_the_checks_leave_them_room() -> None:
    world = World()
    await world.ask(1)

    world.sent += 20  # a pass

    assert await world.ask(2) == [2.1, 2.2]


async def test_however_much_the_passes_send_the_checks_go_on_after_a_while() -> None:
    """For example when a thousand resources get their first pass at once."""
    world = World()
    await world.ask(1)

    world.sent += 20_000

    assert await world.ask(2) == [LONGEST_PAUSE, LONGEST_PAUSE + 0.1]


async def test_a_thousand_resources_are_checked_one_after_the_other_at_ten_requests_a_second() -> None:
    """Each has five objects. Nobody is forgotten, and nobody overtakes."""
    world, order = World(), list[int]()

    async def check(number: int) -> None:
        async with world.budget.turn():
            await world.ask(5)
            order.append(number)

    await asyncio.gather(*(check(number) for number in range(1000)))

    assert order == list(range(1000))
    assert world.sent == 5000
    assert world.now - 1000.0 == pytest.approx(4999 / 10)


async def test_whoever_stops_waiting_leaves_its_place_to_the_next() -> None:
    world = World()
    async with world.budget.turn():
        impatient = asyncio.ensure_future(_turn(world))
        patient = asyncio.ensure_future(_turn(world))
        await asyncio.sleep(0)
        impatient.cancel()
    async with asyncio.timeout(5):
        await patient

    assert impatient.cancelled() or impatient.cancelling()


async def _turn(world: World) -> None:
    async with world.budget.turn():
        await world.budget.room()
