"""What every step of the demonstration uses: programs that are shown as they run, and claims that are checked."""

import json
import shlex
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from lab.demo.terminal import Terminal
from lab.errors import LabError
from lab.places import ROOT
from lab.running import Lab

T = TypeVar("T")
NAMESPACE = NAME = "gitlab"
WITHIN = 60
"""Seconds that a program, or something that is waited for, may take."""


class StepError(LabError):
    """A claim of the demonstration does not hold."""


@dataclass(frozen=True)
class Demonstration:
    """A lab, and the terminal that shows what happens in it."""

    lab: Lab
    terminal: Terminal

    def check(self, truth: object, claim: str, otherwise: str = "") -> None:
        """Show the claim as passed if it is true. Raises StepError with `otherwise` if it is not."""
        if not truth:
            raise StepError(f"This does not hold: {claim}" + (f"\n{otherwise}" if otherwise else ""))
        self.terminal.passed(claim)

    def kubectl(self, *args: str) -> str:
        """Run a kubectl command; show it and what it prints. Raises ToolError."""
        self.terminal.command(shlex.join(["kubectl", *args]))
        printed = self.run_kubectl(*args)
        self.terminal.output(printed)
        return printed

    def run_kubectl(self, *args: str, stdin: str | None = None) -> str:
        """Run a kubectl command without showing it. Raises ToolError."""
        return self.lab.kubectl(*args, stdin=stdin)

    def resource(self) -> dict[str, Any]:
        """The GitLabAzureIdentity, as the API server has it now."""
        found: dict[str, Any] = json.loads(self.run_kubectl("-n", NAMESPACE, "get", "gai", NAME, "-o", "json"))
        return found

    def run_program(self, argv: Sequence[str], env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        """Run a program in the checkout; its output includes standard error. Raises StepError where it takes too long."""
        try:
            return subprocess.run(
                argv,
                cwd=ROOT,
                env=self.lab.environ(**env),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
                timeout=WITHIN,
            )
        except subprocess.TimeoutExpired as error:
            raise StepError(f"{argv[0]} still ran after {WITHIN} s.") from error

    @contextmanager
    def watching(self, *args: str) -> Iterator[Iterator[str]]:
        """The lines of a kubectl that watches, as they come. kubectl is ended after a minute at the latest."""
        self.terminal.command(shlex.join(["kubectl", *args]))
        with subprocess.Popen(
            [self.lab.tool("kubectl"), *args],
            env=self.lab.environ(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as kubectl:
            end = threading.Timer(WITHIN, kubectl.terminate)
            end.start()
            try:
                yield (self._shown(line) for line in kubectl.stdout or ())
            finally:
                end.cancel()
                kubectl.terminate()

    def _shown(self, line: str) -> str:
        self.terminal.output(line)
        return line


def poll_until(look: Callable[[], T], enough: Callable[[T], bool]) -> T:
    """Call `look` until `enough` accepts its result, for a minute at most. Returns the last result."""
    deadline = time.monotonic() + WITHIN
    while True:
        seen = look()
        if enough(seen) or time.monotonic() > deadline:
            return seen
