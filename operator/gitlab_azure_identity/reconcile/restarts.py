"""Restarts of GitLab's Deployments, for resources that ask for them: looks, decides by the domain, and restarts one."""

import logging
from collections.abc import Sequence

from gitlab_azure_identity.domain import rollouts
from gitlab_azure_identity.domain.events import restarted_event
from gitlab_azure_identity.domain.rollouts import Rollout, Step
from gitlab_azure_identity.domain.workloads import Carried, Line
from gitlab_azure_identity.kube import errors as kube_errors
from gitlab_azure_identity.kube.client import ClusterError
from gitlab_azure_identity.reconcile.context import Context
from gitlab_azure_identity.reconcile.memory import ObjectMemory
from gitlab_azure_identity.reconcile.report import Reporter

LOOK = 5.0  # seconds between two looks at a rollout: the operator may not watch Deployments
log = logging.getLogger(__name__)


class Restarts:
    """Restarts Deployments, one after the other."""

    def __init__(self, context: Context, report: Reporter) -> None:
        self._deployments, self._clock, self._report = context.kube.deployments, context.clock, report

    async def next(self, memory: ObjectMemory, lines: Sequence[Line], want: Carried, *, ready: bool) -> Step | None:
        """The next step for these pods, which is told before it is made. A resource that asks for restarts is told that the right
        to them is missing, whether its pods are stale or not."""
        if not want.restarts:
            return rollouts.offered(lines)
        if memory.no_restart is not None:
            return memory.no_restart
        found: dict[str, Rollout] = {}
        try:
            for name in rollouts.deployments(lines):
                if rollout := await self._deployments.rollout(want.namespace, name):
                    found[name] = rollout
        except ClusterError as error:
            return _refused(error, want)
        return rollouts.step(lines, found, want.namespace, ready=ready, now=self._clock.now())

    async def make(self, memory: ObjectMemory, want: Carried, step: Step) -> None:
        """Make a step that was told. A rollout announces nothing, so it is looked at again a little later."""
        if step.restarted is not None and memory.resource is not None:
            try:
                await self._deployments.restart(
                    want.namespace, want.name, step.restarted, step.cause, self._clock.now()
                )
            except ClusterError as error:
                log.warning("not restarted: %s", error, extra={"resource": str(memory.key)})
                refusal = _refused(error, want)
                if not refusal.waits:  # the next pass tries again
                    memory.no_restart = refusal
                    memory.pods.set()
                    return
            else:
                await self._report.event(memory.resource, restarted_event(step.restarted.name, step.cause))
        if step.waits:
            memory.look_again(LOOK)


def _refused(error: ClusterError, want: Carried) -> Step:
    return rollouts.refused(kube_errors.classify(error, "restart GitLab's Deployments", want.namespace), error.message)
