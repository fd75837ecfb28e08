"""Whether a pass gets on.

Each request has a time-out, so a pass that lives sends or receives something again and again. One that shows no such sign for
longer than the time-outs allow hangs by a defect, and would hang until a restart.

How long the whole pass takes says nothing: at Azure's rates a pass with many credentials takes minutes. Its waits for those
rates, and for Azure's Retry-After, are no silence either."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Literal

from gitlab_azure_identity.clock import SYSTEM, Clock

BETWEEN_SIGNS = 4  # time-outs: a login and the request, and both once more when Azure refused the token (401)
SPARE = 60.0  # seconds: the turn of that request at Azure's rates, and a machine that is busy


def longest_silence(request_timeout: float) -> float:
    """The seconds without a sign after which a pass hangs. The longest silence of one that lives is its wait for a request of
    another pass, which it shares or which it must not overtake."""
    return (BETWEEN_SIGNS + 1) * request_timeout + SPARE


@dataclass(eq=False)
class Progress:
    """The signs of one pass, or of one deletion."""

    clock: Clock = SYSTEM
    began: float = field(init=False)
    _sign: float = field(init=False)
    _waits: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self.began = self._sign = self.clock.steady()

    @property
    def age(self) -> float:
        """Seconds since it began."""
        return self.clock.steady() - self.began

    @property
    def silence(self) -> float:
        """Seconds without a sign. 0 while it waits for Azure's rates."""
        return 0.0 if self._waits else self.clock.steady() - self._sign

    def sign(self) -> None:
        self._sign = self.clock.steady()

    @contextmanager
    def waiting(self) -> Iterator[None]:
        self._waits += 1
        try:
            yield
        finally:
            self._waits -= 1
            self.sign()


_OUTSIDE = Progress()
"""Of what belongs to no pass: a check, or a command of a person. Nobody looks at it."""
_current: ContextVar[Progress] = ContextVar("progress", default=_OUTSIDE)


@contextmanager
def observed(progress: Progress) -> Iterator[None]:
    """Count what this task does, and the tasks that it starts, as signs of this pass."""
    token = _current.set(progress)
    try:
        yield
    finally:
        _current.reset(token)


@contextmanager
def of_request() -> Iterator[None]:
    """A request: its beginning and its end are signs of the pass that sends it."""
    progress = _current.get()
    progress.sign()
    try:
        yield
    finally:
        progress.sign()


@contextmanager
def of_turn() -> Iterator[None]:
    """A wait for Azure's rates, or for its Retry-After."""
    with _current.get().waiting():
        yield


class Queue(asyncio.Lock):
    """A lock for the requests of several passes. Its release is a sign of each pass that waits for it: its turn comes nearer."""

    def __init__(self) -> None:
        super().__init__()
        self._waiting: list[Progress] = []

    async def acquire(self) -> Literal[True]:
        progress = _current.get()
        self._waiting.append(progress)
        try:
            return await super().acquire()
        finally:
            self._waiting.remove(progress)

    def release(self) -> None:
        super().release()
        for progress in self._waiting:
            progress.sign()
