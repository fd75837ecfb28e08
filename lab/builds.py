"""The two Go binaries of the lab's cluster, built once into the user's cache.

The file name of a binary carries a hash of all that goes into it, so a fresh clone finds one that is built already.
"""

import contextlib
import fcntl
import hashlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lab import envfile, prerequisites
from lab.errors import LabError
from lab.places import ROOT, cache

KUBERNETES = "1.37.2"
VERSION_PACKAGE = "k8s.io/component-base/version"


def _version_flags(version: str) -> str:
    """Linker flags that set the version.

    Without them the server reports v0.0.0. The webhook asks whether it is 1.32 or newer, helm asks too: both would be misled.
    """
    major, minor, _ = version.split(".")
    values = {"gitVersion": f"v{version}", "gitMajor": major, "gitMinor": minor}
    return " ".join(f"-X {VERSION_PACKAGE}.{name}={value}" for name, value in values.items())


@dataclass(frozen=True)
class Binary:
    """A Go main package in `lab/`, and how it is built."""

    name: str
    what: str
    takes: str
    ldflags: str

    @property
    def source(self) -> Path:
        return ROOT / "lab" / self.name

    def flags(self) -> list[str]:
        return ["-trimpath", "-buildvcs=false", f"-ldflags={self.ldflags}"]

    def key(self) -> str:
        """A hash of the flags and of every Go and module file."""
        digest = hashlib.sha256("\0".join(self.flags()).encode())
        files = [path for path in self.source.rglob("*") if path.suffix in {".go", ".mod", ".sum"}]
        for path in sorted(files):
            digest.update(f"\0{path.relative_to(self.source)}\0".encode())
            digest.update(path.read_bytes())
        return digest.hexdigest()[:16]

    def path(self) -> Path:
        return cache() / "bin" / f"{self.name}-{self.key()}"


CONTROL_PLANE = Binary(
    "controlplane",
    "the Kubernetes control plane",
    "about 8 minutes the first time on two cores, 2 when only this project's file changed",
    f"-s -w {_version_flags(KUBERNETES)}",
)
WEBHOOK = Binary("webhook", "the azure-workload-identity webhook", "about a minute the first time", "-s -w")


def binary(which: Binary) -> Path:
    """The built binary, from the cache. Where it is missing there, it is built now, which takes minutes.

    Raises LabError where Go is missing or too old, or the build fails.
    """
    path = which.path()
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with only_one(path.parent / "lock"):
            if not path.exists():  # another process may have built it while this one waited
                _build(which, path)
    return path


@contextlib.contextmanager
def only_one(lock: Path, waiting: str = "waiting for another process that makes the same") -> Iterator[None]:
    """Hold the lock file, so that two processes never make the same thing at once. Prints `waiting` where another holds it."""
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(waiting)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def say(message: str) -> None:
    """Print progress to standard error. Standard output is for what a command was asked."""
    print(f"lab: {message}", file=sys.stderr, flush=True)


def _build(which: Binary, path: Path) -> None:
    prerequisites.require("go")
    say(f"building {which.what}: {which.takes}")
    began = time.monotonic()
    log = path.parent / f"{which.name}.log"
    with tempfile.TemporaryDirectory(dir=path.parent) as folder, log.open("w") as output:
        built = Path(folder, which.name)
        go = subprocess.Popen(
            ["go", "build", *which.flags(), "-o", str(built), "."],
            cwd=which.source,
            env={**envfile.outside(), "CGO_ENABLED": "0"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            _wait(go, began)
        finally:
            if go.poll() is None:
                go.terminate()
                go.wait()
        if go.returncode != 0:
            end = "\n".join(f"  {line}" for line in log.read_text().splitlines()[-15:])
            raise LabError(f"{which.what} could not be built. The end of {log}:\n{end}")
        built.replace(path)
    say(f"built {which.what} in {time.monotonic() - began:.0f} s")


def _wait(go: subprocess.Popen[bytes], began: float) -> None:
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            go.wait(timeout=30)
            return
        say(f"  still building, {(time.monotonic() - began) / 60:.1f} minutes so far")
