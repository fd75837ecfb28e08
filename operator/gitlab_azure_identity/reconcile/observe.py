"""An observation of Azure and the cluster. It cannot write."""

import asyncio
from collections.abc import Awaitable, Mapping
from dataclasses import replace
from typing import TypeVar

from gitlab_azure_identity.api.conditions import Link
from gitlab_azure_identity.api.reasons import Reason
from gitlab_azure_identity.azure import operations
from gitlab_azure_identity.azure.errors import AzureError, Operation
from gitlab_azure_identity.domain.arm_ids import IdentityId, ResourceGroupId, StorageScope
from gitlab_azure_identity.domain.changes import link_of, words
from gitlab_azure_identity.domain.desired import Credential, WantedIdentity
from gitlab_azure_identity.domain.findings import CannotProceed, Failure, Outlook, worst
from gitlab_azure_identity.domain.observed import Assignment, ClusterObject, Identity, Observation, Observed
from gitlab_azure_identity.domain.pods import Pod
from gitlab_azure_identity.domain.storage_account import StorageAccount
from gitlab_azure_identity.domain.where import WhereToLook
from gitlab_azure_identity.kube.client import ClusterError
from gitlab_azure_identity.reconcile.context import AzureReads, KubeReads
from gitlab_azure_identity.reconcile.told import OPERATOR, Told

Answer = TypeVar("Answer")


async def observe(azure: AzureReads, kube: KubeReads, where: WhereToLook, told: Told = OPERATOR) -> Observation:
    """Read everything that may belong to the resource. Requests that do not need each other's answers are sent side by side.
    `told` has the words for what could not be read.

    Raises CannotProceed when not even the identity could be read."""
    cluster = asyncio.ensure_future(observe_objects(kube, where, told))
    account = asyncio.ensure_future(_account(azure, where, told))
    try:
        identity = await _locate(azure, where, told)
        (credentials, unreadable), assignments = await asyncio.gather(
            _credentials(azure, where, identity, told), _Assignments(azure, where, told).read(identity)
        )
        objects, unseen = await cluster
        mounting, hidden = await _mounting(kube, where, objects, told)
        unseen |= {Link.SECRETS: hidden} if hidden else {}
        unseen |= {Link.CREDENTIALS: unreadable} if unreadable else {}
        unseen |= {Link.ROLES: worst(assignments.unread)} if assignments.unread else {}
        have = Observed(identity, credentials, assignments.found, objects, unreadable is None, mounting)
        seen, unknown = await account
        return Observation(
            have,
            unseen,
            assignments.former,
            frozenset(assignments.absent),
            frozenset(assignments.hostless),
            account=seen,
            no_account=unknown,
        )
    finally:
        cluster.cancel()
        account.cancel()
        await asyncio.gather(cluster, account, return_exceptions=True)


# the managed identity


async def _locate(azure: AzureReads, where: WhereToLook, told: Told) -> Identity | None:
    """The identity: at the place that the status names, at the place that policy lets us adopt it from, or wherever an identity
    of its name has our tags. Raises CannotProceed.

    It only counts as absent after two answers, a single read and a list. Azure's reads lag behind its writes, and the two come
    from different places."""
    if where.group_deleted or where.leaves_identity:
        return None
    if where.pinned:
        return await _at(azure, where, where.pinned, told)
    at_home, *elsewhere = await asyncio.gather(*(_in_group(azure, where, group, told) for group in where.groups))
    ours = (found for found in elsewhere if found and where.owner.owns_identity(found.tags))
    return at_home or next(ours, None)


async def _at(azure: AzureReads, where: WhereToLook, place: IdentityId, told: Told) -> Identity | None:
    """The identity at the place that the status names. That its resource group or subscription does not exist takes two answers
    too. Raises CannotProceed."""
    try:
        found = await _asked(azure.identities.get(place), _reading(where, where.desired.identity), told)
    except CannotProceed as stop:
        if stop.failure.reason not in (Reason.RESOURCE_GROUP_NOT_FOUND, Reason.SUBSCRIPTION_NOT_FOUND):
            raise
        found = None
    return found or await _listed(azure, where, place.group, place.name, told)


