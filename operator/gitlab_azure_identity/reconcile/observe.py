"""One look at what stands, in Azure and in the cluster."""

import asyncio
from collections.abc import Awaitable, Iterator
from dataclasses import dataclass, field, replace
from typing import TypeVar

from gitlab_azure_identity.api.conditions import (
    CREDENTIALS_FEDERATED,
    IDENTITY_READY,
    ROLES_ASSIGNED,
    SECRETS_WRITTEN,
    SERVICE_ACCOUNTS_ANNOTATED,
)
from gitlab_azure_identity.api.status import RoleAssignmentStatus, Status
from gitlab_azure_identity.azure import errands
from gitlab_azure_identity.azure.errors import AzureError, Errand, classify
from gitlab_azure_identity.domain.arm import ResourceGroupId, parse_identity_id, parse_resource_group_id
from gitlab_azure_identity.domain.changes import words
from gitlab_azure_identity.domain.desired import Credential, Desired
from gitlab_azure_identity.domain.findings import Failure, Outlook, note
from gitlab_azure_identity.domain.naming import account_of, same_arm_id
from gitlab_azure_identity.domain.observed import Assignment, ClusterObject, Identity, Observed
from gitlab_azure_identity.domain.ownership import Owner
from gitlab_azure_identity.kube import errors as kube_errors
from gitlab_azure_identity.kube.client import ClusterError
from gitlab_azure_identity.reconcile.ports import Azure, Kube

Answer = TypeVar("Answer")


class LookFailed(Exception):
    """The look could not be made: `failure` says why, at `condition`."""

    def __init__(self, condition: str, failure: Failure) -> None:
        super().__init__(f"{condition}: {failure.reason}: {failure.message}")
        self.condition, self.failure = condition, failure


@dataclass(frozen=True)
class Look:
    """What was seen, and what could not be. Storage accounts go by their ARM id in lower case."""

    have: Observed
    unseen: dict[str, Failure] = field(default_factory=dict)  # by the condition of the link
    former: dict[str, Failure] = field(default_factory=dict)  # former storage accounts that could not be read
    absent: set[str] = field(default_factory=set)  # storage accounts that Azure says are not there
    account_asked: bool = False  # whether the wanted one was asked for: only where no assignment is on record
    no_account: LookFailed | None = None  # why there is none to grant access to


@dataclass(frozen=True)
class Whereabouts:
    """Where to look: what is wanted now, and what the status remembers of before."""

    desired: Desired
    status: Status
    groups: tuple[str, ...]  # resource groups in which an identity of ours may be, when no status tells
    adopts: bool  # the identity may be somebody else's: ask for it by name
    granting: bool  # access is to be granted, so that there must be something to grant it to
    creating: bool  # an identity that is not there is created, so that it must be certain that it is not
    gone: bool = False  # the identity's resource group is known not to exist any more

    @property
    def owner(self) -> Owner:
        return self.desired.owner

    @property
    def pinned(self) -> str | None:
        """Where the identity is, by the status. One that was only about to be made may be elsewhere by now; a deletion looks
        there all the same."""
        known = self.status.identity
        return known.resource_id if known and (known.principal_id or not self.granting) else None

    def accounts(self) -> list[str]:
        """ARM ids of the storage accounts at or below which assignments of ours may stand. What is wanted counts when it is
        to be granted, or nothing is recorded; else we were never there, and may have no right to look."""
        scopes = [entry.scope for entry in self.status.role_assignments]
        if self.granting or not self.pinned:
            scopes.insert(0, self.desired.storage.account_id)
        return list({account_of(scope).lower(): account_of(scope) for scope in scopes}.values())

    def recorded_credentials(self, identity: Identity) -> frozenset[str]:
        """Names of the credentials that this identity has by the record. A deletion deletes them by name, seen or not."""
        known = self.status.identity
        if not self.granting or known is None or known.principal_id != identity.principal_id:
            return frozenset()
        return frozenset(entry.name for entry in self.status.federated_credentials)

    def recorded_assignments(self) -> list[RoleAssignmentStatus]:
        """The role assignments that stand by the record. A deletion deletes them by name, seen or not."""
        return [entry for entry in self.status.role_assignments if self.granting and entry.name]

    def objects(self) -> Iterator[tuple[str, str]]:
        """Kind and name of every object that is ours or is to be."""
        for wanted in self.desired.objects:
            yield wanted.kind, wanted.name
        for account in self.desired.service_accounts:
            yield "ServiceAccount", account.name
        for known in self.status.service_accounts:
            yield "ServiceAccount", known.name
        yield from (("Secret", name) for name in self.status.secret_names)
        if self.status.values_config_map:
            yield "ConfigMap", self.status.values_config_map


