"""The operator as a child process, for the demonstration, tests and benchmarks."""

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
"""Seconds: what the chart gives the pod to end."""


@dataclass(frozen=True)
class Operator:
    """One operator that runs against a lab."""

    process: Process
    url: str
    """Where it answers /healthz, /readyz and /metrics."""
    log: Path

    @classmethod
    def start(cls, lab: Lab, name: str = OPERATOR, **env: str) -> Self:
        """Start the operator, with these variables on top of the lab's, returning when it is ready.

        The name must begin with `operator`; its log is `logs/NAME.log`, which a later one of that name goes on with.
        Raises PartError with the end of its log.
        """
        variables = lab.operator_env(**env)
        parts = Parts(lab.places)
        process = parts.spawn(name, [sys.executable, "-m", "gitlab_azure_identity", "run"], variables)
        operator = cls(process, f"http://127.0.0.1:{variables['GAI_HTTP_PORT']}", lab.places.logs / f"{name}.log")
        parts.until(name, process, operator.ready, START_TIMEOUT)
        return operator

    def ready(self) -> bool:
        """Whether /readyz says so."""
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
        """SIGTERM, and after the chart's grace period SIGKILL; returns when it has exited."""
        end([self.process], GRACE)

    def kill(self) -> None:
        """SIGKILL, as a node that goes away; returns when it has exited."""
        end([self.process], 0)
