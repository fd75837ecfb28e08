"""What is remembered of one resource between passes; nothing that a restart may not lose."""

import asyncio
import time
from dataclasses import dataclass, field

HOLD_PATIENCE = (
    1.0  # seconds that kopf has to put our finalizer on an object; it asks no second time when it is refused
)
BEAR_COUNT = 3  # transient failures in a row that a Ready resource may meet before its conditions say so
BEAR_SECONDS = 900.0


@dataclass
class Watched:
    """One resource, as its events and passes have it."""

    wake: asyncio.Event = field(default_factory=asyncio.Event)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    seen: tuple[object, ...] | None = None
    attempts: int = 0
    transient_since: float | None = None
    transient_count: int = 0
    _held: asyncio.Event = field(default_factory=asyncio.Event)

    def notice(self, news: tuple[object, ...], *, held: bool) -> None:
        """An event came: a change of its news wakes the loop, the same again does not. `held` says whether the object
        carries our finalizer."""
        if held:
            self._held.set()
        else:
            self._held.clear()
        if self.seen != news:
            self.seen = news
            self.attempts = 0
            self.wake.set()

    def read(self, news: tuple[object, ...]) -> None:
        """A pass begins with this news: its event, come already or still to come, needs no other pass."""
        if self.seen == news:
            self.wake.clear()
        elif not self.wake.is_set():  # else an event told of something newer than what was read
            self.seen = news

    async def held(self) -> bool:
        """Whether an event tells, within kopf's time for it, that the object carries our finalizer."""
        try:
            async with asyncio.timeout(HOLD_PATIENCE):
                await self._held.wait()
        except TimeoutError:
            return False
        return True

    async def woken(self, seconds: float) -> bool:
        """Whether there is news within so many seconds."""
        try:
            async with asyncio.timeout(seconds):
                await self.wake.wait()
        except TimeoutError:
            return False
        return True

    def bear(self) -> int:
        """How many transient failures there were in a row, this one included; 0 when it must be told."""
        now = time.monotonic()
        self.transient_since = self.transient_since or now
        self.transient_count += 1
        patient = self.transient_count < BEAR_COUNT and now - self.transient_since < BEAR_SECONDS
        return self.transient_count if patient else 0

    def forgive(self) -> None:
        """No failure this time: the next one is the first in a row."""
        self.transient_since, self.transient_count = None, 0
