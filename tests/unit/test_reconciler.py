"""A pass of which the API server takes no record: nothing may be created that the status does not name."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from gitlab_azure_identity.api.resource import Key
from gitlab_azure_identity.clock import Clock
from gitlab_azure_identity.domain.clouds import CLOUDS
from gitlab_azure_identity.domain.findings import Outlook
from gitlab_azure_identity.domain.goal import Terms
from gitlab_azure_identity.domain.policy import PolicyRule
from gitlab_azure_identity.kube.client import ClusterError
from gitlab_azure_identity.reconcile import workloads
from gitlab_azure_identity.reconcile.context import Context
from gitlab_azure_identity.reconcile.issuer import Issuer
from gitlab_azure_identity.reconcile.memory import Memory, ObjectMemory
from gitlab_azure_identity.reconcile.reconciler import Reconciler
from gitlab_azure_identity.reconcile.report import Reporter
from gitlab_azure_identity.reconcile.workloads import Workloads

from .test_workloads import WANT
from .worlds import ACCOUNT, DEFAULTS, GROUP, ISSUER, NOW, STORAGE, resource

KEY, UID = Key("gitlab", "gitlab"), "uid-of-gitlab-gitlab"
POLICY = PolicyRule.model_validate(
    {"namespaces": ["gitlab"], "identities": {"resourceGroups": [GROUP]}, "storage": [{"account": f"{STORAGE}/*"}]}
)


class Empty:
    """Azure and a cluster in which nothing exists but the storage account. The API server refuses every status. A request that
    would create something is an AttributeError: there is no such method."""

    def __init__(self, refusal: ClusterError) -> None:
        self.refusal, self.statuses_sent = refusal, 0
        self.events: list[str] = []
        pods = SimpleNamespace(list=self._unlisted)
        kube = SimpleNamespace(
            resources=self, events=self, objects=SimpleNamespace(get=self._none), pods=pods, deployments=None
        )
        context = SimpleNamespace(
            terms=Terms("lab", CLOUDS["AzurePublic"], DEFAULTS, (POLICY,)),
            azure=SimpleNamespace(
                identities=SimpleNamespace(get=self._none, list_in=self._nothing),
                accounts=SimpleNamespace(get=self._account),
                roles=SimpleNamespace(list_for=self._nothing),
            ),
            kube=kube,
            clock=Clock(now=lambda: NOW),
            issuer=ISSUER,
            propagation_limit=2400.0,
        )
        known = cast("Context", context)
        report = Reporter(cast("Any", kube))
        self.workloads = Workloads(known, report)
        self.reconciler = Reconciler(known, Issuer(cast("Any", _issuer_only(ISSUER))), report, Memory(), self.workloads)

    async def _none(self, *_: Any) -> None:
        """It does not exist."""

    async def _unlisted(self, *_: Any) -> None:
        raise ClusterError(503, "ServiceUnavailable", "not now")

    async def _nothing(self, *_: Any) -> tuple[()]:
        return ()

    async def _account(self, *_: Any, **__: Any) -> Any:
        return ACCOUNT

    async def write_status(self, *_: Any) -> None:
        self.statuses_sent += 1
        raise self.refusal

    async def post(self, _key: Key, _uid: str, event: Any) -> None:
        self.events.append(event.reason)


def _issuer_only(issuer: str) -> SimpleNamespace:
    return SimpleNamespace(issuer=issuer, kube=SimpleNamespace(tokens=None), clock=Clock())


@pytest.mark.parametrize(
    "refusal",
    [
        ClusterError(503, "ServiceUnavailable", "etcd has no leader"),
        ClusterError(0, "TimeoutError", "no answer in time"),
        ClusterError(403, "Forbidden", "may not patch gitlabazureidentities/status"),
    ],
)
async def test_what_cannot_be_recorded_is_not_created(refusal: ClusterError) -> None:
    """After a crash nobody would know of it. The pass is tried again."""
    world = Empty(refusal)

    outcome = await world.reconciler.run(resource(), ObjectMemory(KEY, UID))
    world.workloads.clear()

    (first, *_) = outcome.findings
    assert outcome.outlook is Outlook.TRANSIENT
    assert first.reason == "ClusterUnavailable"
    assert first.message.startswith("The status could not be written, and nothing is created that it does not record.")
    assert world.statuses_sent == 2  # the record, and then why there is none


async def test_the_pods_of_a_suspended_resource_are_followed_no_longer() -> None:
    """Its status says that nothing is looked at."""
    world, memory = Empty(ClusterError(503, "ServiceUnavailable", "not now")), ObjectMemory(KEY, UID)
    await world.reconciler.run(resource(), memory)
    assert len(world.workloads._releases._followed) == 1

    await world.reconciler.run(resource({"suspend": True}), memory)

    assert world.workloads._releases._followed == {}


async def test_a_suspension_that_cannot_be_told_is_tried_again() -> None:
    world = Empty(ClusterError(503, "ServiceUnavailable", "not now"))

    outcome = await world.reconciler.run(resource({"suspend": True}), ObjectMemory(KEY, UID))

    assert outcome.outlook is Outlook.TRANSIENT


async def test_what_is_news_of_pods_and_cannot_be_told_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """No other pod may be news for hours."""
    monkeypatch.setattr(workloads, "SETTLING", 0.001)
    monkeypatch.setattr(workloads, "RETRY", 0.001)
    world = Empty(ClusterError(503, "ServiceUnavailable", "not now"))
    world.workloads._releases = cast("Any", SimpleNamespace(known=lambda _release: ()))
    memory = ObjectMemory(KEY, UID, carried=WANT, resource=resource())

    await world.workloads.judge_again(memory)

    async with asyncio.timeout(1):
        await memory.pods.wait()
    assert world.statuses_sent == 1
