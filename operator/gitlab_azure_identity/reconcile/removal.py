"""The way back: take away what was made for a resource, and let go of it only after a look that finds nothing of ours."""

import logging
from dataclasses import dataclass, replace

from gitlab_azure_identity.api import ABANDON_ANNOTATION
from gitlab_azure_identity.api.conditions import (
    CREDENTIALS_FEDERATED,
    ROLES_ASSIGNED,
    SECRETS_WRITTEN,
    SERVICE_ACCOUNTS_ANNOTATED,
)
from gitlab_azure_identity.api.resource import Resource
from gitlab_azure_identity.api.spec import DeletionPolicy
from gitlab_azure_identity.domain.changes import Change, DeleteAssignment, Stage
from gitlab_azure_identity.domain.findings import Failure, Outlook, note, worst
from gitlab_azure_identity.domain.goal import Goal
from gitlab_azure_identity.domain.judge import link
from gitlab_azure_identity.domain.naming import account_of, same_arm_id
from gitlab_azure_identity.domain.observed import Observed
from gitlab_azure_identity.domain.plan import plan
from gitlab_azure_identity.domain.record import deleted_ids, left_behind, remembered
from gitlab_azure_identity.reconcile.apply import apply
from gitlab_azure_identity.reconcile.goals import Goals, World
from gitlab_azure_identity.reconcile.observe import Look, LookFailed, observe
from gitlab_azure_identity.reconcile.report import Reporter
from gitlab_azure_identity.reconcile.summarize import deletion_waits
from gitlab_azure_identity.reconcile.watched import Memory

log = logging.getLogger(__name__)

LOOKS = 4
NO_LOGIN = "AuthenticationFailed"  # the operator itself is nobody to Azure: nothing was asked, and nothing is known
_IN_CLUSTER = (SERVICE_ACCOUNTS_ANNOTATED, SECRETS_WRITTEN)
_STAGE = {
    ROLES_ASSIGNED: Stage.REVOKE_ROLES,
    SERVICE_ACCOUNTS_ANNOTATED: Stage.REVOKE_CLUSTER,
    SECRETS_WRITTEN: Stage.REVOKE_CLUSTER,
    CREDENTIALS_FEDERATED: Stage.REVOKE_CREDENTIALS,
}


@dataclass(frozen=True)
class Remaining:
    """Why the resource cannot be let go yet. `retry_after` in seconds."""

    message: str
    retry_after: float | None


@dataclass(frozen=True)
class Cleaned:
    """What came of removing: what failed, whether the identity that we created was among it, and what stays, in sentences."""

    failures: list[Failure]
    found_ours: bool
    left: tuple[str, ...] = ()


