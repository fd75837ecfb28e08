"""The checks between passes: what they ask the API server, and what wakes the loop. They send no request to Azure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from gitlab_azure_identity.api.resource import Key
from gitlab_azure_identity.clock import Clock
from gitlab_azure_identity.domain.changes import ApplyObject
from gitlab_azure_identity.domain.clouds import CLOUDS
from gitlab_azure_identity.domain.expected import FIGHT, UNREADABLE, Expected
from gitlab_azure_identity.domain.goal import Terms
from gitlab_azure_identity.domain.observed import ClusterObject, Observation
from gitlab_azure_identity.domain.ownership import Owner
from gitlab_azure_identity.domain.plan import plan
from gitlab_azure_identity.domain.policy import PolicyRule
from gitlab_azure_identity.domain.status import after_pass
from gitlab_azure_identity.kube.budget import Budget
from gitlab_azure_identity.kube.client import ClusterError
from gitlab_azure_identity.reconcile.checks import Checks
from gitlab_azure_identity.reconcile.context import Context
from gitlab_azure_identity.reconcile.issuer import Issuer
from gitlab_azure_identity.reconcile.memory import ObjectMemory

from .worlds import DEFAULTS, GROUP, ISSUER, NOW, STORAGE, body, goal, resource, standing

UID = "uid-of-gitlab-gitlab"
SECRET = ("Secret", "gitlab-registry-storage")
POLICY = PolicyRule.model_validate(
    {
        "namespaces": ["gitlab"],
        "identities": {"resource_groups": [GROUP]},
        "storage": [{"account": f"{STORAGE}/*"}],
    }
)
NOT_ALLOWED = ClusterError(403, "Forbidden", "secrets is forbidden")
BUSY = ClusterError(503, "ServiceUnavailable", "etcd has no leader")


class Cluster:
    """The API server: objects of a Ready resource, and the requests for them."""

    def __init__(self) -> None:
        self.objects = dict(standing().objects)
        self.refusals: dict[tuple[str, str], ClusterError] = {}
        self.refuses_writes: ClusterError | None = NOT_ALLOWED
        self.refuses_tokens: ClusterError | None = NOT_ALLOWED
        self.asked: list[str] = []
        status = after_pass(resource(), goal(), standing(), [], [], Observation(standing()), NOW)
        self.resource: dict[str, Any] | None = body(status=status.model_dump(by_alias=True, exclude_none=True))

    def change(self, key: tuple[str, str], **fields: Any) -> None:
        """Somebody changes an object, which gets another version."""
        self.objects[key] = replace(self.objects[key], resource_version="2", **fields)

    async def version(self, _namespace: str, kind: str, name: str) -> tuple[str, str] | None:
        self.asked.append("version")
        found = self._found(kind, name)
        return (found.uid, found.resource_version) if found else None

    async def get(self, *asked: Any) -> Any:
        if isinstance(asked[0], Key):
            self.asked.append("resource")
            return self.resource
        self.asked.append("object")
        return self._found(*asked[1:])

    def _found(self, kind: str, name: str) -> ClusterObject | None:
        if refusal := self.refusals.get((kind, name)):
            raise refusal
        return self.objects.get((kind, name))

    async def apply_object(self, _owner: Owner, change: ApplyObject) -> ClusterObject:
        self.asked.append("dry run")
        if self.refuses_writes:
            raise self.refuses_writes
        return standing().objects[change.kind, change.name]

    async def token(self, *_: str) -> str:
        self.asked.append("token")
        if self.refuses_tokens:
            raise self.refuses_tokens
        return "token"


class Watched:
    """A resource after its pass, and checks of it."""

    def __init__(self, **trouble: Any) -> None:
        self.cluster = Cluster()
        kube = SimpleNamespace(
            resources=self.cluster,
            objects=self.cluster,
            tokens=self.cluster,
            rehearsal=SimpleNamespace(objects=self.cluster),
            budget=Budget(10_000.0, lambda: 0),
        )
        terms = Terms("lab", CLOUDS["AzurePublic"], DEFAULTS, (POLICY,))
        context = cast("Context", SimpleNamespace(kube=kube, azure=None, terms=terms, clock=Clock(), issuer=ISSUER))
        self.checks = Checks(context, Issuer(context), 30.0)
        self.memory = ObjectMemory(Key("gitlab", "gitlab"), UID)
        versions = {key: (found.uid, found.resource_version) for key, found in self.cluster.objects.items()}
        self.memory.expected = Expected(versions, **trouble)

    async def check(self) -> bool:
        """Whether a check wakes the loop."""
        self.memory.wake.clear()
        self.cluster.asked.clear()
        await self.checks.check(self.memory)
        return self.memory.wake.is_set()


async def test_while_nothing_changes_only_versions_are_read() -> None:
    watched = Watched()

    assert not await watched.check()
    assert watched.cluster.asked == ["version"] * 5


@pytest.mark.parametrize(
    ("key", "fields"),
    [
        (SECRET, {"data": {"config": "filesystem: {}"}}),
        (("ConfigMap", "gitlab-gitlab-values"), {"data": {}}),
        (("ServiceAccount", "gitlab"), {"annotations": {}}),
    ],
)
async def test_an_edit_that_a_pass_would_revert_starts_one(key: tuple[str, str], fields: Mapping[str, Any]) -> None:
    watched = Watched()
    watched.cluster.change(key, **fields)

    assert await watched.check()


async def test_a_deleted_object_starts_a_pass() -> None:
    watched = Watched()
    del watched.cluster.objects[SECRET]

    assert await watched.check()


async def test_another_edit_is_looked_at_once() -> None:
    watched = Watched()
    watched.cluster.change(SECRET, annotations={"example.com/note": "hello"})

    assert not await watched.check()
    assert watched.cluster.asked == ["version"] * 5 + ["resource"] + ["object"] * 5
    assert not await watched.check()
    assert watched.cluster.asked == ["version"] * 5


async def test_in_trouble_any_change_starts_a_pass() -> None:
    """For example a service account of somebody else that appears, or an object that is handed over."""
    watched = Watched(troubled=True)
    assert not await watched.check()

    watched.cluster.change(SECRET, annotations={"gitlabazure.io/adopt-by": "gitlab"})

    assert await watched.check()


async def test_an_object_that_can_no_longer_be_read_starts_a_pass_and_so_does_one_that_can_be_again() -> None:
    watched = Watched()
    watched.cluster.refusals[SECRET] = NOT_ALLOWED
    assert await watched.check()  # the pass tells it

    assert watched.memory.expected is not None
    versions = {**watched.memory.expected.versions, SECRET: UNREADABLE}
    watched.memory.expected = Expected(versions, troubled=True)
    assert not await watched.check()
    watched.cluster.refusals.clear()
    assert await watched.check()


@pytest.mark.parametrize("step", ["version", "object"])
async def test_a_check_without_an_answer_tells_nothing(step: str) -> None:
    watched = Watched()
    watched.cluster.change(SECRET, data={})
    watched.cluster.refusals[SECRET] = BUSY
    if step == "object":
        watched.cluster.version = _another_version  # type: ignore[assignment, method-assign]

    assert not await watched.check()
    watched.cluster.refusals.clear()
    assert await watched.check()


async def _another_version(*_: str) -> tuple[str, str]:
    return "uid", "2"


async def test_a_change_that_was_refused_is_tried_as_a_dry_run() -> None:
    """Nothing else shows that a right was granted, a quota raised, or a webhook changed."""
    watched = Watched(troubled=True, pending=True)
    watched.cluster.objects[SECRET] = replace(watched.cluster.objects[SECRET], data={})

    assert not await watched.check()
    assert watched.cluster.asked.count("dry run") == 1
    watched.cluster.refuses_writes = None
    assert await watched.check()


async def test_a_change_that_somebody_reverts_is_not_tried() -> None:
    broken = replace(standing().objects[SECRET], data={})
    (change,) = plan(goal(), standing().with_object(broken))
    watched = Watched(troubled=True, pending=True, reverted=(change,))
    watched.cluster.objects[SECRET] = broken
    watched.cluster.refuses_writes = None

    assert not await watched.check()
    assert "dry run" not in watched.cluster.asked


async def test_a_right_to_create_tokens_that_was_missing_starts_a_pass() -> None:
    watched = Watched(no_token=True)

    assert not await watched.check()
    watched.cluster.refuses_tokens = None
    assert await watched.check()


@pytest.mark.parametrize("found", [None, body(name="gitlab") | {"metadata": body()["metadata"] | {"uid": "another"}}])
async def test_nothing_is_done_for_a_resource_that_is_gone(found: dict[str, Any] | None) -> None:
    watched = Watched()
    del watched.cluster.objects[SECRET]
    watched.cluster.resource = found

    assert not await watched.check()


async def test_before_a_pass_has_ended_nothing_is_asked() -> None:
    watched = Watched()
    watched.memory.expected = None

    assert not await watched.check()
    assert watched.cluster.asked == []
    assert watched.checks.interval(watched.memory) == float("inf")


def test_in_a_deletion_nothing_is_checked() -> None:
    """Its objects are removed, and that is no news."""
    watched = Watched()
    watched.memory.notice((), deleting=True)

    assert watched.checks.interval(watched.memory) == float("inf")


async def test_checks_that_find_something_again_and_again_become_rare() -> None:
    watched = Watched()
    del watched.cluster.objects[SECRET]
    for _ in range(FIGHT + 1):
        assert watched.checks.interval(watched.memory) == 30.0
        assert await watched.check()
    assert watched.checks.interval(watched.memory) == 60.0

    watched.cluster.objects[SECRET] = standing().objects[SECRET]
    assert not await watched.check()

    assert watched.checks.interval(watched.memory) == 30.0
