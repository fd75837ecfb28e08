"""Reports to people: a status that is written when it changed, and events."""

import logging
from collections.abc import Sequence
from dataclasses import replace

from gitlab_azure_identity.api.reasons import Reason
from gitlab_azure_identity.api.resource import Resource
from gitlab_azure_identity.api.status import Status
from gitlab_azure_identity.domain.events import Event, ready_event, workloads_event
from gitlab_azure_identity.domain.findings import Finding, Outlook
from gitlab_azure_identity.domain.texts import presentable, without_texts
from gitlab_azure_identity.kube.client import ClusterError
from gitlab_azure_identity.metrics import CONDITIONS, STATUSES_NOT_WRITTEN, TRANSIENT_FAILURES
from gitlab_azure_identity.reconcile.context import Kube

log = logging.getLogger(__name__)

REFUSED = {400, 413, 422}  # the API server cannot read the status, or it is too long, or it is not valid


class Reporter:
    """Writes statuses and events of resources."""

    def __init__(self, kube: Kube) -> None:
        self._kube = kube

    async def status(self, resource: Resource, status: Status) -> Resource | None:
        """Write the status, redacted, unless the resource has it already. Returns the resource with the status that it has then,
        or None when the status could not be written, which is logged.

        A status that the API server refuses is written without its texts, and an event says so."""
        status = presentable(status)
        key = resource.key
        CONDITIONS.set(key.namespace, key.name, ((one.type, one.status, one.reason) for one in status.conditions))
        if status == resource.status:
            return resource
        written, refusal = status, await self._written(resource, status)
        if refusal and refusal.status in REFUSED:
            written = without_texts(status)
            if written == resource.status:
                return resource
            await self._refused(resource, status, refusal)
            refusal = await self._written(resource, written)
        if refusal:
            return None
        for event in (ready_event(resource.status, status), workloads_event(resource.status, status)):
            await self.event(resource, event)
        return replace(resource, status=written)

    async def _written(self, resource: Resource, status: Status) -> ClusterError | None:
        """Write a status. Returns None, or the error when it was not written."""
        try:
            await self._kube.resources.write_status(resource.key, resource.uid, status)
        except ClusterError as error:
            log.warning("status not written: %s", error, extra={"resource": str(resource.key)})
            return error
        return None

    async def _refused(self, resource: Resource, status: Status, refusal: ClusterError) -> None:
        """Post an event about a status that the API server refused, and log the texts of that status."""
        STATUSES_NOT_WRITTEN.inc()
        texts = "; ".join(f"{one.type}: {one.message}" for one in status.conditions)
        log.warning("messages of the refused status: %s", texts, extra={"resource": str(resource.key)})
        message = f"The API server refused the status: {refusal.message}. The status is written without its messages."
        await self.event(resource, Event("Warning", Reason.STATUS_NOT_WRITTEN, message))

    def transient(self, resource: Resource, findings: Sequence[Finding]) -> None:
        """Count and log transient failures, whether a condition reports them or not."""
        for finding in findings:
            if finding.outlook is Outlook.TRANSIENT:
                TRANSIENT_FAILURES.labels(finding.reason).inc()
                log.warning("%s: %s", finding.reason, finding.message, extra={"resource": str(resource.key)})

    async def event(self, resource: Resource, event: Event | None) -> None:
        """Post an event, and log it. None posts nothing."""
        if event is not None:
            log.info("%s: %s", event.reason, event.message, extra={"resource": str(resource.key)})
            await self._kube.events.post(resource.key, resource.uid, event)
