"""Requests to Resource Manager, and what is remembered between them: whose an identity is, and clients."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from gitlab_azure_identity.azure import clients as azure_clients
from gitlab_azure_identity.azure.clients import Clients
from gitlab_azure_identity.azure.errors import AzureError
from gitlab_azure_identity.azure.identities import Identities
from gitlab_azure_identity.azure.roles import RoleAssignments
from gitlab_azure_identity.clock import Clock
from lab.azure.certificates import Certificates
from tests.unit.worlds import GROUP, PRINCIPAL, STORAGE, SUBSCRIPTION, identity, wanted

from .test_refusals import Answers, connected

pytestmark = pytest.mark.usefixtures("in_a_pod")

WANT, IDENTITY = wanted(), identity()
OTHER = wanted(name="other").owner
ACCOUNT = WANT.storage.scope


class ResourceManager:
    """Azure, which gives one answer to every request, and a way to it."""

    def __init__(self, server: Answers, clients: Clients) -> None:
        self._server, self.clients = server, clients

    def answers(self, body: Any) -> None:
        self._server.headers, self._server.body = {"Content-Type": "application/json"}, json.dumps(body).encode()

    @property
    def asked(self) -> list[str]:
        return self._server.paths


@pytest.fixture
async def azure(authority: Certificates) -> AsyncIterator[ResourceManager]:
    async with connected(authority) as (server, requests):
        yield ResourceManager(server, requests.clients)


def identity_of(tags: dict[str, str]) -> dict[str, Any]:
    properties = {"clientId": IDENTITY.client_id, "principalId": PRINCIPAL, "tenantId": IDENTITY.tenant_id}
    return {
        "id": IDENTITY.resource_id,
        "name": IDENTITY.name,
        "location": "westeurope",
        "tags": tags,
        "properties": properties,
    }


async def test_an_identity_that_another_resource_has_just_written_is_neither_replaced_nor_deleted(
    azure: ResourceManager,
) -> None:
    """Azure would do both: its PUT creates or replaces, and no read shows the new owner yet. No request is sent."""
    identities = Identities(azure.clients, Clock())
    azure.answers(identity_of(WANT.owner.tags))
    await identities.put(WANT.identity, WANT.owner.tags, "westeurope")
    sent = len(azure.asked)

    with pytest.raises(AzureError, match="Another resource is creating an identity of this name") as written:
        await identities.put(WANT.identity, OTHER.tags, "westeurope")
    with pytest.raises(AzureError, match="Another resource has just written an identity of this name") as deleted:
        await identities.delete(WANT.identity.id, OTHER)

    assert (written.value.code, deleted.value.code) == ("Conflict", "Conflict")
    assert len(azure.asked) == sent


async def test_clients_of_fifty_subscriptions_are_kept_and_any_other_is_asked_too(azure: ResourceManager) -> None:
    """Anybody may name a subscription in a resource. The oldest client goes, and comes back when it is needed."""
    identities = Identities(azure.clients, Clock())
    azure.answers(identity_of({}))
    subscriptions = [f"{number:08}-0000-4000-8000-000000000000" for number in range(azure_clients.SUBSCRIPTIONS + 1)]
    first = azure.clients.msi(subscriptions[0])

    for subscription in (*subscriptions, subscriptions[0]):
        assert await identities.get(replace(IDENTITY.id, subscription=subscription)) is not None

    assert [path.split("/")[2] for path in azure.asked] == [*subscriptions, subscriptions[0]]
    assert azure.clients.msi(subscriptions[0]) is not first
    assert azure.clients.msi(subscriptions[-1]) is azure.clients.msi(subscriptions[-1])


async def test_assignments_above_a_storage_account_are_left_out(azure: ResourceManager) -> None:
    """The filter `principalId eq` finds those of the subscription and of the resource group too."""
    scopes = [
        f"/subscriptions/{SUBSCRIPTION}",
        GROUP,
        f"{STORAGE}/gitlabstore",
        f"{STORAGE}/gitlabstore/blobServices/default/containers/registry",
    ]
    role = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{PRINCIPAL}"
    azure.answers(
        {
            "value": [
                {
                    "name": str(number),
                    "id": str(number),
                    "properties": {"scope": scope, "principalId": PRINCIPAL, "roleDefinitionId": role},
                }
                for number, scope in enumerate(scopes)
            ]
        }
    )

    found = await RoleAssignments(azure.clients).list_for(ACCOUNT, PRINCIPAL)

    assert [(one.name, one.scope.container) for one in found] == [("2", None), ("3", "registry")]
