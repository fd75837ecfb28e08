"""A write needs the permit, and ends with it."""

import asyncio
import gc
from dataclasses import dataclass

import pytest

from gitlab_azure_identity.clock import Clock
from gitlab_azure_identity.permit import Permit
from gitlab_azure_identity.waiting import finished


@dataclass
class Time:
    """A steady clock that the test sets, in seconds."""

    seconds: float = 0.0

    def permit(self) -> Permit:
        return Permit(Clock(steady=lambda: self.seconds))


def test_without_an_election_the_permit_does_not_end() -> None:
    assert Permit().left == float("inf")


def test_it_ends_at_its_time() -> None:
    time = Time()
    permit = time.permit()
    permit.until(10)

    assert permit.left == 10
    time.seconds = 9
    assert permit.left == 1
    time.seconds = 11
    assert permit.left == 0


async def ended(permit: Permit, limit: float = 60) -> bool:
    """Whether a write that never ends by itself was ended."""
    try:
        async with permit.limit(limit):
            await asyncio.Event().wait()
    except TimeoutError:
        return True
    raise AssertionError("unreachable")


def test_a_write_in_flight_ends_when_the_permit_is_withdrawn() -> None:
    async def course() -> bool:
        permit = Permit()
        writing = asyncio.ensure_future(ended(permit))
        await asyncio.sleep(0)
        permit.withdraw()
        return await writing

    assert asyncio.run(course())


def test_it_is_withdrawn_again_while_a_write_is_still_ending() -> None:
    async def write(permit: Permit) -> None:
        async with permit.limit(60):
            try:
                await asyncio.Event().wait()
            finally:
                await asyncio.sleep(0)  # closes its connection

    async def course() -> None:
        permit = Permit()
        writing = asyncio.ensure_future(write(permit))
        while not writing.done():
            permit.withdraw()
            await asyncio.sleep(0)
        with pytest.raises(TimeoutError):
            await writing

    asyncio.run(course())


def test_a_write_in_flight_goes_on_when_the_permit_is_extended() -> None:
    async def course() -> bool:
        permit = Permit()
        permit.until(permit._clock.steady() + 0.05)
        done = asyncio.Event()

        async def write() -> None:
            async with permit.limit(60):
                await done.wait()

        writing = asyncio.ensure_future(write())
        await asyncio.sleep(0)
        permit.until(permit._clock.steady() + 60)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await asyncio.shield(writing)
        done.set()
        await writing
        return True

    assert asyncio.run(course())


def test_a_write_has_its_own_time_out_too() -> None:
    assert asyncio.run(ended(Permit(), limit=0.01))


async def test_a_write_that_begins_after_the_end_is_not_sent(recwarn: pytest.WarningsRecorder) -> None:
    """The process was stopped between the question and the write."""
    permit, sent = Permit(), list[str]()
    permit.withdraw()

    async def send() -> None:
        sent.append("a write")

    with pytest.raises(TimeoutError, match="does not lead"):
        await finished(send(), permit.limit(5.0))

    gc.collect()
    assert (sent, recwarn.list) == ([], [])