async def _in_group(azure: AzureReads, where: WhereToLook, group: ResourceGroupId, told: Told) -> Identity | None:
    """The identity of the wanted name in a resource group. Raises CannotProceed.

    A further group that policy names may not exist, or the operator may lack the right to read it. Then it has nothing of
    ours."""
    wanted = replace(where.desired.identity, id=where.desired.identity.id.within(group))
    home = group == where.groups[0]
    single = _asked(azure.identities.get(wanted.id), _reading(where, wanted), told)
    try:
        if not where.granting or (where.creating and home):
            found, listed = await asyncio.gather(single, _listed(azure, where, group, wanted.name, told))
            return found or listed
        return await single
    except CannotProceed as stop:
        if home or stop.failure.outlook is not Outlook.STALLED:
            raise
        return None


async def _listed(
    azure: AzureReads, where: WhereToLook, group: ResourceGroupId, name: str, told: Told
) -> Identity | None:
    """The identity of that name, or one with our tags, in the list of a resource group. Raises CannotProceed.

    Without the right to list a group the operator may not create in it either. Then the answer to the single read counts."""
    try:
        identities = await azure.identities.list_in(group)
    except AzureError as error:
        failure = told.azure(error, _reading(where, where.desired.identity))
        if failure.reason is Reason.AUTHORIZATION_FAILED:
            return None
        if failure.reason is Reason.NOT_KNOWN_YET:  # a list cannot be missing in a group that exists
            failure = replace(failure, outlook=Outlook.TRANSIENT)
        raise CannotProceed(Link.IDENTITY, failure) from error
    named = (found for found in identities if found.name.lower() == name.lower())
    ours = (found for found in identities if where.owner.owns_identity(found.tags))
    return next(named, None) or next(ours, None)


def _reading(where: WhereToLook, identity: WantedIdentity) -> Operation:
    return operations.reading_identity(identity, where.desired.unmanaged)


async def _asked(question: Awaitable[Answer], operation: Operation, told: Told) -> Answer:
    """The answer to a read of an identity. Raises CannotProceed."""
    try:
        return await question
    except AzureError as error:
        raise CannotProceed(Link.IDENTITY, told.azure(error, operation)) from error


# its federated credentials


async def _credentials(
    azure: AzureReads, where: WhereToLook, identity: Identity | None, told: Told
) -> tuple[tuple[Credential, ...], Failure | None]:
    """The credentials of the identity, and why they could not be read. Those on record that the list does not show are read by
    name. When Azure answers 404 to the list of an identity that was just seen, its reads lag behind: then nothing is known of the
    credentials, and a deletion goes by the record."""
    if identity is None:
        return (), None
    try:
        listed = await azure.credentials.list_for(identity.id)
        missing = where.recorded_credentials(identity) - {credential.name for credential in listed}
        again = await asyncio.gather(*(azure.credentials.get(identity.id, name) for name in sorted(missing)))
    except AzureError as error:
        operation = operations.reading_credentials(where.desired.identity, where.desired.unmanaged)
        failure = told.azure(error, operation)
        if not error.not_found:
            return (), failure
        return (), replace(failure, outlook=Outlook.TRANSIENT) if where.granting else None
    return (*listed, *(credential for credential in again if credential is not None)), None


# role assignments


