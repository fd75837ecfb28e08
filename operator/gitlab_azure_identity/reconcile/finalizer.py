"""Deletions, from the same parts as a pass: observe, plan, apply. A resource is let go only after an observation that finds
nothing of ours, and after Azure confirmed the deletion of everything on record."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from gitlab_azure_identity.api.conditions import Link, Place
from gitlab_azure_identity.api.reasons import Reason
from gitlab_azure_identity.api.resource import Resource
from gitlab_azure_identity.domain.changes import Change, DeleteAssignment
from gitlab_azure_identity.domain.deletion import (
    HOST_UNKNOWN,
    STILL_SEEN,
    Left,
    Remaining,
    blocking,
    by_link,
    let_go,
    next_changes,
    nothing_was_created,
    scope_is_absent,
    taken_for_deleted,
    with_way_out,
)
from gitlab_azure_identity.domain.deletion_status import deletion_waits
from gitlab_azure_identity.domain.events import Event
from gitlab_azure_identity.domain.findings import CannotProceed, Failure, failed, worst
from gitlab_azure_identity.domain.goal import Goal, finalize_goal
from gitlab_azure_identity.domain.observed import Observation, Observed
from gitlab_azure_identity.domain.policy import identity_groups
from gitlab_azure_identity.domain.record import deleted_keys, left_behind, remembered
from gitlab_azure_identity.domain.where import where_to_look
from gitlab_azure_identity.reconcile.apply import apply
from gitlab_azure_identity.reconcile.context import Context
from gitlab_azure_identity.reconcile.issuer import Issuer
from gitlab_azure_identity.reconcile.memory import Memory
from gitlab_azure_identity.reconcile.observe import observe
from gitlab_azure_identity.reconcile.report import Reporter

log = logging.getLogger(__name__)

OBSERVATIONS = 4  # at most, in one attempt


@dataclass(frozen=True)
class Cleaned:
    """The result of removing: the failures, whether the identity that we created was found, and sentences about what stays."""

    failures: tuple[Failure, ...]
    found_ours: bool
    left: tuple[str, ...] = ()


@dataclass
class Progress:
    """What an attempt has reached. It is kept through both looks of the attempt: what was deleted may stand again, because
    another resource made it under the same name. `deleted` has the keys of what Azure confirmed."""

    deleted: set[str] = field(default_factory=set)
    left: Left | None = None


class Finalizer:
    """Carries out deletions."""

    def __init__(self, context: Context, issuer: Issuer, reporter: Reporter, memory: Memory) -> None:
        self._context, self._issuer, self._report, self._memory = context, issuer, reporter, memory
        self._terms = context.terms

    async def run(self, resource: Resource) -> Remaining | None:
        """Remove what was created for the resource. None when nothing of ours is left, or when nothing is to be removed."""
        if event := let_go(resource):
            await self._report.event(resource, event)
            return None
        progress = Progress()
        try:
            failures = await self._remove(resource, progress)
        except CannotProceed as stop:
            failures = (stop.failure,)
        if not failures:
            return None
        failure = self._after_waiting(resource, worst(failures))
        status = deletion_waits(resource, with_way_out(resource, failure), self._context.clock.now(), progress.left)
        await self._report.status(resource, status)
        return Remaining(f"{failure.reason}: {failure.message}", failure.retry_after)

    def _after_waiting(self, resource: Resource, failure: Failure) -> Failure:
        """The failure that keeps the deletion, or the one that replaces it when it has been waited for too long."""
        found = failed(Link.IDENTITY, failure)
        waited = self._memory.get_or_add(resource.key, resource.uid).waited(found, self._context.clock.now())
        return found.after(waited).failure or failure

    async def _remove(self, resource: Resource, progress: Progress) -> tuple[Failure, ...]:
        """Remove what the record names, and what has our tags if the record named something else. Returns the failures. Raises
        CannotProceed."""
        cleaned = await self._clean(resource, progress)
        if not cleaned.failures and not cleaned.found_ours and resource.status.identity is not None:
            # The status names an identity that is not ours or does not exist: ours is looked for without that name.
            elsewhere = await self._clean(resource.without_identity(), progress)
            cleaned = replace(elsewhere, left=(*cleaned.left, *elsewhere.left))
        if not cleaned.failures:
            for sentence in dict.fromkeys(cleaned.left):
                await self._report.event(resource, Event("Warning", Reason.LEFT_BEHIND, sentence))
        return cleaned.failures

    async def _clean(self, resource: Resource, progress: Progress) -> Cleaned:
        """Observe and remove until there is nothing to remove. Raises CannotProceed."""
        goal, deleted = await self._goal(resource), progress.deleted
        groups = tuple(identity_groups(self._terms.policy, resource.key.namespace))
        found_ours, given_up = False, list[str]()
        for _ in range(OBSERVATIONS):
            observation = await self._observe(resource, goal) if goal else None
            if goal is None or observation is None:
                return Cleaned((), found_ours)
            have = remembered(resource, goal, observation.have, groups=groups, deleted=deleted)
            found = have.identity
            if found and not goal.desired.identity.id.same_as(found.id):
                issuer = await self._issuer.of_a_deletion(resource)
                goal = finalize_goal(resource, self._terms, issuer, pin=found.id)
                continue
            found_ours = found_ours or (found is not None and goal.owns(found))
            progress.left = Left(goal, have, observation.unseen.keys(), deleted)
            given_up += taken_for_deleted(have.assignments, observation.gone)
            unseen = await self._blocking(resource, have, observation.unseen)
            changes = next_changes(goal, have, observation.unseen, unseen)
            if not changes:
                left = left_behind(resource, goal, observation.have, deleted)
                return Cleaned(tuple(unseen.values()), found_ours, (*left, *given_up))
            failed = await self._apply(resource, goal, changes, have, observation, progress)
            if failures := await self._blocking(resource, have, failed):
                return Cleaned(tuple(failures.values()), found_ours)
        return Cleaned((STILL_SEEN,), found_ours)

    async def _goal(self, resource: Resource) -> Goal | None:
        """The goal of the deletion, or None when nothing can ever have been created. Raises CannotProceed."""
        try:
            return finalize_goal(resource, self._terms, await self._issuer.of_a_deletion(resource))
        except CannotProceed as stop:
            if stop.failure.reason is Reason.NOT_CONFIGURED and not resource.status.recorded:
                return None  # no pass ever resolved what it wanted
            raise

    async def _observe(self, resource: Resource, goal: Goal) -> Observation | None:
        """What still exists, or None when nothing was ever created. Raises CannotProceed."""
        where = where_to_look(resource, goal, self._terms.policy)
        azure, kube = self._context.azure, self._context.kube
        try:
            observation = await observe(azure, kube, where)
        except CannotProceed as stop:
            if nothing_was_created(where, stop.failure):
                return None
            if stop.failure.reason not in (Reason.RESOURCE_GROUP_NOT_FOUND, Reason.SUBSCRIPTION_NOT_FOUND):
                raise
            where = replace(where, group_deleted=True)
            observation = await observe(azure, kube, where)
        memory = self._memory.get_or_add(resource.key, resource.uid)
        gone = memory.hostless_for(observation.hostless, HOST_UNKNOWN, self._context.clock.now())
        if not gone:
            return observation
        return replace(await observe(azure, kube, replace(where, gone=gone)), gone=gone)

    async def _apply(
        self,
        resource: Resource,
        goal: Goal,
        changes: list[Change],
        have: Observed,
        observation: Observation,
        progress: Progress,
    ) -> dict[Link, Failure]:
        """Carry out the changes, and note in `progress` what Azure confirmed and what is left. Returns the failures, by link."""
        have, done, failed = await apply(self._context.azure, self._context.kube, goal, changes, have)
        absent = [change for change, failure in failed if scope_is_absent(change, observation, failure)]
        progress.deleted.update(deleted_keys([*done, *absent]))
        for change in absent:
            have = have.without_assignment(change.assignment) if isinstance(change, DeleteAssignment) else have
        progress.left = Left(goal, have, observation.unseen.keys(), progress.deleted)
        self._memory.revoked(resource.uid, done)
        log.info("removed %s", "; ".join(map(str, done)) or "nothing", extra={"resource": str(resource.key)})
        failures = by_link([(change, failure) for change, failure in failed if change not in absent])
        return {link: worst(each) for link, each in failures.items()}

    async def _blocking(
        self, resource: Resource, have: Observed, failures: Mapping[Link, Failure]
    ) -> dict[Link, Failure]:
        """The failures that block the deletion. The namespace is read only when one of them is in the cluster."""
        local = any(link.place is Place.CLUSTER for link in failures)
        terminating = local and await self._context.kube.namespaces.terminating(resource.key.namespace)
        return blocking(resource, have, failures, terminating=terminating)
