"""Kubernetes events about a resource. They are posted on transitions only."""

import logging
import os
import uuid

from gitlab_azure_identity.api import API_VERSION, KIND
from gitlab_azure_identity.api.resource import Key
from gitlab_azure_identity.clock import Clock
from gitlab_azure_identity.domain.events import Event
from gitlab_azure_identity.domain.redaction import redact
from gitlab_azure_identity.domain.texts import unicode
from gitlab_azure_identity.kube.client import Cluster, ClusterError

COMPONENT = "gitlab-azure-identity"
MESSAGE_LIMIT = 1024  # bytes; the API server refuses longer ones

log = logging.getLogger(__name__)


class Events:
    """Posts events. An event that the API server refuses is logged. It never stops a pass."""

    def __init__(self, cluster: Cluster, clock: Clock) -> None:
        self._cluster, self._clock = cluster, clock

    async def post(self, key: Key, uid: str, event: Event) -> None:
        """Post an event, its message redacted."""
        now = self._clock.now()
        body = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": f"{key.name}.{uuid.uuid4().hex[:16]}", "namespace": key.namespace},
            "involvedObject": {
                "apiVersion": API_VERSION,
                "kind": KIND,
                "name": key.name,
                "namespace": key.namespace,
                "uid": uid,
            },
            "type": event.kind,
            "reason": event.reason,
            "message": _cut(unicode(redact(event.message))),
            "source": {"component": COMPONENT},
            "reportingComponent": COMPONENT,
            "reportingInstance": os.environ.get("HOSTNAME", COMPONENT),
            "action": "Reconcile",
            "firstTimestamp": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "lastTimestamp": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "eventTime": now.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "count": 1,
        }
        try:
            await self._cluster.request("POST", f"/api/v1/namespaces/{key.namespace}/events", body)
        except ClusterError as error:
            # In a namespace that is being deleted nobody waits for events.
            level = logging.INFO if error.terminating else logging.WARNING
            log.log(level, "event %s not posted: %s", event.reason, error, extra={"resource": str(key)})


def _cut(message: str) -> str:
    encoded = message.encode()
    if len(encoded) <= MESSAGE_LIMIT:
        return message
    ellipsis = "…"
    return encoded[: MESSAGE_LIMIT - len(ellipsis.encode())].decode(errors="ignore") + ellipsis
