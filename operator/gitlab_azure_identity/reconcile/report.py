"""Tell people: write the status when it says something new, and post an event when something happened."""

import logging
from collections.abc import Sequence
from dataclasses import replace

from gitlab_azure_identity.api import conditions
from gitlab_azure_identity.api.resource import Resource
from gitlab_azure_identity.api.status import Status
from gitlab_azure_identity.domain.changes import Change, Removal
from gitlab_azure_identity.domain.findings import Finding, Outlook
from gitlab_azure_identity.domain.texts import presentable
from gitlab_azure_identity.kube.client import ClusterError
from gitlab_azure_identity.metrics import READY, TRANSIENT_FAILURES
from gitlab_azure_identity.reconcile.ports import Kube

log = logging.getLogger(__name__)


class Reporter:
    """Writes statuses and events of resources."""

    def __init__(self, kube: Kube) -> None:
        self._kube = kube

    async def status(self, resource: Resource, status: Status) -> Resource:
        """Write the status, as it may be told, unless it is there already; the resource as it then is.

        A status that cannot be written is logged: the next pass compares again and writes it then."""
        status = presentable(status)
        ready = status.condition(conditions.READY)
        READY.labels(resource.key.namespace, resource.key.name).set(ready is not None and ready.status == "True")
        if status == resource.status:
            return resource
        try:
            await self._kube.resources.write_status(resource.key, resource.uid, status)
        except ClusterError as error:
            log.warning("status not written: %s", error, extra={"resource": str(resource.key)})
            return resource
        await self._transition(resource, status)
        return replace(resource, status=status)

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
