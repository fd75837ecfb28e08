"""The one clock. Code that needs the time receives the clock, so tests can set it."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime


def _wall() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Clock:
    """`now` is the date and the time, which may be set back. `steady` counts seconds and never goes back."""

    now: Callable[[], datetime] = _wall
    steady: Callable[[], float] = time.monotonic


SYSTEM = Clock()