async def observe(azure: Azure, kube: Kube, where: Whereabouts) -> Look:
    """Look at everything, side by side where one answer does not need another.

    Raises LookFailed when not even the identity could be looked for."""
    ask_account = where.granting and not any(entry.name for entry in where.status.role_assignments)
    cluster = asyncio.ensure_future(_objects(kube, where))
    account = asyncio.ensure_future(no_account(azure, where.desired) if ask_account else _nothing())
    try:
        identity = await locate(azure, where)
        unseen, former, absent = dict[str, Failure](), dict[str, Failure](), set[str]()
        credentials, assignments = await asyncio.gather(
            _credentials(azure, where, identity, unseen), _assignments(azure, where, identity, unseen, former, absent)
        )
        objects, unseen_objects = await cluster
        have = Observed(
            identity,
            credentials,
            assignments,
            {found.key: found for found in objects},
            credentials_seen=CREDENTIALS_FEDERATED not in unseen,
        )
        return Look(have, unseen | unseen_objects, former, absent, ask_account, await account)
    finally:
        cluster.cancel()
        account.cancel()
        await asyncio.gather(cluster, account, return_exceptions=True)


async def _nothing() -> None:
    """The answer to a question that is not asked."""


async def locate(azure: Azure, where: Whereabouts) -> Identity | None:
    """The identity: where the status pins it, where policy lends it, or wherever one of its name carries our tags. That it is not
    there takes two answers: Azure's reads lag behind its writes, and a list comes another way than a single read.

    Raises LookFailed."""
    if where.gone:
        return None
    wanted = where.desired.identity
    if where.pinned:
        place = parse_identity_id(where.pinned)
        group = ResourceGroupId(place.subscription, place.resource_group)
        found = await _asked(azure.identities.get(where.pinned), IDENTITY_READY, errands.looking_for_identity(wanted))
        return found or await _listed(azure, where, group, place.name)
    home = wanted.resource_group_id
    groups = (home, *(group for group in where.groups if not where.adopts and not same_arm_id(group, home)))
    there, *elsewhere = await asyncio.gather(*(_in_group(azure, where, group, home) for group in dict.fromkeys(groups)))
    ours = (found for found in elsewhere if found and where.owner.owns_identity(found.tags))
    return there or next(ours, None)


async def _in_group(azure: Azure, where: Whereabouts, group: str, home: str) -> Identity | None:
    """The identity of the wanted name in a resource group. Raises LookFailed; but a group other than where it is wanted, that
    policy names and that is not there or not open to us, holds nothing of ours."""
    place = parse_resource_group_id(group)
    wanted = replace(where.desired.identity, subscription=place.subscription, resource_group=place.name)
    named = _asked(azure.identities.get(wanted.resource_id), IDENTITY_READY, errands.looking_for_identity(wanted))
    try:
        if not where.granting or (where.creating and group == home):
            found, listed = await asyncio.gather(named, _listed(azure, where, place, wanted.name))
            return found or listed
        return await named
    except LookFailed as failed:
        if group == home or failed.failure.outlook is not Outlook.STALLED:
            raise
        return None


async def _listed(azure: Azure, where: Whereabouts, group: ResourceGroupId, name: str) -> Identity | None:
    """The identity of that name, or one that carries our tags, in the list of a resource group. Raises LookFailed.

    Who may not list a group may not create in it either: for him the answer to the single read stands."""
    errand = errands.looking_for_identity(where.desired.identity)
    try:
        identities = await azure.identities.in_group(group)
    except AzureError as error:
        failure = classify(error, errand)
        if failure.reason == "AuthorizationFailed":
            return None
        if failure.reason == "NotFound":  # no list can be absent while its group is there
            failure = replace(failure, outlook=Outlook.TRANSIENT)
        raise LookFailed(IDENTITY_READY, failure) from error
    named = (found for found in identities if found.name.lower() == name.lower())
    ours = (found for found in identities if where.owner.owns_identity(found.tags))
    return next(named, None) or next(ours, None)


