"""The nearest names that exist, where a name leads nowhere."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from gitlab_azure_identity.api.conditions import Link
from gitlab_azure_identity.api.reasons import Reason
from gitlab_azure_identity.azure.errors import AzureError
from gitlab_azure_identity.cli.looking import Look
from gitlab_azure_identity.domain.doctor.compared import nearest
from gitlab_azure_identity.domain.doctor.examination import Check, State
from gitlab_azure_identity.kube.client import ClusterError
from gitlab_azure_identity.reconcile.aim import Aim

LISTED = 10
MEANT = "id you mean"


async def hint(look: Look, found: Aim | None, check: Check) -> Check:
    """The check, with the name that was most likely meant. Without a right to list the names it stays as it is."""
    if found is None or check.state is not State.BROKEN or check.cause not in _HINTS:
        return check
    try:
        return await _HINTS[check.cause](look, found, check)
    except (AzureError, ClusterError):
        return check


async def _account(look: Look, found: Aim, check: Check) -> Check:
    wanted = found.goal.desired.storage.scope
    known = await look.names.accounts(wanted.subscription)
    elsewhere = [one for one in known if one.account == wanted.account]
    if elsewhere:
        sentences = (
            f"There is a storage account {one.account} in resource group {one.resource_group}. If it is meant, set "
            f"spec.storage.resourceGroup: {one.resource_group}"
            for one in elsewhere
        )
        return check.with_details(*sentences)
    return check.with_details(*_meant("storage account", wanted.account, [one.account for one in known]))


async def _group(look: Look, found: Aim, check: Check) -> Check:
    desired = found.goal.desired
    place = desired.storage.scope if check.about == Link.ROLES else desired.identity.id
    known = await look.names.groups(place.subscription)
    return check.with_details(*_meant("resource group", place.resource_group, known))


async def _containers(look: Look, found: Aim, check: Check) -> Check:
    storage = found.goal.desired.storage
    known = await look.names.containers(storage.scope)
    missing = [name for name in storage.containers.values() if name not in known]
    told = MEANT in check.message  # the identity may list the containers, and so the operator has told it
    free = [name for name in known if name not in storage.containers.values()]
    sentences = (sentence for name in missing if not told for sentence in _meant("container", name, free))
    named = replace(check, names=(("container", missing[0]),)) if missing else check
    return named.with_details(*sentences)


async def _subscription(look: Look, found: Aim, check: Check) -> Check:
    desired = found.goal.desired
    place = desired.storage.scope if check.about == Link.ROLES else desired.identity.id
    return check.with_details(*_meant("subscription", place.subscription, await look.names.subscriptions()))


async def _service_accounts(look: Look, found: Aim, check: Check) -> Check:
    """For accounts that somebody else creates. What is missing of Azure has the same reason, and nothing that is near to it."""
    if check.about != Link.SERVICE_ACCOUNTS:
        return check
    desired, namespace = found.goal.desired, found.goal.owner.namespace
    known = await look.accounts(namespace)
    names = [account.name for account in desired.service_accounts]
    free = [name for name in known if name not in names]
    sentences = (sentence for name in names if name not in known for sentence in _meant("service account", name, free))
    return check.with_details(*sentences)


_HINTS: Mapping[str, Callable[[Look, Aim, Check], Awaitable[Check]]] = {
    Reason.ACCOUNT_NOT_FOUND: _account,
    Reason.RESOURCE_GROUP_NOT_FOUND: _group,
    Reason.CONTAINER_NOT_FOUND: _containers,
    Reason.SUBSCRIPTION_NOT_FOUND: _subscription,
    Reason.NOT_FOUND: _service_accounts,
}


def _meant(what: str, name: str, known: list[str]) -> list[str]:
    """A sentence with the nearest name, or with those that there are."""
    if name in known:
        return []
    near = nearest(name, known)
    if near:
        return [f"There is no {what} {name}. Did you mean {near}?"]
    names = ", ".join(sorted(known)[:LISTED])
    return [f"There is no {what} {name}. You see: {names}."] if names else [f"You see no {what} there at all."]
