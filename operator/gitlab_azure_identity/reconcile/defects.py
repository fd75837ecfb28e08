"""A defect of the operator, reported in the status and by an event."""

from gitlab_azure_identity.api.conditions import READY
from gitlab_azure_identity.api.reasons import Reason
from gitlab_azure_identity.api.resource import Key, Resource
from gitlab_azure_identity.domain.assessment import defect_failure
from gitlab_azure_identity.domain.deletion_status import deletion_waits
from gitlab_azure_identity.domain.events import Event
from gitlab_azure_identity.domain.findings import stopped
from gitlab_azure_identity.domain.status import with_conditions
from gitlab_azure_identity.reconcile.context import Context
from gitlab_azure_identity.reconcile.report import Reporter


class Defects:
    """Reports unexpected exceptions."""

    def __init__(self, context: Context, report: Reporter) -> None:
        self._resources, self._clock, self._report = context.kube.resources, context.clock, report

    async def report(self, key: Key, uid: str, defect: Exception) -> None:
        """Report a defect that a pass or a deletion of an object met. Raises ClusterError, and whatever the defect causes
        again."""
        now = self._clock.now()
        body = await self._resources.get(key)
        if body is None or body["metadata"]["uid"] != uid:
            return
        resource = Resource.parse(body)
        link, failure = defect_failure(defect, now)
        before = resource.status.condition(READY)
        if resource.deleting:
            status = deletion_waits(resource, failure, now)
        else:
            status = with_conditions(resource, stopped(link, failure), now)
        await self._report.status(resource, status)
        if before is None or before.reason != Reason.INTERNAL_ERROR:
            await self._report.event(resource, Event("Warning", failure.reason, failure.message))
