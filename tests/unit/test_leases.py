"""What is written into the Lease."""

from typing import Any

from gitlab_azure_identity.clock import SYSTEM
from gitlab_azure_identity.kube.client import Json
from gitlab_azure_identity.kube.leases import Lease, Leases


class Cluster:
    """An API server that keeps what is written."""

    async def request(self, method: str, path: str, body: Json, **_: Any) -> Json:
        return {**body, "metadata": {"resourceVersion": "8"}}


async def taken(former: Lease | None) -> Lease:
    return await Leases(Cluster(), "operators", "operator").take(former, "one", 15, SYSTEM.now())  # type: ignore[arg-type]


async def test_a_holder_that_follows_another_is_counted() -> None:
    assert await taken(None) == Lease("8", "one", 15, 0)
    assert await taken(Lease("7", "two", 15, 3)) == Lease("8", "one", 15, 4)


async def test_a_number_that_cannot_grow_keeps_nobody_from_the_lease() -> None:
    """The API server refused 2147483648, so nobody could lead any more."""
    assert (await taken(Lease("7", "two", 15, 2**31 - 1))).transitions == 2**31 - 1
