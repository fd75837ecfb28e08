"""The rate at which the API server may be asked whether objects changed. Passes are counted with it, and never wait for it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from gitlab_azure_identity.clock import SYSTEM

LONGEST_PAUSE = 10.0  # seconds at most, however many requests the passes have sent


@dataclass
class Budget:
    """Gives out turns, one at a time and in the order in which they were asked for. Within a turn there is room for another
    request when all requests of the process together are fewer than `rate` a second. `sent` counts them."""

    rate: float
    sent: Callable[[], int]
    clock: Callable[[], float] = SYSTEM.steady
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _counted: int = field(init=False)
    _looked_at: float = field(init=False)
    _free_at: float = field(init=False)

    def __post_init__(self) -> None:
        self._counted, self._looked_at = self.sent(), self.clock()
        self._free_at = self._looked_at

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for the turn, and keep it. A caller that is cancelled leaves its place to the next."""
        async with self._turn:
            yield

    async def room(self) -> None:
        """Wait until one more request fits into the rate. For whoever has the turn."""
        while (pause := self._pause()) > 0:
            await self.sleep(pause)

    def _pause(self) -> float:
        """Seconds until one more request fits. Each that was sent since the last look takes 1 / rate seconds from then on."""
        now, sent = self.clock(), self.sent()
        taken = (sent - self._counted) / self.rate
        self._free_at = min(max(self._free_at, self._looked_at) + taken, now + LONGEST_PAUSE)
        self._counted, self._looked_at = sent, now
        return self._free_at - now
