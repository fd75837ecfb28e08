"""The one clock. Code that needs the time receives the clock, so tests can set it. And the time of other machines, by the header
that they answer with."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def _wall() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Clock:
    """`now` is the date and the time, which may be set back. `steady` counts seconds and never goes back."""

    now: Callable[[], datetime] = _wall
    steady: Callable[[], float] = time.monotonic


SYSTEM = Clock()


def dated(header: str | None) -> datetime | None:
    """The time of a Date header (RFC 9110, section 6.6.1). None when it cannot be read."""
    try:
        return parsedate_to_datetime(header) if header else None
    except ValueError:
        return None
