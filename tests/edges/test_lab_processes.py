"""Processes are started, found again and ended for sure."""

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


def started(places: Places, parts: Parts, program: str) -> Process:
    """A part that runs this program and has said so: for a moment after it was spawned the kernel tells no environment."""
    process = parts.spawn("azure", [sys.executable, "-c", program], os.environ)
    log = places.logs / "azure.log"
    parts.until("azure", process, lambda: "up" in log.read_text(), 10)
    return process


def test_a_part_that_ends_is_told_with_the_end_of_its_log(places: Places) -> None:
    parts = Parts(places)
    command = [sys.executable, "-c", "import time; time.sleep(0.1); print('no such thing'); raise SystemExit(3)"]
    process = parts.spawn("etcd", command, os.environ)
    with pytest.raises(PartError, match=r"etcd ended before it was ready.*\n  no such thing"):
        parts.until("etcd", process, lambda: False, 10)


def test_a_part_that_is_not_ready_in_time_is_told(places: Places) -> None:
    parts = Parts(places)
    process = parts.spawn("etcd", ["sleep", "60"], os.environ)
    with pytest.raises(PartError, match="was not ready after 0 s"):
        parts.until("etcd", process, lambda: False, 0.2)
    parts.stop(["etcd"], grace=5)


def test_a_program_that_is_not_there_is_told(places: Places) -> None:
    with pytest.raises(PartError, match="etcd cannot be started: no-such-program: No such file"):
        Parts(places).spawn("etcd", ["no-such-program"], os.environ)


def test_another_process_finds_and_ends_it_even_if_it_will_not_listen(places: Places) -> None:
    parts = Parts(places)
    process = started(places, parts, STUBBORN)

    again = Parts(places)
    assert again.known() == {"azure": process}
    again.stop(["azure", "never-started"], grace=0.1)
    assert not process.alive
    assert again.known() == {}


def test_what_has_no_pid_file_is_found_by_its_mark(places: Places) -> None:
    parts = Parts(places)
    process = started(places, parts, IDLE)
    (places.pids / "azure").unlink()
    assert parts.leftovers() == [process]
    end(parts.leftovers(), grace=5)
    assert parts.leftovers() == []


def test_a_later_process_with_the_same_id_is_another_one() -> None:
    myself = Process.of(os.getpid())
    assert myself
    assert myself.alive
    assert not Process(myself.pid, myself.started - 1).alive


def test_one_labs_mark_is_not_anothers(tmp_path: Path, places: Places) -> None:
    other = Places.at(tmp_path / "lab2")
    other.make()
    process = Parts(other).spawn("azure", ["sleep", "60"], {**os.environ, MARK: "overridden"})
    assert Parts(places).leftovers() == []
    end([process], grace=0)
