"""Kubernetes events about a resource, posted on transitions only."""

import logging
import os
import uuid
from datetime import UTC, datetime

from gitlab_azure_identity.api import API_VERSION, KIND
from gitlab_azure_identity.api.resource import Key
from gitlab_azure_identity.domain.redaction import redact
from gitlab_azure_identity.domain.texts import unicode
from gitlab_azure_identity.kube.client import Cluster, ClusterError

COMPONENT = "gitlab-azure-identity"
MESSAGE_LIMIT = 1024  # bytes; the API server refuses longer ones

log = logging.getLogger(__name__)


class Events:
    """Tells what happened. An event that cannot be posted is logged: it is a courtesy, and never stops the work."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    async def post(self, key: Key, uid: str, kind: str, reason: str, message: str) -> None:
        """Post an event of kind Normal or Warning, its message redacted."""
        now = datetime.now(UTC)
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
            "type": kind,
            "reason": reason,
            "message": _cut(unicode(redact(message))),
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
            level = (
                logging.INFO if error.terminating else logging.WARNING
            )  # who deletes a namespace asks for no news of it
            log.log(level, "event %s not posted: %s", reason, error, extra={"resource": str(key)})


def _cut(message: str) -> str:
    encoded = message.encode()
    if len(encoded) <= MESSAGE_LIMIT:
        return message
    ellipsis = "…"
    return encoded[: MESSAGE_LIMIT - len(ellipsis.encode())].decode(errors="ignore") + ellipsis
