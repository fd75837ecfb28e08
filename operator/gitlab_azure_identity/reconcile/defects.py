"""A defect of the operator's own, told where people look: in the status, and by an event."""

from gitlab_azure_identity.api.conditions import IDENTITY_READY, READY
from gitlab_azure_identity.api.resource import Key, Resource
from gitlab_azure_identity.domain.findings import Failure, Outlook
from gitlab_azure_identity.domain.judge import stop
from gitlab_azure_identity.reconcile.goals import World
from gitlab_azure_identity.reconcile.report import Reporter
from gitlab_azure_identity.reconcile.summarize import deletion_waits, judged


class Defects:
    """Tells of what nobody expected."""

    def __init__(self, world: World, report: Reporter) -> None:
        self._world, self._report = world, report

    async def tell(self, key: Key, uid: str, defect: Exception) -> None:
        """Say of an object that it met a defect. Raises ClusterError, and whatever the defect itself may cause again."""
        now = self._world.now()
        body = await self._world.kube.resources.get(key)
        if body is None or body["metadata"]["uid"] != uid:
            return
        resource = Resource.parse(body)
        failure = Failure("InternalError", in_words(defect, f"{now:%Y-%m-%dT%H:%M:%SZ}"), Outlook.TRANSIENT)
        told = resource.status.condition(READY)
        if resource.deleting:
            status = deletion_waits(resource, failure, now)
        else:
            status = judged(resource, stop(IDENTITY_READY, failure), now)
        await self._report.status(resource, status)
        if told is None or told.reason != failure.reason:
            await self._report.event(resource, "Warning", "InternalError", failure.message)


def in_words(defect: Exception, moment: str) -> str:
    """What happened, in one line, and where there is more of it."""
    said = " ".join(f"{type(defect).__name__}: {defect}".split())
    return (
        f"The operator failed: {said[:300]}. This is a defect of the operator, not of this resource: its log says more, at "
        f"{moment}. It is tried again."
    )