class Removal:
    """Carries out deletions."""

    def __init__(self, world: World, goals: Goals, reporter: Reporter, memory: Memory) -> None:
        self._world, self._goals, self._report, self._memory = world, goals, reporter, memory

    async def run(self, resource: Resource) -> Remaining | None:
        """Remove what was made for the resource. None when nothing of ours is left, or nothing is to be removed."""
        if resource.spec.deletion_policy is DeletionPolicy.RETAIN:
            message = "deletionPolicy is Retain: everything stays, in Azure and in the cluster."
            await self._report.event(resource, "Normal", "Retained", message)
            return None
        if resource.abandoned:
            message = (
                f"Let go by annotation {ABANDON_ANNOTATION}: what is left in Azure and in the cluster stays there."
            )
            await self._report.event(resource, "Warning", "Abandoned", message)
            return None
        try:
            failures = await self._remove(resource)
        except LookFailed as failed:
            failures = [failed.failure]
        return await self._remaining(resource, worst(failures)) if failures else None

    async def _remove(self, resource: Resource) -> list[Failure]:
        """Remove what the record leads to, and what our tags lead to unless that was the same. What failed, else nothing. Raises
        LookFailed."""
        cleaned = await self._clean(resource)
        if not cleaned.failures and not cleaned.found_ours and resource.status.identity is not None:
            # The status names an identity that is not ours, or is not there: our own is looked for as if it named none.
            elsewhere = await self._clean(resource.without_identity())
            cleaned = replace(elsewhere, left=(*cleaned.left, *elsewhere.left))
        if not cleaned.failures:
            for told in dict.fromkeys(cleaned.left):
                await self._report.event(resource, "Warning", "LeftBehind", told)
        return cleaned.failures

    async def _clean(self, resource: Resource) -> "Cleaned":
        """Look and remove until a look finds nothing of ours, and Azure has confirmed that what is on record was deleted. Raises
        LookFailed."""
        goal = await self._goal(resource)
        groups = self._goals.groups(resource)
        deleted, found_ours = set[str](), False
        for _ in range(LOOKS):
            look = await self._look(resource, goal) if goal else None
            if goal is None or look is None:
                return Cleaned([], found_ours)
            have = remembered(resource, goal, look.have, groups=groups, deleted=deleted)
            found = have.identity
            if found and not same_arm_id(found.resource_id, goal.desired.identity.resource_id):
                goal = await self._goals.deletion(resource, pin=found.resource_id)
                continue
            found_ours = found_ours or (found is not None and goal.owns(found))
            unseen = await self._that_count(resource, have, look.unseen)
            # What could not be seen may still stand: nothing that comes after it on the way back is removed before it.
            last = min((_STAGE[condition] for condition in unseen), default=Stage.REVOKE_IDENTITY)
            changes = [
                change for change in plan(goal, have) if link(change) not in look.unseen and change.stage <= last
            ]
            if not changes:
                return Cleaned(
                    list(unseen.values()), found_ours, tuple(left_behind(resource, goal, look.have, deleted))
                )
            _, done, failed = await apply(self._world.azure, self._world.kube, goal, changes, have)
            deleted.update(deleted_ids(done))
            self._memory.revoked(self._memory.of(resource.key, resource.uid), done)
            log.info("removed %s", "; ".join(map(str, done)) or "nothing", extra={"resource": str(resource.key)})
            problems: dict[str, Failure] = {}
            for change, failure in failed:
                if _scope_is_absent(change, look, failure):
                    deleted.update(deleted_ids([change]))
                else:
                    note(problems, link(change), failure)
            if problems := await self._that_count(resource, have, problems):
                return Cleaned(list(problems.values()), found_ours)
        message = "What was removed is still seen; it is looked at again."
        return Cleaned([Failure("Progressing", message, Outlook.WAITING)], found_ours)

    async def _goal(self, resource: Resource) -> Goal | None:
        """What is to be gone; None when nothing can ever have been made. Raises LookFailed."""
        try:
            return await self._goals.deletion(resource)
        except LookFailed as failed:
            if failed.failure.reason in ("NotConfigured", "InvalidSpec") and not resource.status.recorded:
                return None  # it was never resolved
            raise

    async def _look(self, resource: Resource, goal: Goal) -> Look | None:
        """What still stands; None where we may not look, or nothing is, and a pass recorded nothing either. Raises LookFailed."""
        where = self._goals.whereabouts(resource, goal)
        try:
            return await observe(self._world.azure, self._world.kube, where)
        except LookFailed as failed:
            reason = failed.failure.reason
            if not where.pinned and failed.failure.outlook is Outlook.STALLED and reason != NO_LOGIN:
                return None
            if reason not in ("ResourceGroupNotFound", "SubscriptionNotFound"):
                raise
            return await observe(self._world.azure, self._world.kube, replace(where, gone=True))

    async def _that_count(self, resource: Resource, have: Observed, problems: dict[str, Failure]) -> dict[str, Failure]:
        """Without those in the cluster, where nothing was ever made: by the record, nor by what stands in Azure, which goes
        last. Nor do they count when the namespace itself is going: it takes our rights, and our objects too."""
        elsewhere = {condition: failure for condition, failure in problems.items() if condition not in _IN_CLUSTER}
        if elsewhere == problems:
            return problems
        local = [failure for condition, failure in problems.items() if condition in _IN_CLUSTER]
        never = not resource.status.recorded and have.identity is None
        if never and all(failure.outlook is Outlook.STALLED for failure in local):
            return elsewhere
        return elsewhere if await self._world.kube.namespaces.terminating(resource.key.namespace) else problems

    async def _remaining(self, resource: Resource, failure: Failure) -> Remaining:
        """Tell what keeps the resource, and how to let go of it where a person must act."""
        message = failure.message
        if failure.outlook is Outlook.STALLED:
            message = (
                f"{message} Until then the deletion waits; to let go and leave everything where it is: "
                f"kubectl annotate gai -n {resource.key.namespace} {resource.key.name} {ABANDON_ANNOTATION}=true"
            )
        await self._report.status(
            resource, deletion_waits(resource, replace(failure, message=message), self._world.now())
        )
        return Remaining(f"{failure.reason}: {failure.message}", failure.retry_after)


def _scope_is_absent(change: Change, look: Look, failure: Failure) -> bool:
    """Whether a role assignment cannot exist, since its storage account does not. Azure answered 404 to the list; to the deletion
    it answers that the right is missing "or the scope is invalid"."""
    if not isinstance(change, DeleteAssignment) or failure.reason != "AuthorizationFailed":
        return False
    return account_of(change.assignment.scope).lower() in look.absent
