"""The pod that proves access exists no longer than it is looked at, whatever happens."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from gitlab_azure_identity.cli.as_pod import existing
from gitlab_azure_identity.kube.client import ClusterError
from gitlab_azure_identity.kube.proof_pods import ProofPods

POD = {"metadata": {"name": "gai-doctor-x", "uid": "u"}}
REFUSED = ClusterError(403, "Forbidden", "may not")


class Pods:
    """Pods of an API server that answers a creation when the test says."""

    def __init__(self, refusal: ClusterError | None = None, refused_deletion: ClusterError | None = None) -> None:
        self.refusal, self.refused_deletion = refusal, refused_deletion
        self.asked, self.answer = asyncio.Event(), asyncio.Event()
        self.deleted: list[Any] = []

    async def create(self, _manifest: Any) -> Any:
        self.asked.set()
        await self.answer.wait()
        if self.refusal:
            raise self.refusal
        return POD

    async def delete(self, pod: Any) -> None:
        if self.refused_deletion:
            raise self.refused_deletion
        self.deleted.append(pod)


async def look(pods: Pods) -> None:
    async with existing(cast("ProofPods", pods), {}):
        await asyncio.Event().wait()


async def test_ctrl_c_before_the_api_server_has_answered_deletes_the_pod_too() -> None:
    pods = Pods()
    looking = asyncio.ensure_future(look(pods))
    await pods.asked.wait()
    looking.cancel()
    await asyncio.sleep(0)
    pods.answer.set()

    with pytest.raises(asyncio.CancelledError):
        await looking
    assert pods.deleted == [POD]


async def test_a_pod_that_is_not_created_is_not_deleted() -> None:
    pods = Pods(REFUSED)
    pods.answer.set()

    with pytest.raises(ClusterError, match="Forbidden"):
        await look(pods)
    assert pods.deleted == []


async def test_a_pod_that_cannot_be_deleted_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    pods = Pods(refused_deletion=REFUSED)
    pods.answer.set()

    async with existing(cast("ProofPods", pods), {}):
        pass

    assert capsys.readouterr().err == "Pod gai-doctor-x could not be deleted: may not. It ends by itself. Delete it.\n"