async def _credentials(
    azure: Azure, where: Whereabouts, identity: Identity | None, unseen: dict[str, Failure]
) -> tuple[Credential, ...]:
    """Credentials of the identity; those on record that the list does not show are asked for by name before they count as
    deleted. That the identity just seen has no list of them is a lag of Azure's: nothing is known of them then, and a deletion
    goes by the record."""
    if identity is None:
        return ()
    errand = errands.looking_for_credentials(where.desired.identity)
    try:
        listed = await azure.credentials.of(identity)
        missing = where.recorded_credentials(identity) - {credential.name for credential in listed}
        again = await asyncio.gather(*(azure.credentials.get(identity, name) for name in sorted(missing)))
    except AzureError as error:
        if where.granting or not error.gone:
            failure = classify(error, errand)
            unseen[CREDENTIALS_FEDERATED] = replace(failure, outlook=Outlook.TRANSIENT) if error.gone else failure
        return ()
    return (*listed, *(credential for credential in again if credential is not None))


async def _assignments(
    azure: Azure,
    where: Whereabouts,
    identity: Identity | None,
    unseen: dict[str, Failure],
    former: dict[str, Failure],
    absent: set[str],
) -> tuple[Assignment, ...]:
    """Assignments of the principal, and of the one it had before, should the identity have been made anew; those on record that
    the lists do not show are asked for by name. A former storage account that cannot be read, such as one that was deleted,
    keeps nobody from the one that is wanted now."""
    wanted = where.desired.storage.account_id
    remembered = where.status.identity.principal_id if where.status.identity else None
    recorded = (entry.principal_id for entry in where.status.role_assignments)
    principals = dict.fromkeys(p for p in (identity.principal_id if identity else None, remembered, *recorded) if p)

    async def ask(account: str, question: Awaitable[tuple[Assignment, ...]]) -> tuple[Assignment, ...]:
        try:
            return await question
        except AzureError as error:
            if error.gone:  # the scope is not there
                absent.add(account.lower())
                return ()
            failure = classify(error, errands.looking_for_assignments(account.rpartition("/")[2]))
            definite = failure.outlook is Outlook.STALLED
            if where.granting and definite and not same_arm_id(account, wanted):
                note(former, account.lower(), failure)
            else:
                note(unseen, ROLES_ASSIGNED, failure)
            return ()

    async def again(scope: str, name: str) -> tuple[Assignment, ...]:
        found = await azure.roles.get(scope, name)
        return () if found is None else (found,)

    lists = (ask(account, azure.roles.of(account, one)) for account in where.accounts() for one in principals)
    listed = tuple(assignment for answer in await asyncio.gather(*lists) for assignment in answer)
    if ROLES_ASSIGNED in unseen:
        return listed
    names = {assignment.name for assignment in listed}
    missing = [entry for entry in where.recorded_assignments() if entry.name not in names]
    missing = [entry for entry in missing if account_of(entry.scope).lower() not in former]
    singles = (ask(account_of(entry.scope), again(entry.scope, entry.name)) for entry in missing)
    return listed + tuple(assignment for answer in await asyncio.gather(*singles) for assignment in answer)


async def no_account(azure: Azure, desired: Desired) -> LookFailed | None:
    """Why there is no storage account to grant access to, or why that cannot be told; None when there is one."""
    storage = desired.storage
    try:
        exists = await azure.accounts.exists(storage.account_id)
    except AzureError as error:
        return LookFailed(ROLES_ASSIGNED, classify(error, errands.looking_for_account(storage)))
    if exists:
        return None
    group = storage.account_id.split("/")[4]
    message = (
        f"There is no storage account {storage.account} in resource group {group}. Create it, or correct "
        "spec.storage.accountName, spec.storage.resourceGroup or spec.storage.subscriptionId."
    )
    return LookFailed(ROLES_ASSIGNED, Failure("AccountNotFound", message, Outlook.STALLED))


async def _objects(kube: Kube, where: Whereabouts) -> tuple[list[ClusterObject], dict[str, Failure]]:
    found: list[ClusterObject] = []
    unseen: dict[str, Failure] = {}

    async def look(kind: str, name: str) -> None:
        try:
            if seen := await kube.objects.get(where.owner, kind, name):
                found.append(seen)
        except ClusterError as error:
            condition = SERVICE_ACCOUNTS_ANNOTATED if kind == "ServiceAccount" else SECRETS_WRITTEN
            note(unseen, condition, kube_errors.classify(error, f"read {words(kind)} {name}", where.owner.namespace))

    await asyncio.gather(*(look(kind, name) for kind, name in dict.fromkeys(where.objects())))
    return found, unseen


async def _asked(question: Awaitable[Answer], condition: str, errand: Errand) -> Answer:
    try:
        return await question
    except AzureError as error:
        raise LookFailed(condition, classify(error, errand)) from error
