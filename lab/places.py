"""The files of one lab, and the cache that all labs of a user share."""

import os
from dataclasses import dataclass
from pathlib import Path

from lab.errors import LabError

ROOT = Path(__file__).resolve().parent.parent
"""The checkout. The lab runs the operator, the chart and its own parts from there."""


def cache() -> Path:
    """The folder for binaries and tools, shared by every checkout of this user."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "gitlab-azure-identity"


@dataclass(frozen=True)
class Places:
    """The files of one lab, all below one folder. The path is absolute, since other processes get it."""

    dir: Path

    @classmethod
    def at(cls, path: str | Path | None = None) -> "Places":
        """The lab at `path`, or else at LAB_DIR, or else in `.lab` of the current folder."""
        return cls(Path(path or os.environ.get("LAB_DIR") or ".lab").absolute())

    @property
    def marker(self) -> Path:
        """The file that marks the folder as a lab's, which may be emptied."""
        return self.dir / "lab.json"

    @property
    def logs(self) -> Path:
        return self.dir / "logs"

    @property
    def pids(self) -> Path:
        return self.dir / "pids"

    @property
    def bin(self) -> Path:
        return self.dir / "bin"

    @property
    def cluster(self) -> Path:
        return self.dir / "cluster"

    @property
    def operator(self) -> Path:
        return self.dir / "operator"

    @property
    def pods(self) -> Path:
        return self.dir / "pods"

    @property
    def kubeconfig(self) -> Path:
        return self.dir / "kubeconfig"

    @property
    def env(self) -> Path:
        return self.dir / "env"

    @property
    def azure_ca(self) -> Path:
        return self.dir / "ca.pem"

    @property
    def azure_json(self) -> Path:
        return self.dir / "azure.json"

    def make(self) -> None:
        """Make the folders, and mark the lab's folder.

        A lab empties its folder. Raises LabError where the folder holds something and is not marked as a lab's.
        """
        if self.dir.exists() and any(self.dir.iterdir()) and not self.marker.exists():
            raise LabError(f"{self.dir} is not empty and not a lab. Choose another folder with --dir.")
        self.dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.marker.write_text("{}\n")
        (self.dir / ".gitignore").write_text("*\n")
        for folder in (self.logs, self.pids, self.bin, self.cluster, self.operator, self.pods):
            folder.mkdir(exist_ok=True)
