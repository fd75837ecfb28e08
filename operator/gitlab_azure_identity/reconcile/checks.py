"""Checks between passes: whether the objects of a resource in the cluster are as the last pass left them.

The operator may neither list nor watch service accounts, secrets and config maps. So it reads the version of each by its name, at
a rate that all resources share. It asks Azure nothing, and reads no content unless a version changed."""

import logging
import math
from collections.abc import Collection
from dataclasses import replace

from gitlab_azure_identity.api.conditions import Link
from gitlab_azure_identity.api.resource import Resource
from gitlab_azure_identity.domain.expected import (
    UNREADABLE,
    Expected,
    Version,
    as_recorded,
    awaits_pods,
    cluster_changes,
    due_in,
    out_of_order,
)
from gitlab_azure_identity.domain.findings import CannotProceed, Outlook
from gitlab_azure_identity.domain.goal import Goal, reconcile_goal
from gitlab_azure_identity.domain.observed import Observed
from gitlab_azure_identity.domain.where import where_to_look
from gitlab_azure_identity.kube import errors as kube_errors
from gitlab_azure_identity.kube.client import ClusterError
from gitlab_azure_identity.metrics import CHECK_WAIT
from gitlab_azure_identity.reconcile.apply import apply
from gitlab_azure_identity.reconcile.context import Context
from gitlab_azure_identity.reconcile.issuer import Issuer
from gitlab_azure_identity.reconcile.memory import ObjectMemory
from gitlab_azure_identity.reconcile.observe import observe_objects

log = logging.getLogger(__name__)


class Checks:
    """Checks the objects of resources. `interval` is in seconds."""

    def __init__(self, context: Context, issuer: Issuer, interval: float) -> None:
        self._context, self._issuer, self._interval = context, issuer, interval

    def interval(self, memory: ObjectMemory) -> float:
        """Seconds until the next check of a resource. Infinite when there is nothing to compare with: before its first pass ends,
        under suspension, after a pass that Azure stopped, and in a deletion."""
        if memory.expected is None or memory.deleting.is_set():
            return math.inf
        return due_in(self._interval, memory.changes)

    async def check(self, memory: ObjectMemory) -> None:
        """Wake the loop of a resource when a pass would find something to do in the cluster. A check that the API server does not
        answer tells nothing."""
        expected = memory.expected
        if expected is None:
            return
        asked = self._context.clock.steady()
        async with self._context.kube.budget.turn():
            CHECK_WAIT.set(self._context.clock.steady() - asked)
            try:
                worth = await self._worth_a_pass(memory, expected)
            except (ClusterError, CannotProceed) as error:
                log.debug("not checked: %s", error, extra={"resource": str(memory.key)})
                return
        memory.changes = memory.changes + 1 if worth else 0
        if worth:
            log.info("something changed in the cluster", extra={"resource": str(memory.key)})
            memory.wake.set()

    async def _worth_a_pass(self, memory: ObjectMemory, expected: Expected) -> bool:
        """Whether a pass would find something to do. Raises ClusterError and CannotProceed."""
        versions = {key: await self._version(memory.key.namespace, *key) for key in expected.versions}
        changed = versions != expected.versions
        if changed and expected.troubled:
            return True
        if not (changed or expected.pending or expected.no_token or expected.awaits_pods):
            return False
        body = await self._context.kube.resources.get(memory.key)
        if body is None or body["metadata"]["uid"] != memory.uid:
            return False
        resource = Resource.parse(body)
        goal = reconcile_goal(resource, self._context.terms, await self._issuer.current())
        if changed and await self._differs(resource, goal):
            return True
        memory.expected = replace(expected, versions=versions)
        return (
            (expected.pending and await self._may_be_written(resource, goal, expected))
            or (expected.no_token and await self._gives_tokens(goal))
            or (expected.awaits_pods and await self._pods_carry_the_identity(resource, goal))
        )

    async def _version(self, namespace: str, kind: str, name: str) -> Version | None:
        """The version of an object. Raises ClusterError when it is not known."""
        await self._context.kube.budget.room()
        try:
            return await self._context.kube.objects.version(namespace, kind, name)
        except ClusterError as error:
            if kube_errors.classify(error, "", namespace).outlook is Outlook.TRANSIENT:
                raise
            return UNREADABLE

    async def _differs(self, resource: Resource, goal: Goal) -> bool:
        """Whether the objects differ from what the resource wants, or some can no longer be read. Raises CannotProceed."""
        have, unseen = await self._look(resource, goal)
        return bool(unseen) or out_of_order(goal, have)

    async def _look(self, resource: Resource, goal: Goal) -> tuple[Observed, Collection[Link]]:
        """What a pass would observe in the cluster, and the links whose objects cannot be read. Raises CannotProceed when the API
        server did not answer."""
        where = where_to_look(resource, goal, self._context.terms.policy)
        objects, unseen = await observe_objects(self._context.kube, where)
        for link, failure in unseen.items():
            if failure.outlook is Outlook.TRANSIENT:
                raise CannotProceed(link, failure)
        return as_recorded(goal, resource.status.identity, objects), unseen.keys()

    async def _may_be_written(self, resource: Resource, goal: Goal, expected: Expected) -> bool:
        """Whether the API server would now take a change that it refused. Dry runs tell, so nothing is written. Raises
        CannotProceed."""
        have, _ = await self._look(resource, goal)
        changes = [change for change in cluster_changes(goal, have) if change not in expected.reverted]
        _, done, _ = await apply(self._context.azure, self._context.kube.rehearsal, goal, changes, have)
        return bool(done)

    async def _pods_carry_the_identity(self, resource: Resource, goal: Goal) -> bool:
        """Whether no secret keeps its access key for the sake of pods any more. Raises ClusterError and CannotProceed."""
        where = where_to_look(resource, goal, self._context.terms.policy)
        have, _ = await self._look(resource, goal)
        mounting = await self._context.kube.pods.mounting(goal.owner.namespace, where.secrets_with_keys(have.objects))
        return not awaits_pods(goal, replace(have, mounting=mounting))

    async def _gives_tokens(self, goal: Goal) -> bool:
        """Whether the API server gives a token of each service account. Raises ClusterError when it does not."""
        tokens, audience = self._context.kube.tokens, goal.desired.cloud.audience
        for account in goal.service_accounts:
            await tokens.token(goal.owner.namespace, account.name, audience)
        return True
