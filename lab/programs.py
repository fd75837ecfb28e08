"""Programs that the lab runs: which one PATH has, in which version, and how one is run to fetch or install something."""

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lab import envfile
from lab.errors import LabError
from lab.places import ROOT

Version = tuple[int, ...]


@dataclass(frozen=True)
class Program:
    """A program that the lab needs, and from which version on."""

    name: str
    least: Version
    version_command: tuple[str, ...]


def version_in(text: str) -> Version:
    """The first `major.minor` in what a program prints of itself; () where there is none."""
    found = re.search(r"\bv?(\d+)\.(\d+)", text)
    return tuple(int(part) for part in found.groups()) if found else ()


def spelled(version: Version) -> str:
    return ".".join(map(str, version))


def on_path(program: Program) -> Path | None:
    """The program on PATH, if it runs and is new enough."""
    found = shutil.which(program.name)
    return Path(found) if found and version_of(Path(found), program) >= program.least else None


def version_of(path: Path, program: Program) -> Version:
    """Its version; () where it does not run."""
    try:
        ran = subprocess.run([path, *program.version_command], capture_output=True, text=True, check=False, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return ()
    return version_in(ran.stdout) if ran.returncode == 0 else ()


def run(command: Sequence[str], problem: str, folder: Path = ROOT) -> str:
    """Run a command of an installer. Returns what it prints; raises LabError with `problem` and what it printed."""
    try:
        ran = subprocess.run(
            command,
            cwd=folder,
            env=envfile.outside(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError as error:
        raise LabError(f"{problem}: {command[0]}: {os.strerror(error.errno or 0)}.") from error
    if ran.returncode != 0:
        raise LabError(f"{problem}.\n{(ran.stderr or ran.stdout).strip()}")
    return ran.stdout
