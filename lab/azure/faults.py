"""Faults: which requests fail, how, and how often."""

import asyncio
from dataclasses import dataclass
from fnmatch import fnmatchcase


@dataclass
class Fault:
    match: str
    """METHOD GLOB. The glob is matched against the path, and against host and path together."""
    status: int | None = None
    code: str | None = None
    message: str | None = None
    retry_after: float | None = None
    times: int = 1
    reset: bool = False
    hang: bool = False
    delay: float | None = None
    applied: bool = False
    """The request is carried out before its answer is lost or replaced."""

    def __post_init__(self) -> None:
        """
        Raises:
            ValueError: the match is not METHOD GLOB, or the fault changes nothing.
        """
        method, _, glob = self.match.partition(" ")
        if not method or not glob or " " in glob:
            raise ValueError(f"A fault matches 'METHOD GLOB', not {self.match!r}.")
        if self.times < 1:
            raise ValueError("A fault happens at least once.")
        if self.status is None and not self.reset and not self.hang and self.delay is None:
            raise ValueError("A fault needs one of status, reset, hang and delay.")
        self._method, self._glob = method.upper(), glob.casefold()

    def matches(self, method: str, host: str, path: str) -> bool:
        if self._method not in ("*", method):
            return False
        path = path.casefold()
        return fnmatchcase(path, self._glob) or fnmatchcase(host + path, self._glob)


class Faults:
    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._cleared = asyncio.Event()

    def add(self, fault: Fault) -> None:
        self._faults.append(fault)

    def waiting(self) -> list[dict[str, str | int]]:
        """What each fault matches, and how many requests it will still be applied to."""
        return [{"match": fault.match, "times": fault.times} for fault in self._faults]

    def clear(self) -> None:
        """Remove all faults. The connections of requests that hang are reset."""
        self._faults.clear()
        self._cleared.set()
        self._cleared = asyncio.Event()

    def take(self, method: str, host: str, path: str) -> Fault | None:
        """The oldest fault that matches a request. It counts as applied once more."""
        for fault in self._faults:
            if fault.matches(method, host, path):
                fault.times -= 1
                if fault.times == 0:
                    self._faults.remove(fault)
                return fault
        return None

    async def until_cleared(self) -> None:
        await self._cleared.wait()
