"""The part of the control API that changes the world: what lies in Azure, and what its administrators have set up."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from aiohttp import web

from lab.azure.denials import DenyAssignment, Lock, Policy
from lab.azure.entra.issuers import Issuers
from lab.azure.resource_manager.account_properties import as_json, set_kind, set_properties
from lab.azure.state import AzureState, Identity, new_guid
from lab.azure.subscriptions import DISABLED, ENABLED, Subscription

Change = Callable[[dict[str, Any]], object]


def world_routes(state: AzureState, issuers: Issuers) -> Iterable[web.RouteDef]:
    """A POST to each path changes the world as the JSON in its body says."""
    world = World(state, issuers)
    changes: dict[str, Change] = {
        "/world/account": world.change_account,
        "/world/lock": world.put_lock,
        "/world/lock/remove": world.remove_lock,
        "/world/deny-assignment": world.deny,
        "/world/policy": world.put_policy,
        "/world/subscription": world.put_subscription,
        "/world/unregister": world.unregister,
        "/world/group": world.begin_deletion,
        "/world/tenant": world.put_tenant,
        "/world/identity": world.move_identity,
        "/world/issuer/break": world.break_issuer,
        "/world/issuer/mend": world.mend_issuer,
        "/world/restore": world.restore,
    }
    for path, change in changes.items():
        yield web.post(path, _handler(change))


def _handler(change: Change) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handle(request: web.Request) -> web.StreamResponse:
        return web.json_response(change(await request.json()) or {})

    return handle


class World:
    """Each method raises ValueError, TypeError or KeyError where the change makes no sense."""

    def __init__(self, state: AzureState, issuers: Issuers) -> None:
        self._state = state
        self._issuers = issuers

    def restore(self, _: dict[str, Any]) -> None:
        self._state.restore()
        self._issuers.restore()

    def change_account(self, sent: dict[str, Any]) -> object:
        account = self._state.account_to_change(sent["name"])
        set_kind(account, sent["kind"] or account.kind)
        set_properties(account, sent["properties"])
        account.dns_zone = sent["dns_zone"] or account.dns_zone
        return as_json(account)

    # What denies

    def put_lock(self, sent: dict[str, Any]) -> object:
        lock = Lock(**sent)
        self._state.denials.put_lock(lock)
        return {"id": lock.id}

    def remove_lock(self, sent: dict[str, Any]) -> None:
        lock = self._state.denials.locks.get(sent["id"].casefold())
        if lock is None:
            raise ValueError(f"There is no lock {sent['id']!r}.")
        self._state.denials.remove_lock(lock)

    def deny(self, sent: dict[str, Any]) -> object:
        lists = {key: tuple(value) for key, value in sent.items() if isinstance(value, list)}
        assignment = DenyAssignment(name=sent["name"], id=new_guid(), scope=sent["scope"], **lists)
        self._state.denials.deny_assignments.append(assignment)
        return {"id": assignment.id}

    def put_policy(self, sent: dict[str, Any]) -> None:
        self._state.denials.policies.append(Policy(**sent))

    # Subscriptions, groups, tenants

    def put_subscription(self, sent: dict[str, Any]) -> None:
        key = sent["id"].casefold()
        subscription = self._state.subscriptions.setdefault(key, Subscription(key))
        if sent["tenant"]:
            subscription.tenant = sent["tenant"]
            self._state.tenants.add(sent["tenant"])
        if sent["disabled"] is not None:
            subscription.state = DISABLED if sent["disabled"] else ENABLED

    def unregister(self, sent: dict[str, Any]) -> None:
        self._state.subscription.unregister(sent["provider"])

    def begin_deletion(self, sent: dict[str, Any]) -> None:
        group = self._state.groups.get(sent["name"].casefold())
        if group is None:
            raise ValueError(f"There is no resource group {sent['name']!r}.")
        group.deleting = True

    def put_tenant(self, sent: dict[str, Any]) -> None:
        self._state.tenants.add(sent["id"])

    def move_identity(self, sent: dict[str, Any]) -> None:
        self._state.move_identity(self._identity(sent["group"], sent["name"]), sent["tenant"])

    # Entra

    def break_issuer(self, sent: dict[str, Any]) -> None:
        self._issuers.break_off(sent["issuer"], sent["number"])

    def mend_issuer(self, sent: dict[str, Any]) -> None:
        self._issuers.mend(sent["issuer"])

    def _identity(self, group: str, name: str) -> Identity:
        identity = self._state.identity(group, name)
        if identity is None:
            raise ValueError(f"There is no managed identity {name!r} in {group}.")
        return identity
