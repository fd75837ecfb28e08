"""Tell people: write the status when it says something new, and post an event when something happened."""

import logging
from collections.abc import Sequence
from dataclasses import replace

from gitlab_azure_identity.api import conditions
from gitlab_azure_identity.api.resource import Resource
from gitlab_azure_identity.api.status import Status
from gitlab_azure_identity.domain.changes import Change, Removal
from gitlab_azure_identity.domain.findings import Finding, Outlook
from gitlab_azure_identity.domain.texts import presentable, untold
from gitlab_azure_identity.kube.client import ClusterError
from gitlab_azure_identity.metrics import READY, STATUSES_NOT_WRITTEN, TRANSIENT_FAILURES
from gitlab_azure_identity.reconcile.ports import Kube

log = logging.getLogger(__name__)

NOT_TAKEN = {
    400,
    413,
    422,
}  # what the API server says of a status that it cannot read, that is too long, or is not valid


class Reporter:
    """Writes statuses and events of resources."""

    def __init__(self, kube: Kube) -> None:
        self._kube = kube

    async def status(self, resource: Resource, status: Status) -> Resource:
        """Write the status, as it may be told, unless it is there already; the resource as it then is.

        A status that cannot be written is logged: the next pass compares again and writes it then. One that the API server
        does not take is written without its texts, and told by an event."""
        status = presentable(status)
        ready = status.condition(conditions.READY)
        READY.labels(resource.key.namespace, resource.key.name).set(ready is not None and ready.status == "True")
        if status == resource.status:
            return resource
        written, refusal = status, await self._written(resource, status)
        if refusal and refusal.status in NOT_TAKEN:
            written = untold(status)
            if written == resource.status:
                return resource
            await self._not_taken(resource, status, refusal)
            refusal = await self._written(resource, written)
        if refusal:
            return resource
        await self._transition(resource, status)
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
        """Tell, where people look, of a status that they cannot see; and its texts, where there is room for them."""
        STATUSES_NOT_WRITTEN.inc()
        texts = "; ".join(f"{one.type}: {one.message}" for one in status.conditions)
        log.warning("the status says: %s", texts, extra={"resource": str(resource.key)})
        message = (
            f"The API server does not take the status as it is: {refusal.message}. It is written without its messages."
        )
        await self.event(resource, "Warning", "StatusNotWritten", message)

    async def _transition(self, resource: Resource, status: Status) -> None:
        before, now = resource.status.condition(conditions.READY), status.condition(conditions.READY)
        if now is None or (before and (before.status, before.reason) == (now.status, now.reason)):
            return
        log.info("Ready is %s: %s: %s", now.status, now.reason, now.message, extra={"resource": str(resource.key)})
        if now.status == "True":
            await self.event(resource, "Normal", now.reason, now.message)
        elif now.status == "False":
            await self.event(resource, "Warning", now.reason, now.message)

    async def applied(self, resource: Resource, done: Sequence[Change], *, drift: bool) -> None:
        """Tell what a pass changed; as drift when nobody had asked for a change."""
        if not done:
            return
        made = [str(change) for change in done if not isinstance(change, Removal)]
        removed = [str(change) for change in done if isinstance(change, Removal)]
        verb = "Restored" if drift else "Wrote"
        parts = ([f"{verb} {'; '.join(made)}."] if made else []) + (
            [f"Removed {'; '.join(removed)}."] if removed else []
        )
        reason = "DriftRepaired" if drift else "Applied"
        log.info("%s: %s", reason, " ".join(parts), extra={"resource": str(resource.key)})
        await self.event(resource, "Warning" if drift else "Normal", reason, " ".join(parts))

    async def transient(self, resource: Resource, findings: Sequence[Finding], *, borne: int) -> None:
        """Count failures that pass by themselves. The first in a row that the conditions do not tell (`borne` 1) is an event."""
        passing = [finding for finding in findings if finding.outlook is Outlook.TRANSIENT]
        for finding in passing:
            TRANSIENT_FAILURES.labels(finding.reason).inc()
            log.warning("%s: %s", finding.reason, finding.message, extra={"resource": str(resource.key)})
        if passing and borne == 1:
            await self.event(resource, "Warning", passing[0].reason, passing[0].message)

    async def event(self, resource: Resource, kind: str, reason: str, message: str) -> None:
        await self._kube.events.post(resource.key, resource.uid, kind, reason, message)
