"""Starts the lab's Azure for the tests, by the command that a person uses, and stops it."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lab.controls import Controls

ROOT = Path(__file__).resolve().parents[2]
START_TIMEOUT = 30
STOP_TIMEOUT = 2
"""Seconds that Azure may take to stop."""


@dataclass(frozen=True)
class Running:
    """A started Azure and its addresses."""

    folder: Path
    proxy: str
    ca: Path
    tenant: str
    subscription: str
    controls: Controls

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables with which any client reaches this Azure."""
        return {"HTTPS_PROXY": self.proxy, "SSL_CERT_FILE": str(self.ca)}


def start(folder: Path) -> subprocess.Popen[bytes]:
    with (folder / "azure.log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "lab.azure", "--dir", folder],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def until_ready(folder: Path, process: subprocess.Popen[bytes]) -> Running:
    """Wait until azure.json exists. Azure writes it when all its servers answer."""
    deadline = time.monotonic() + START_TIMEOUT
    while not (folder / "azure.json").exists():
        assert process.poll() is None, (folder / "azure.log").read_text()
        assert time.monotonic() < deadline, (folder / "azure.log").read_text()
        time.sleep(0.02)
    about = json.loads((folder / "azure.json").read_text())
    assert about["pid"] == process.pid
    return Running(
        folder=folder,
        proxy=about["proxy"],
        ca=Path(about["ca"]),
        tenant=about["tenant"],
        subscription=about["subscription"],
        controls=Controls.of(folder),
    )


@contextmanager
def running(folder: Path) -> Iterator[Running]:
    process = start(folder)
    try:
        yield until_ready(folder, process)
    finally:
        process.terminate()
        process.wait(timeout=STOP_TIMEOUT)
    assert (folder / "azure.log").read_text() == "", "Azure logged an error"


def clean_environment(**values: str) -> dict[str, str]:
    """This process's environment without variables that would send a client to another Azure."""
    own = ("HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "ALL_PROXY", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
    kept = {key: value for key, value in os.environ.items() if key.upper() not in own and not key.startswith("AZURE_")}
    return {**kept, **values}
