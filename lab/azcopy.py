"""azcopy: the user's own where it is new enough, else npm's, with the libraries that this machine lacks."""

import os
import shlex
import subprocess
from pathlib import Path

from lab import libraries
from lab.errors import LabError
from lab.places import ROOT
from lab.programs import Program, on_path

AZCOPY = Program("azcopy", (10, 28), ("--version",))
NPM = ROOT / "node_modules/@azure-tools/azcopy-linux/dist/bin/azcopy_linux_amd64"


def program() -> Path:
    """An azcopy that runs. Raises LabError where there is none."""
    return on_path(AZCOPY) or runnable(NPM, ROOT / "node_modules/.bin/azcopy")


def runnable(npm: Path, script: Path) -> Path:
    """npm's azcopy; where this machine lacks libraries, `script`, which starts it with those of lab/libraries.py.

    Raises LabError where it does not run with them either.
    """
    npm.chmod(0o755)  # its package ships it without the right to be run
    problem = _problem(npm)
    if "error while loading shared libraries" in problem:
        path = os.pathsep.join(map(str, libraries.folders()))
        script.write_text(f'#!/bin/sh\nLD_LIBRARY_PATH={shlex.quote(path)} exec {shlex.quote(str(npm))} "$@"\n')
        script.chmod(0o755)
        npm, problem = script, _problem(script)
    if problem:
        raise LabError(f"azcopy does not run: {problem}")
    return npm


def _problem(program: Path) -> str:
    """What azcopy prints of why it does not run; empty when it runs."""
    try:
        ran = subprocess.run([program, "--version"], capture_output=True, text=True, check=False, timeout=30)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return "" if ran.returncode == 0 else ran.stderr.strip() or f"exit status {ran.returncode}"
