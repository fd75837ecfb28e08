"""Tell people: write the status when it says something new, and post events."""

import logging
from collections.abc import Sequence
from dataclasses import replace

from gitlab_azure_identity.api import conditions
from gitlab_azure_identity.api.reasons import Reason
from gitlab_azure_identity.api.resource import Resource
from gitlab_azure_identity.api.status import Status
from gitlab_azure_identity.domain.assessment import Event, ready_event
from gitlab_azure_identity.domain.findings import Finding, Outlook
from gitlab_azure_identity.domain.texts import presentable, without_texts
from gitlab_azure_identity.kube.client import ClusterError
from gitlab_azure_identity.metrics import READY, STATUSES_NOT_WRITTEN, TRANSIENT_FAILURES
from gitlab_azure_identity.reconcile.context import Kube

log = logging.getLogger(__name__)

NOT_TAKEN = {400, 413, 422}  # the API server cannot read the status, it is too long, or it is not valid


class Reporter:
    """Writes statuses and events of resources."""

    def __init__(self, kube: Kube) -> None:
        self._kube = kube

    async def status(self, resource: Resource, status: Status) -> Resource:
        """Write the status, as it may be told, unless it is there already. Returns the resource as it then is.

        A status that cannot be written is logged: the next pass compares again and writes it then. One that the API server does
        not take is written without its texts, and an event says so."""
        status = presentable(status)
        ready = status.condition(conditions.READY)
        READY.labels(resource.key.namespace, resource.key.name).set(ready is not None and ready.status == "True")
        if status == resource.status:
            return resource
        written, refusal = status, await self._written(resource, status)
        if refusal and refusal.status in NOT_TAKEN:
            written = without_texts(status)
            if written == resource.status:
                return resource
            await self._not_taken(resource, status, refusal)
            refusal = await self._written(resource, written)
        if refusal:
            return resource
        if event := ready_event(resource.status, status):
            await self.event(resource, event)
        return replace(resource, status=written)

    async def _written(self, resource: Resource, status: Status) -> ClusterError | None:
        """Write a status; None where it was written, else why not."""
        try:
            await self._kube.resources.write_status(resource.key, resource.uid, status)
        except ClusterError as error:
            log.warning("status not written: %s", error, extra={"resource": str(resource.key)})
            return error
        return None

    async def _not_taken(self, resource: Resource, status: Status, refusal: ClusterError) -> None:
        """Tell, where people look, of a status that they cannot see; and log its texts, where there is room for them."""
        STATUSES_NOT_WRITTEN.inc()
        texts = "; ".join(f"{one.type}: {one.message}" for one in status.conditions)
        log.warning("the status says: %s", texts, extra={"resource": str(resource.key)})
        message = (
            f"The API server does not take the status as it is: {refusal.message}. It is written without its messages."
        )
        await self.event(resource, Event("Warning", Reason.STATUS_NOT_WRITTEN, message))

    def transient(self, resource: Resource, findings: Sequence[Finding]) -> None:
        """Count and log transient failures, told in the conditions or not."""
        for finding in findings:
            if finding.outlook is Outlook.TRANSIENT:
                TRANSIENT_FAILURES.labels(finding.reason).inc()
                log.warning("%s: %s", finding.reason, finding.message, extra={"resource": str(resource.key)})

    async def event(self, resource: Resource, event: Event | None) -> None:
        """Post an event, and log it. Nothing where there is none."""
        if event is not None:
            log.info("%s: %s", event.reason, event.message, extra={"resource": str(resource.key)})
            await self._kube.events.post(resource.key, resource.uid, event)
