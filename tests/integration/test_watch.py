"""The API server lists our resources no more: their definition is gone, or the operator's right to it. In a lab of its own, since
no other test could stand it."""

import urllib.error
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from lab import lifecycle
from lab.running import Lab

from .behind import until
from .conftest import FAST
from .operating import Operator
from .resources import GitLab
from .watching import Object, Watch

DEFINITION = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/gitlabazureidentities.gitlabazure.io"
BINDING = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/gitlab-azure-identity"
NAMESPACE = "t-apart"


@dataclass
class Apart:
    """A lab of its own, and an operator in it."""

    lab: Lab
    operator: Operator
    watches: list[Watch] = field(default_factory=list)

    def gitlab(self) -> GitLab:
        """A resource, followed by a watch that knows the definition as it is now."""
        self.watches.append(Watch(self.lab))
        return GitLab(self.lab, self.watches[-1], NAMESPACE)

    def ready(self) -> bool:
        """What the operator's readiness probe says."""
        try:
            return self.operator.get("/readyz") == "ok\n"
        except urllib.error.HTTPError:
            return False

    @contextmanager
    def without(self, path: str) -> Iterator[None]:
        """An object is deleted, and put back."""
        taken = self.lab.api.get(path)
        self.lab.api.delete(path)
        yield
        self.lab.apply([again(taken)])

    def troubles(self) -> list[Object]:
        """Entries of the log that a person would take for a crash."""
        return [entry for entry in self.operator.entries() if "exception" in entry or entry["severity"] == "critical"]


def again(taken: dict[str, Any]) -> dict[str, Any]:
    """What somebody would apply to have it back."""
    kept = {name: value for name, value in taken.items() if name != "status"}
    return {**kept, "metadata": {"name": taken["metadata"]["name"], "labels": taken["metadata"].get("labels", {})}}


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Apart]:
    folder = tmp_path_factory.mktemp("apart")
    lifecycle.build_and_fetch()
    lab, _ = lifecycle.start(folder)
    try:
        lab.controls.set(**FAST)
        lab.admit_namespaces(NAMESPACE)
        apart = Apart(lab, Operator(lab, tmp_path_factory.mktemp("operator-apart")))
        apart.operator.start()
        yield apart
        assert apart.operator.stop() < 2
        for watch in apart.watches:
            watch.close()
    finally:
        lifecycle.stop(folder)


def test_without_their_definition_it_waits_and_goes_on_with_it(apart: Apart) -> None:
    """With the definition go the resources, each of them cleaned up."""
    gitlab = apart.gitlab().apply()
    gitlab.ready()
    pid = apart.operator.pid

    with apart.without(DEFINITION):
        until(lambda: not apart.ready(), "not ready")
        assert gitlab.identities() == []
        assert "gitlab_azure_identity_ready{" not in apart.operator.get("/metrics")
        assert apart.operator.get("/healthz").startswith("ok")

    until(apart.ready, "ready")
    gitlab = apart.gitlab().apply()
    gitlab.ready()
    gitlab.delete()
    assert apart.operator.pid == pid
    assert apart.operator.running
    assert apart.troubles() == []


def end_watches(apart: Apart, name: str) -> None:
    """The API server ends every watch of a definition that changes."""
    apart.lab.api.patch(DEFINITION, {"spec": {"names": {"shortNames": ["gai", name]}}})


def test_without_its_rights_it_waits_and_goes_on_with_them(apart: Apart) -> None:
    """What changed meanwhile is not missed."""
    gitlab = apart.gitlab().apply()
    gitlab.ready()

    with apart.without(BINDING):
        end_watches(apart, "one")
        until(lambda: not apart.ready(), "not ready")
        gitlab.ask_to_delete()

    until(apart.ready, "ready")
    gitlab = apart.gitlab()
    until(lambda: not gitlab.exists("gai", "gitlab"), "the resource was cleaned up, and let go")
    assert gitlab.identities() == []
    assert apart.operator.running
    assert apart.troubles() == []


def test_asked_to_end_while_it_waits_it_ends_at_once(apart: Apart) -> None:
    with apart.without(BINDING):
        end_watches(apart, "another")
        until(lambda: not apart.ready(), "not ready")

        assert apart.operator.stop() < 1

    apart.operator.start()
