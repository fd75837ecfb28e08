"""Starts the lab's processes, each in a session of its own, finds them again, and ends them.

Each carries the variable LAB_PART_OF, and so do its children. So a process that a killed `lab up` left behind is found
also where no pid file names it.
"""

import contextlib
import os
import select
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.errors import LabError
from lab.places import Places

MARK = "LAB_PART_OF"
LOG_LINES = 15
OPERATOR = "operator"
"""The beginning of the names of operators' pid files. Several operators may run against one lab."""


class PartError(LabError):
    """A part of the lab ended, or was not ready in time. The message contains the end of its log."""


class AbandonedError(LabError):
    """Another part failed, so this one is not waited for."""


@dataclass(frozen=True)
class Process:
    """A process, identified by its id and its start: a later process may have the same id."""

    pid: int
    started: int  # clock ticks after boot: field 22 of /proc/PID/stat

    @classmethod
    def of(cls, pid: int) -> "Process | None":
        """The running process with this id. None where there is none, or where it has exited and is not reaped yet."""
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            if state not in "ZX":
                return cls(pid, int(fields[18]))
        return None

    @property
    def alive(self) -> bool:
        return Process.of(self.pid) == self

    @contextlib.contextmanager
    def watched(self) -> "Iterator[Exit | None]":
        """A handle to wait for its exit. None where it has exited already."""
        try:
            fd = os.pidfd_open(self.pid)
        except ProcessLookupError:
            yield None
            return
        try:
            yield Exit(self.pid, fd) if self.alive else None
        finally:
            os.close(fd)


@dataclass(frozen=True)
class Exit:
    """A handle on one running process. Unlike an id, it never refers to a later process."""

    pid: int
    fd: int

    def within(self, seconds: float) -> bool:
        """Wait for the exit, at most so long. Returns whether the process has exited."""
        poll = select.poll()
        poll.register(self.fd, select.POLLIN)
        exited = bool(poll.poll(max(0, int(seconds * 1000))))
        if exited:
            with contextlib.suppress(ChildProcessError):  # the process is another one's child
                os.waitpid(self.pid, os.WNOHANG)
        return exited

    def send(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.fd, number)


class Parts:
    """The processes of one lab, by name."""

    def __init__(self, places: Places) -> None:
        self.places = places
        self._abandoned = threading.Event()

    def abandon(self) -> None:
        """Make every thread that waits in `until` raise AbandonedError."""
        self._abandoned.set()

    def spawn(self, name: str, argv: Sequence[object], env: Mapping[str, str]) -> Process:
        """Start a part in a session of its own, with `logs/NAME.log` as its output."""
        if self._abandoned.is_set():
            raise AbandonedError(f"{name} was not started, since another part failed.")
        words = [str(word) for word in argv]
        log = str(self.places.logs / f"{name}.log")
        files = [
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ]
        marked = {**env, MARK: str(self.places.dir)}
        try:
            pid = os.posix_spawnp(words[0], words, marked, file_actions=files, setsid=True)
        except OSError as error:
            raise PartError(f"{name} cannot be started: {words[0]}: {error.strerror}.") from error
        process = Process.of(pid)
        if process is None:
            raise PartError(self.with_end_of_log(name, "ended as soon as it was started"))
        (self.places.pids / name).write_text(f"{process.pid} {process.started}\n")
        return process

    def register(self, name: str) -> None:
        """Record this process, and what it becomes by exec, as a part that `down` ends."""
        process = Process.of(os.getpid())
        if process:
            (self.places.pids / f"{name}-{process.pid}").write_text(f"{process.pid} {process.started}\n")

    def known(self) -> dict[str, Process]:
        """Every part that has a pid file, whether it runs or not."""
        found = {}
        for file in sorted(self.places.pids.glob("*")):
            with contextlib.suppress(ValueError):
                pid, started = file.read_text().split()
                found[file.name] = Process(int(pid), int(started))
        return found

    def until(self, name: str, process: Process, ready: Callable[[], bool], seconds: float) -> None:
        """Wait until `ready` returns True, calling it 20 times a second.

        Raises PartError when the process exits or time is up, AbandonedError when another part failed meanwhile.
        """
        deadline = time.monotonic() + seconds
        with process.watched() as exited:
            while not ready():
                if self._abandoned.is_set():
                    raise AbandonedError(f"{name} is not waited for any more, since another part failed.")
                if exited is None or exited.within(0.05):
                    raise PartError(self.with_end_of_log(name, "ended before it was ready"))
                if time.monotonic() > deadline:
                    raise PartError(self.with_end_of_log(name, f"was not ready after {seconds:.0f} s"))

    def with_end_of_log(self, name: str, what: str) -> str:
        log = self.places.logs / f"{name}.log"
        lines = log.read_text(errors="replace").splitlines()[-LOG_LINES:] if log.exists() else []
        return "\n".join([f"{name} {what}. The end of {log}:", *(f"  {line}" for line in lines or ["(empty)"])])

    def stop(self, names: Iterable[str], grace: float) -> None:
        """End these parts at the same time: SIGTERM, then after `grace` seconds SIGKILL. One that has exited is no error."""
        known = self.known()
        names = [name for name in names if name in known]
        end([known[name] for name in names], grace)
        for name in names:
            (self.places.pids / name).unlink(missing_ok=True)

    def leftovers(self) -> list[Process]:
        """Every other process that carries this lab's mark, however it was started."""
        mark = f"{MARK}={self.places.dir}".encode()
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if mark in (entry / "environ").read_bytes().split(b"\0") and int(entry.name) != os.getpid():
                    found.append(Process.of(int(entry.name)))
        return [process for process in found if process]


def end(processes: Sequence[Process], grace: float) -> None:
    """End the processes, and wait until all have exited: SIGTERM, then after `grace` seconds SIGKILL.

    Without grace, SIGKILL is sent at once.
    """
    with contextlib.ExitStack() as stack:
        watched = [stack.enter_context(process.watched()) for process in processes]
        running = [exited for exited in watched if exited]
        for exited in running:
            exited.send(signal.SIGTERM if grace else signal.SIGKILL)
        deadline = time.monotonic() + grace
        for exited in running:
            if not exited.within(deadline - time.monotonic()):
                exited.send(signal.SIGKILL)
                exited.within(10)
