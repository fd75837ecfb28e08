"""How the finalizer is added to a resource and removed: the requests, and which answers count as done."""

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
    """An API server that keeps the requests that it receives, or refuses them."""

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


def with_finalizers(*finalizers: str) -> Resource:
    return Resource.parse(body(deleting=True, finalizers=finalizers))


async def test_our_finalizer_is_added_beside_those_of_others() -> None:
    """An apply adds to a set, whatever the set contains. With the uid it does not create the object again."""
    server = Server()

    await resources(server).add_finalizer(with_finalizers().key, UID)

    ((method, path, sent),) = server.sent
    assert (method, path) == ("PATCH", PATH)
    assert sent["metadata"] == {"name": "gitlab", "namespace": "gitlab", "uid": UID, "finalizers": [FINALIZER]}


@pytest.mark.parametrize(
    ("finalizers", "others"),
    [([FINALIZER], []), (["a.b/c", FINALIZER, "d.e/f"], ["a.b/c", "d.e/f"])],
    ids=["ours alone", "others too"],
)
async def test_only_our_finalizer_is_removed(finalizers: list[str], others: list[str]) -> None:
    server = Server()

    await resources(server).remove_finalizer(with_finalizers(*finalizers))

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


async def test_a_resource_that_no_longer_exists_counts_as_let_go() -> None:
    await resources(Server(ClusterError(404, "NotFound", "not found"))).remove_finalizer(with_finalizers(FINALIZER))


async def test_a_refusal_is_raised() -> None:
    """For example because somebody added another finalizer."""
    with pytest.raises(ClusterError):
        await resources(Server(ClusterError(422, "Invalid", "test failed"))).remove_finalizer(
            with_finalizers(FINALIZER)
        )
