"""One read of a storage account serves all resources that use it, and nobody is served what is another's trouble."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from gitlab_azure_identity.azure.errors import AzureError
from gitlab_azure_identity.azure.storage import REMEMBERED, StorageAccounts
from gitlab_azure_identity.domain.arm_ids import StorageScope

from .worlds import SUBSCRIPTION

if TYPE_CHECKING:
    from gitlab_azure_identity.azure.clients import Clients

STORE, OTHER = (StorageScope(SUBSCRIPTION, "rg-storage", name) for name in ("gitlabstore", "other"))
BUSY = AzureError("ServerBusy", 503, "Try later.")
ABSENT = AzureError("ResourceNotFound", 404, "It was not found.")


@dataclass
class Azure:
    """A Resource Manager that answers when `open` is set: with the account, or with `error`."""

    error: AzureError | None = None
    asked: list[str] = field(default_factory=list)
    open: asyncio.Event = field(default_factory=asyncio.Event)
    began: asyncio.Event = field(default_factory=asyncio.Event)
    now: float = 1000.0

    def __post_init__(self) -> None:
        self.open.set()
        clients = SimpleNamespace(cloud=SimpleNamespace(arm_endpoint=""), plain=self)
        clock = SimpleNamespace(steady=lambda: self.now)
        self.accounts = StorageAccounts(cast("Clients", clients), cast("Any", clock))

    async def send_request(self, request: Any) -> Any:
        self.asked.append(request.url)
        self.began.set()
        await self.open.wait()
        if self.error:
            raise self.error
        return SimpleNamespace(raise_for_status=lambda: None, json=lambda: {"kind": "StorageV2", "properties": {}})


async def test_whoever_asks_at_the_same_time_shares_one_read() -> None:
    azure = Azure()

    first, second = await asyncio.gather(azure.accounts.get(STORE, age=0), azure.accounts.get(STORE, age=0))

    assert first is second
    assert len(azure.asked) == 1


@pytest.mark.parametrize(("later", "reads"), [(3600.0, 1), (3601.0, 2)])
async def test_an_answer_serves_until_it_is_too_old(later: float, reads: int) -> None:
    azure = Azure()
    await azure.accounts.get(STORE, age=3600)

    azure.now += later
    await azure.accounts.get(STORE, age=3600)

    assert len(azure.asked) == reads


async def test_each_account_has_an_answer_of_its_own() -> None:
    azure = Azure()

    await azure.accounts.get(STORE, age=3600)
    await azure.accounts.get(OTHER, age=3600)

    assert len(azure.asked) == 2


async def test_an_error_serves_only_those_who_asked_at_that_moment() -> None:
    azure = Azure(error=BUSY)
    answers = await asyncio.gather(*(azure.accounts.get(STORE, age=3600) for _ in range(2)), return_exceptions=True)
    assert answers == [BUSY, BUSY]
    assert len(azure.asked) == 1

    azure.error = None

    assert await azure.accounts.get(STORE, age=3600) is not None


async def test_an_account_that_does_not_exist_is_looked_for_each_time() -> None:
    """A person may be creating it."""
    azure = Azure(error=ABSENT)
    assert await azure.accounts.get(STORE, age=3600) is None

    azure.error = None

    assert await azure.accounts.get(STORE, age=3600) is not None


async def test_the_read_of_a_pass_that_was_cancelled_serves_the_others() -> None:
    azure = Azure()
    azure.open.clear()
    first, second = (asyncio.ensure_future(azure.accounts.get(STORE, age=0)) for _ in range(2))
    await azure.began.wait()

    first.cancel()
    azure.open.set()

    assert await second is not None
    assert len(azure.asked) == 1


async def test_only_so_many_accounts_are_remembered() -> None:
    """Anybody may name one in a resource."""
    azure = Azure()
    for number in range(REMEMBERED + 1):
        await azure.accounts.get(StorageScope(SUBSCRIPTION, "rg", f"store{number}"), age=3600)

    assert len(azure.accounts._reads) == REMEMBERED
