"""A lab of its own, and an operator in it, for tests that change or delete the definition: the API server then ends every watch,
and no other test would work meanwhile."""

import time
import urllib.error
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab import lifecycle
from lab.places import Places
from lab.processes import Parts
from lab.running import Lab

from .operating import Operator
from .resources import GitLab
from .watching import Object, Watch

DEFINITION = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/gitlabazureidentities.gitlabazure.io"
NAMESPACE = "t-apart"
FAST = {
    "credential_propagation": 0.0,
    "role_propagation": 0.0,
    "principal_replication": 0.0,
    "identity_read_lag": 0.0,
    "credential_read_lag": 0.0,
    "assignment_read_lag": 0.0,
    "parent_replication": 0.0,
    "graph_replication": 0.0,
    "key_cache": 0.0,
    "provider_registration": 0.0,
    "arm_latency": 0.0,
}


@dataclass
class Apart:
    """A lab of its own, and an operator in it."""

    lab: Lab
    operator: Operator
    watches: list[Watch] = field(default_factory=list)

    def gitlab(self, namespace: str = NAMESPACE) -> GitLab:
        """A resource, followed by a watch that knows the present definition."""
        self.watches.append(Watch(self.lab))
        return GitLab(self.lab, self.watches[-1], namespace)

    def ready(self) -> bool:
        """The answer of the operator's readiness probe."""
        try:
            return self.operator.get("/readyz") == "ok\n"
        except urllib.error.HTTPError:
            return False

    @contextmanager
    def without(self, path: str) -> Iterator[None]:
        """An object is deleted, and created again."""
        taken = self.lab.api.get(path)
        self.lab.api.delete(path)
        yield
        self.lab.apply([again(taken)])

    def troubles(self) -> list[Object]:
        """Entries of the log that look like a crash."""
        return [entry for entry in self.operator.entries() if "exception" in entry or entry["severity"] == "critical"]


def again(taken: dict[str, Any]) -> dict[str, Any]:
    """The manifest that restores it."""
    kept = {name: value for name, value in taken.items() if name != "status"}
    return {**kept, "metadata": {"name": taken["metadata"]["name"], "labels": taken["metadata"].get("labels", {})}}


@contextmanager
def started_lab(folder: Path) -> Iterator[tuple[Lab, float]]:
    """A lab of its own, and the seconds that its start took. No process of it outlives the tests."""
    lifecycle.build_and_fetch()
    began = time.monotonic()
    lab, _ = lifecycle.start(folder)
    try:
        yield lab, time.monotonic() - began
    finally:
        lifecycle.stop(folder)
    assert Parts(Places.at(folder)).leftovers() == []


@contextmanager
def started_apart(folder: Path, operator_folder: Path) -> Iterator[Apart]:
    """A lab of its own with its operator. Both end with the test."""
    with started_lab(folder) as (lab, _):
        lab.controls.set(**FAST)
        lab.admit_namespaces(NAMESPACE)
        apart = Apart(lab, Operator(lab, operator_folder))
        apart.operator.start()
        yield apart
        assert apart.operator.stop() < 2
        for watch in apart.watches:
            watch.close()
