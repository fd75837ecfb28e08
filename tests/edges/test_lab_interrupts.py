"""SIGTERM and Ctrl-C end a command of the lab and all processes that it started."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lab import lifecycle
from lab.controls import Controls
from lab.places import ROOT, Places
from lab.processes import OPERATOR, Parts

SECONDS = 60


@pytest.fixture(scope="module", autouse=True)
def _built() -> None:
    """Build and fetch the lab's programs, so that no command spends minutes on that."""
    lifecycle.build_and_fetch()


@contextmanager
def command(folder: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run a module of the lab as a person does. Its temporary lab is created below `folder`."""
    with subprocess.Popen(
        [sys.executable, "-m", *arguments],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(folder), "PYTHONUNBUFFERED": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()
            for marker in folder.glob("*/lab.json"):
                lifecycle.stop(marker.parent)  # the lab of a failed test


def lab_below(folder: Path) -> Parts:
    """Wait for the lab that a command creates below `folder`."""
    until(lambda: list(folder.glob("*/lab.json")), "a lab")
    (marker,) = folder.glob("*/lab.json")
    return Parts(Places.at(marker.parent))


def until(holds: Callable[[], object], what: str) -> None:
    """Check again and again something that the other process does not announce. Fails with `what` after SECONDS."""
    deadline = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < deadline, f"not within {SECONDS} s: {what}"
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("module", "number", "part"),
    [
        ("lab.bench", signal.SIGTERM, "etcd"),
        ("lab.bench", signal.SIGINT, OPERATOR),
        ("lab.demo", signal.SIGINT, "etcd"),
        ("lab.demo", signal.SIGTERM, OPERATOR),
    ],
)
def test_a_signal_leaves_no_process_behind(tmp_path: Path, module: str, number: signal.Signals, part: str) -> None:
    """The signal arrives while the lab starts, or while the operator runs. It is sent twice, as by an impatient person."""
    with command(tmp_path, module) as process:
        parts = lab_below(tmp_path)
        until(lambda: part in parts.known(), f"a process {part}")
        process.send_signal(number)
        process.send_signal(number)
        printed, _ = process.communicate(timeout=SECONDS)

    assert process.returncode == 1, printed
    assert "Interrupted." in printed
    assert "Everything is taken down." in printed
    assert parts.leftovers() == []


def test_a_signal_to_make_lab_leaves_no_process_behind(tmp_path: Path) -> None:
    with command(tmp_path, "lab", "--dir", str(tmp_path / "lab"), "up") as process:
        parts = lab_below(tmp_path)
        until(lambda: "etcd" in parts.known(), "a process etcd")
        process.terminate()
        printed, _ = process.communicate(timeout=SECONDS)

    assert process.returncode == 1, printed
    assert parts.leftovers() == []


def test_the_benchmark_fails_with_the_cause_when_the_operator_ends(tmp_path: Path) -> None:
    with command(tmp_path, "lab.bench") as process:
        parts = lab_below(tmp_path)
        until(lambda: OPERATOR in parts.known(), "an operator")
        controls = Controls.of(parts.places.dir)
        until(lambda: any(call.caller == "operator" for call in controls.calls()), "a request of the operator")
        os.kill(parts.known()[OPERATOR].pid, signal.SIGKILL)
        printed, _ = process.communicate(timeout=SECONDS)

    assert process.returncode == 1, printed
    assert "The benchmark failed: operator ended while it was being measured. The end of" in printed
    assert parts.leftovers() == []
