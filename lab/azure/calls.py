"""The call log: every request that Azure received, and its answer."""

import time
from collections import deque
from dataclasses import asdict, dataclass, field
from typing import Any

KEPT = 200_000


@dataclass
class Call:
    method: str
    host: str
    path: str
    query: str
    time: float = field(default_factory=time.time)
    """Seconds since 1970, on this machine's clock."""
    caller: str = ""
    """The calling principal's name; empty where the request names none."""
    client: str = ""
    """The user in the client's HTTPS_PROXY (http://USER@…), which tells several clients of one principal apart."""
    status: int = 0
    """0: there was no answer."""
    code: str = ""
    """Azure's error code."""
    duration: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


class CallLog:
    def __init__(self) -> None:
        self._calls: deque[Call] = deque(maxlen=KEPT)

    def add(self, call: Call) -> None:
        self._calls.append(call)

    def clear(self) -> None:
        self._calls.clear()

    def as_list(self) -> list[dict[str, Any]]:
        return [call.as_dict() for call in self._calls]