class _Assignments:
    """The role assignments that were observed, account by account."""

    def __init__(self, azure: AzureReads, where: WhereToLook, told: Told) -> None:
        self._azure, self._where, self._told = azure, where, told
        self.found: tuple[Assignment, ...] = ()
        self.unread: list[Failure] = []
        self.former: dict[str, Failure] = {}  # by account: a former account that cannot be read blocks nothing
        self.absent: set[str] = set()  # accounts that do not exist, as Azure says
        self.hostless: set[str] = set()  # accounts that a deletion may not read, and whose host is unknown

    async def read(self, identity: Identity | None) -> "_Assignments":
        """List those of the principal, and those of each former principal, since the identity may have been created again. Then
        read by name those on record that the lists do not show."""
        where = self._where
        lists = (
            self._ask(account, self._azure.roles.list_for(account, principal))
            for account in where.accounts()
            for principal in where.principals(identity)
        )
        listed = [one for answer in await asyncio.gather(*lists) for one in answer]
        names = {assignment.name for assignment in listed}
        recorded = [(StorageScope.parse(entry.scope), entry.name) for entry in where.recorded_assignments()]
        singles = (
            self._ask(scope.whole_account, self._single(scope, name))
            for scope, name in recorded
            if name not in names and scope.whole_account.key not in self.former and not self.unread
        )
        self.found = (*listed, *(one for answer in await asyncio.gather(*singles) for one in answer))
        return self

    async def _single(self, scope: StorageScope, name: str) -> tuple[Assignment, ...]:
        found = await self._azure.roles.get(scope, name)
        return () if found is None else (found,)

    async def _ask(self, account: StorageScope, question: Awaitable[tuple[Assignment, ...]]) -> tuple[Assignment, ...]:
        try:
            return await question
        except AzureError as error:
            if error.not_found or account.key in self._where.gone:
                self.absent.add(account.key)
                return ()
            operation = operations.reading_assignments(account, self._where.desired.unmanaged)
            failure = self._told.azure(error, operation)
            if not self._where.granting and failure.reason is Reason.AUTHORIZATION_FAILED:
                if await self._is_deleted(account):
                    self.absent.add(account.key)
                    return ()
                failure = await self._without_a_host(account, failure)
            former = self._where.granting and not account.same_as(self._where.desired.storage.scope)
            if former and failure.outlook is Outlook.STALLED:
                self.former[account.key] = failure
            else:
                self.unread.append(failure)
            return ()

    async def _is_deleted(self, account: StorageScope) -> bool:
        """Whether Azure says that the account does not exist. The right to read it may be left, on its resource group."""
        try:
            return await self._azure.accounts.get(account, age=0) is None
        except AzureError as error:
            return error.gone

    async def _without_a_host(self, account: StorageScope, failure: Failure) -> Failure:
        """The failure, which also says so when the account's host is unknown."""
        if await self._azure.hosts.known(account.account):
            return failure
        self.hostless.add(account.key)
        message = (
            f"{failure.message} No host of that account is known: if it stays so for an hour, the account counts as deleted, and "
            "its role assignments with it."
        )
        return replace(failure, message=message)


# the storage account


async def _account(azure: AzureReads, where: WhereToLook, told: Told) -> tuple[StorageAccount | None, Failure | None]:
    """The wanted storage account, or why it was not seen. A deletion does not need it."""
    if not where.granting:
        return None, None
    scope = where.desired.storage.scope
    try:
        account = await azure.accounts.get(scope, age=where.account_age)
    except AzureError as error:
        return None, told.azure(error, operations.reading_account(scope, where.desired.unmanaged))
    if account is not None:
        return account, None
    message = (
        f"There is no {scope.words} in resource group {scope.resource_group}. Create it, or correct spec.storage.accountName, "
        "spec.storage.resourceGroup or spec.storage.subscriptionId."
    )
    return None, Failure(Reason.ACCOUNT_NOT_FOUND, message, Outlook.STALLED)


# objects in the cluster


async def _mounting(
    kube: KubeReads, where: WhereToLook, objects: Mapping[tuple[str, str], ClusterObject], told: Told
) -> tuple[tuple[Pod, ...], Failure | None]:
    """The pods that mount a secret with an access key that was handed over, and why they could not be read."""
    if not (secrets := where.secrets_with_keys(objects)):
        return (), None
    namespace = where.owner.namespace
    try:
        return await kube.pods.mounting(namespace, secrets), None
    except ClusterError as error:
        doing = f"list the pods that mount secret {' or '.join(sorted(secrets))}, before its access key goes"
        return (), told.cluster(error, doing, namespace)


async def observe_objects(
    kube: KubeReads, where: WhereToLook, told: Told = OPERATOR
) -> tuple[dict[tuple[str, str], ClusterObject], dict[Link, Failure]]:
    """The objects that exist, and for each link why some could not be read."""
    found: dict[tuple[str, str], ClusterObject] = {}
    failures: dict[Link, list[Failure]] = {}

    async def read(kind: str, name: str) -> None:
        try:
            if seen := await kube.objects.get(where.owner, kind, name):
                found[seen.key] = seen
        except ClusterError as error:
            failure = told.cluster(error, f"read {words(kind)} {name}", where.owner.namespace)
            failures.setdefault(link_of(kind), []).append(failure)

    await asyncio.gather(*(read(kind, name) for kind, name in where.objects()))
    return found, {link: worst(each) for link, each in failures.items()}
