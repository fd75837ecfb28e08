"""How a resource is held, and let go: what is sent, and what counts as done."""

from __future__ import annotations

from typing import Any, cast

import pytest

from gitlab_azure_identity.api import FINALIZER
from gitlab_azure_identity.api.resource import Resource
from gitlab_azure_identity.kube.client import Cluster, ClusterError
from gitlab_azure_identity.kube.resources import Resources

from .worlds import body

PATH = "/apis/gitlabazure.io/v1alpha1/namespaces/gitlab/gitlabazureidentities/gitlab"
UID = "uid-of-gitlab-gitlab"


class Server:
    """An API server that keeps what it is sent, or refuses it."""

    def __init__(self, refusal: ClusterError | None = None) -> None:
        self.refusal = refusal
        self.sent: list[tuple[str, str, Any]] = []

    async def request(self, method: str, path: str, sent: Any, **_: Any) -> dict[str, Any]:
        if self.refusal:
            raise self.refusal
        self.sent.append((method, path, sent))
        return {}


def resources(server: Server) -> Resources:
    return Resources(cast("Cluster", server))


def held(*finalizers: str) -> Resource:
    return Resource.parse(body(deleting=True, finalizers=finalizers))


async def test_it_is_held_beside_the_finalizers_of_others() -> None:
    """An apply adds to a set, whatever is in it; with the uid it makes nothing anew."""
    server = Server()

    await resources(server).add_finalizer(held().key, UID)

    ((method, path, sent),) = server.sent
    assert (method, path) == ("PATCH", PATH)
    assert sent["metadata"] == {"name": "gitlab", "namespace": "gitlab", "uid": UID, "finalizers": [FINALIZER]}


@pytest.mark.parametrize(
    ("finalizers", "others"),
    [([FINALIZER], []), (["a.b/c", FINALIZER, "d.e/f"], ["a.b/c", "d.e/f"])],
    ids=["ours alone", "others too"],
)
async def test_it_is_let_go_by_our_finalizer_alone(finalizers: list[str], others: list[str]) -> None:
    server = Server()

    await resources(server).remove_finalizer(held(*finalizers))

    assert server.sent == [
        (
            "PATCH",
            PATH,
            [
                {"op": "test", "path": "/metadata/uid", "value": UID},
                {"op": "test", "path": "/metadata/finalizers", "value": finalizers},
                {"op": "replace", "path": "/metadata/finalizers", "value": others},
            ],
        )
    ]


async def test_what_is_gone_is_let_go() -> None:
    await resources(Server(ClusterError(404, "NotFound", "not found"))).remove_finalizer(held(FINALIZER))


async def test_a_refusal_is_raised() -> None:
    """As when somebody put another finalizer on it."""
    with pytest.raises(ClusterError):
        await resources(Server(ClusterError(422, "Invalid", "test failed"))).remove_finalizer(held(FINALIZER))
