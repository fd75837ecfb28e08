"""The one clock. Whoever needs the time is handed it, so that tests set it."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime


def _wall() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Clock:
    """`now` is the time of day, which may be set back; `steady` counts seconds and never goes back."""

    now: Callable[[], datetime] = _wall
    steady: Callable[[], float] = time.monotonic


SYSTEM = Clock()
