"""The operator as a process, for the demonstration and the benchmark."""

import http.client
import sys
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from lab.processes import OPERATOR, Parts, Process, end
from lab.running import Lab

START_TIMEOUT = 60
GRACE = 30
"""Seconds that the chart gives the pod to end."""


@dataclass(frozen=True)
class Operator:
    """An operator that runs against a lab."""

    process: Process
    url: str
    """The address of /healthz, /readyz and /metrics."""
    log: Path

    @classmethod
    def start(cls, lab: Lab, name: str = OPERATOR, **env: str) -> Self:
        """Start the operator with the lab's variables and these, and wait until it is ready.

        The name must begin with `operator`. The log is `logs/NAME.log`; a later operator of that name appends to it.
        Raises PartError with the end of the log.
        """
        variables = lab.operator_env(**env)
        parts = Parts(lab.places)
        process = parts.spawn(name, [sys.executable, "-m", "gitlab_azure_identity", "run"], variables)
        operator = cls(process, f"http://127.0.0.1:{variables['GAI_HTTP_PORT']}", lab.places.logs / f"{name}.log")
        parts.until(name, process, operator.ready, START_TIMEOUT)
        return operator

    def ready(self) -> bool:
        """Whether /readyz answers that the operator is ready."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(f"{self.url}/readyz", timeout=5):
                return True
        except (OSError, http.client.HTTPException):
            return False

    @property
    def alive(self) -> bool:
        return self.process.alive

    def stop(self) -> None:
        """Send SIGTERM, after the chart's grace period SIGKILL, and wait until the process has exited."""
        end([self.process], GRACE)

    def kill(self) -> None:
        """Send SIGKILL, as when its node fails, and wait until the process has exited."""
        end([self.process], 0)
