"""A deletion whose storage account went first. The operator's role went with the account, so Azure only says that it has none."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from gitlab_azure_identity.api.resource import Resource
from gitlab_azure_identity.api.status import Status
from gitlab_azure_identity.azure.errors import AzureError
from gitlab_azure_identity.clock import Clock
from gitlab_azure_identity.domain.clouds import CLOUDS
from gitlab_azure_identity.domain.desired import Defaults
from gitlab_azure_identity.domain.events import Event
from gitlab_azure_identity.domain.goal import Terms
from gitlab_azure_identity.domain.observed import Identity
from gitlab_azure_identity.domain.policy import PolicyRule
from gitlab_azure_identity.domain.roles import STORAGE_BLOB_DATA_CONTRIBUTOR
from gitlab_azure_identity.reconcile.context import Context
from gitlab_azure_identity.reconcile.finalizer import Finalizer
from gitlab_azure_identity.reconcile.issuer import Issuer
from gitlab_azure_identity.reconcile.memory import Memory
from gitlab_azure_identity.reconcile.report import Reporter

from .worlds import DEFAULTS, GROUP, ISSUER, NOW, identity, resource, standing, wanted

WANT, HAVE = wanted(), standing()
(ROLE,) = HAVE.assignments
NO_RIGHT = AzureError("AuthorizationFailed", 403, "The client has no right, or the scope is invalid.")
GONE = AzureError("ResourceNotFound", 404, "The account was not found.")
BUSY = AzureError("SomethingNew", 409, "Not now.")
POLICY = PolicyRule.model_validate({"namespaces": ["gitlab"], "identities": {"resourceGroups": [GROUP]}})
DELETED = resource(
    status={
        "identity": {
            "name": WANT.identity.name,
            "resourceId": str(WANT.identity.id),
            "principalId": identity().principal_id,
            "clientId": identity().client_id,
            "tenantId": identity().tenant_id,
            "origin": "Created",
        },
        "roleAssignments": [
            {
                "name": ROLE.name,
                "role": STORAGE_BLOB_DATA_CONTRIBUTOR.name,
                "scope": str(ROLE.scope),
                "principalId": ROLE.principal_id,
            }
        ],
    },
    deleting=True,
)


@dataclass
class Azure:
    """An Azure without the storage account. `roles` is the answer to every request for its role assignments, and `account` that
    to a read of it."""

    roles: AzureError = NO_RIGHT
    account: AzureError | None = NO_RIGHT
    host: bool = False
    refusal: AzureError | None = None  # of the deletion of the identity
    identity: Identity | None = field(default_factory=identity)

    def stands(self) -> bool:
        return self.identity is not None

    async def list_for(self, place: Any, *_: Any) -> tuple[()]:
        if hasattr(place, "whole_account"):
            raise self.roles
        return ()

    async def delete_role(self, *_: Any) -> None:
        if self.roles is not GONE:
            raise self.roles

    async def known(self, *_: Any) -> bool:
        return self.host

    async def get(self, _: Any, age: float | None = None) -> Identity | None:
        """An identity, or with an age the storage account: it does not exist, or Azure does not say."""
        if age is None:
            return self.identity
        if self.account is not None:
            raise self.account
        return None

    async def listed(self, *_: Any) -> tuple[Identity, ...]:
        return (self.identity,) if self.identity else ()

    async def delete(self, *_: Any) -> None:
        if self.refusal:
            raise self.refusal
        self.identity = None

    def as_seen(self) -> SimpleNamespace:
        return SimpleNamespace(
            identities=SimpleNamespace(get=self.get, list_in=self.listed, delete=self.delete),
            credentials=SimpleNamespace(list_for=self.list_for),
            roles=SimpleNamespace(list_for=self.list_for, delete=self.delete_role),
            accounts=self,
            hosts=self,
        )


class Deletion:
    """The deletion of one resource, and what it reported."""

    def __init__(self, azure: Azure, defaults: Defaults = DEFAULTS) -> None:
        self.azure, self.passed = azure, timedelta()
        self.messages: list[str] = []
        self.events: list[Event] = []
        terms = Terms("lab", CLOUDS["AzurePublic"], defaults, (POLICY,))
        context = SimpleNamespace(
            terms=terms,
            azure=azure.as_seen(),
            kube=SimpleNamespace(objects=SimpleNamespace(get=self._nothing)),
            clock=Clock(now=lambda: NOW + self.passed),
        )
        issuer = SimpleNamespace(of_a_deletion=self._issuer)
        self._finalizer = Finalizer(cast("Context", context), cast("Issuer", issuer), cast("Reporter", self), Memory())

    async def _nothing(self, *_: Any) -> None:
        """No object in the cluster is left."""

    async def _issuer(self, *_: Any) -> str:
        return ISSUER

    async def event(self, _: Resource, event: Event) -> None:
        self.events.append(event)

    async def status(self, one: Resource, status: Status) -> Resource:
        ready = status.condition("Ready")
        assert ready is not None
        self.messages.append(f"{ready.reason}: {ready.message}")
        return replace(one, status=status)

    async def done_after(self, minutes: float, one: Resource = DELETED) -> bool:
        """Try again so many minutes after the start. Whether nothing is left."""
        self.passed = timedelta(minutes=minutes)
        return await self._finalizer.run(one) is None


@pytest.mark.parametrize(
    "azure",
    [Azure(roles=GONE), Azure(account=None), Azure(account=GONE)],
    ids=["the scope is not there", "the account is not there", "its group is not there"],
)
async def test_where_azure_says_that_the_account_does_not_exist_the_deletion_goes_on(azure: Azure) -> None:
    deletion = Deletion(azure)

    assert await deletion.done_after(0)

    assert not azure.stands()
    assert deletion.events == []


async def test_where_azure_says_nothing_it_goes_on_when_the_host_has_been_unknown_for_an_hour() -> None:
    azure = Azure()
    deletion = Deletion(azure)

    assert not await deletion.done_after(0)
    assert not await deletion.done_after(59)
    assert azure.stands()
    assert deletion.messages[-1].startswith(
        "DeletionBlocked: The operator may not read role assignments on storage account"
    )
    assert "No host of that account is known: if it stays so for an hour" in deletion.messages[-1]
    assert deletion.messages[-1].endswith("gitlabazure.io/abandon=true")

    assert await deletion.done_after(60)
    assert not azure.stands()
    (event,) = deletion.events
    assert (event.kind, event.reason) == ("Warning", "LeftBehind")
    assert event.message.startswith(f"Role assignment {ROLE.name} on storage account gitlabstore counts as deleted")


async def test_a_host_that_is_known_meanwhile_starts_the_hour_anew() -> None:
    azure = Azure()
    deletion = Deletion(azure)
    for minutes, host in ((0, False), (50, True), (55, False), (100, False)):
        azure.host = host
        assert not await deletion.done_after(minutes)

    assert azure.stands()
    assert await deletion.done_after(115)


async def test_an_account_with_a_host_keeps_the_deletion_waiting() -> None:
    deletion = Deletion(Azure(host=True))

    assert not await deletion.done_after(0)
    assert not await deletion.done_after(600)
    assert "No host" not in deletion.messages[-1]


async def test_what_a_deletion_waits_for_is_a_persons_task_in_the_end() -> None:
    """With the way out: otherwise the resource would wait for ever."""
    deletion = Deletion(Azure(roles=GONE, refusal=BUSY))

    assert not await deletion.done_after(0)
    assert not await deletion.done_after(9)
    assert deletion.messages[-1].startswith("OperationInProgress: ")
    assert not await deletion.done_after(11)
    assert deletion.messages[-1].startswith("DeletionBlocked: For 10 minutes Azure could not delete managed identity")
    assert deletion.messages[-1].endswith("gitlabazure.io/abandon=true")


async def test_a_resource_that_never_said_where_its_identity_belongs_is_let_go() -> None:
    """The settings have no default for it either, so no pass can have created anything."""
    azure = Azure()

    assert await Deletion(azure, Defaults()).done_after(0, resource(deleting=True))
    assert azure.stands()


async def test_a_record_without_the_place_of_the_identity_keeps_the_deletion_waiting() -> None:
    """Something was created: a person must say where, before it is lost from sight."""
    deletion = Deletion(Azure(), Defaults())
    recorded = resource(status={"identity": {"name": WANT.identity.name}}, deleting=True)

    assert not await deletion.done_after(0, recorded)
    (message,) = deletion.messages
    assert message.startswith("DeletionBlocked: spec.azure.subscriptionId is not set and the operator has no default")
    assert message.endswith("gitlabazure.io/abandon=true")
