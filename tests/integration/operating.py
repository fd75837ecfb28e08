"""The operator as a process, started as its pod would start it."""

import json
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import yaml

from lab.running import Lab

SUBSCRIPTION = "/subscriptions/11111111-2222-3333-4444-555555555555"
STORAGE = f"{SUBSCRIPTION}/resourceGroups/rg-storage/providers/Microsoft.Storage/storageAccounts"
GROUP = f"{SUBSCRIPTION}/resourceGroups/rg-gitlab"

IDENTITIES = f"{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities"
ADOPTABLE = ["shared", *(f"shared-{number}" for number in range(1, 20))]
"""Names of identities that may be used although others made them."""

# Test namespaces begin with t-. Their resources may use gitlabstore and store*, but not otherstore, and may share
# adopted identities among themselves and with namespace theirs. Namespaces narrow-* reach two containers only; those that
# begin with later- have a resource group that does not exist yet.
POLICY: list[dict[str, Any]] = [
    {
        "namespaces": ["t-*"],
        "identities": {
            "resourceGroups": [GROUP],
            "adopt": [f"{IDENTITIES}/{name}" for name in ADOPTABLE],
            "sharedWith": ["t-*", "theirs"],
        },
        "storage": [
            {"account": f"{STORAGE}/gitlabstore", "containers": ["*"], "roleScopes": ["Account", "Container"]},
            {"account": f"{STORAGE}/store*", "containers": ["*"], "roleScopes": ["Account", "Container"]},
        ],
    },
    {
        "namespaces": ["narrow-*"],
        "identities": {"resourceGroups": [GROUP]},
        "storage": [{"account": f"{STORAGE}/gitlabstore", "containers": ["registry", "git-*"]}],
    },
    {
        "namespaces": ["later-*"],
        "identities": {"resourceGroups": [f"{SUBSCRIPTION}/resourceGroups/rg-later"]},
        "storage": [{"account": f"{STORAGE}/gitlabstore"}],
    },
]


class Operator:
    """One operator process at a time. Its settings are those of the lab's chart, with the tests' policy and the given ones."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        self._lab, self._folder = lab, folder
        self._settings: dict[str, Any] = yaml.safe_load((lab.places.operator / "settings.yaml").read_text())
        self._settings["policy"] = POLICY
        # One process at a time: after a kill the next one would wait for the Lease. test_leadership.py has two.
        self.election: dict[str, Any] = self._settings.pop("leaderElection")
        self._settings["throttle"] = {
            "rates": "Unlimited"
        }  # at Azure's rates, tests with many writes would mostly wait
        self._process: subprocess.Popen[bytes] | None = None
        self.log = folder / "operator.log"
        self.port = 0
        self.as_usual = True

    def start(self, variables: dict[str, str] | None = None, **settings: Any) -> None:
        """Start it and wait until it watches, or stands by. `settings` override the tests' own, in the file's spelling."""
        path = self._folder / "settings.yaml"
        path.write_text(yaml.safe_dump(self._settings | settings))
        self.as_usual = not (variables or settings)
        environment = self._lab.operator_env(GAI_SETTINGS_FILE=str(path), **(variables or {}))
        self.port = int(environment["GAI_HTTP_PORT"])
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "gitlab_azure_identity", "run"],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._until_ready()

    def _until_ready(self, seconds: float = 20) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            assert self._process is not None
            if self._process.poll() is not None:
                raise AssertionError(
                    f"the operator exited with {self._process.returncode}:\n{self.log.read_text()[-2000:]}"
                )
            try:
                if self.get("/readyz") in ("ok\n", "standby\n"):
                    return
            except (urllib.error.URLError, ConnectionError):
                pass
            time.sleep(0.05)  # a process does not announce when it listens
        raise AssertionError(f"the operator was not ready within {seconds} s:\n{self.log.read_text()[-2000:]}")

    def get(self, path: str) -> str:
        """The answer to a probe or to Prometheus."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
            text: bytes = answer.read()
        return text.decode()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def stop(self, seconds: float = 20) -> float:
        """End it as Kubernetes does. Returns the seconds that it took. It must exit by itself, with status 0."""
        assert self._process is not None
        start = time.monotonic()
        self._process.send_signal(signal.SIGTERM)
        status = self._process.wait(timeout=seconds)
        assert status == 0, f"exit status {status}:\n{self.log.read_text()[-2000:]}"
        return time.monotonic() - start

    def kill(self) -> None:
        """End it as a node that loses power does."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def restart(self, variables: dict[str, str] | None = None, **settings: Any) -> None:
        if self.running:
            self.stop()
        self.start(variables, **settings)

    def entries(self) -> list[dict[str, Any]]:
        """The log, entry by entry. Every line must be an entry."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]
