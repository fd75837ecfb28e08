"""The lab's processes are started, found again and ended reliably."""

import os
import sys
from pathlib import Path

import pytest

from lab.places import Places
from lab.processes import MARK, PartError, Parts, Process, end

IDLE = "import time; print('up', flush=True); time.sleep(60)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {IDLE}"


@pytest.fixture
def places(tmp_path: Path) -> Places:
    places = Places.at(tmp_path / "lab")
    places.make()
    return places


def start_part(places: Places, parts: Parts, program: str) -> Process:
    """Start a part and wait until it runs. Until then the kernel does not show its environment, which has the lab's mark."""
    process = parts.spawn("azure", [sys.executable, "-c", program], os.environ)
    log = places.logs / "azure.log"
    parts.until("azure", process, lambda: "up" in log.read_text(), 10)
    return process


def test_a_part_that_ends_is_reported_with_the_end_of_its_log(places: Places) -> None:
    parts = Parts(places)
    command = [sys.executable, "-c", "import time; time.sleep(0.1); print('no such thing'); raise SystemExit(3)"]
    process = parts.spawn("etcd", command, os.environ)
    with pytest.raises(PartError, match=r"etcd ended before it was ready.*\n  no such thing"):
        parts.until("etcd", process, lambda: False, 10)


def test_a_part_that_is_not_ready_in_time_is_reported(places: Places) -> None:
    parts = Parts(places)
    process = parts.spawn("etcd", ["sleep", "60"], os.environ)
    with pytest.raises(PartError, match="was not ready after 0 s"):
        parts.until("etcd", process, lambda: False, 0.2)
    parts.stop(["etcd"], grace=5)


def test_a_missing_program_is_reported(places: Places) -> None:
    with pytest.raises(PartError, match="etcd cannot be started: no-such-program: No such file"):
        Parts(places).spawn("etcd", ["no-such-program"], os.environ)


def test_another_process_can_end_a_part_that_ignores_sigterm(places: Places) -> None:
    parts = Parts(places)
    process = start_part(places, parts, STUBBORN)

    again = Parts(places)
    assert again.known() == {"azure": process}
    again.stop(["azure", "never-started"], grace=0.1)
    assert not process.alive
    assert again.known() == {}


def test_a_process_without_a_pid_file_is_found_by_its_mark(places: Places) -> None:
    parts = Parts(places)
    process = start_part(places, parts, IDLE)
    (places.pids / "azure").unlink()
    assert parts.leftovers() == [process]
    end(parts.leftovers(), grace=5)
    assert parts.leftovers() == []


def test_a_later_process_with_the_same_id_is_not_the_same_process() -> None:
    this_process = Process.of(os.getpid())
    assert this_process
    assert this_process.alive
    assert not Process(this_process.pid, this_process.started - 1).alive


def test_a_lab_does_not_find_the_processes_of_another_lab(tmp_path: Path, places: Places) -> None:
    other = Places.at(tmp_path / "lab2")
    other.make()
    process = Parts(other).spawn("azure", ["sleep", "60"], {**os.environ, MARK: "overridden"})
    assert Parts(places).leftovers() == []
    end([process], grace=0)
