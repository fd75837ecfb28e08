"""The content of the secrets that GitLab's pods copy when they start: a hash of it, and when it last changed."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from gitlab_azure_identity.api import CONTENT_CHANGED_ANNOTATION, CONTENT_HASH_ANNOTATION
from gitlab_azure_identity.domain.desired import WantedObject
from gitlab_azure_identity.domain.observed import ClusterObject
from gitlab_azure_identity.domain.pods import Pod

CLOCKS = timedelta(seconds=5)  # that ours, the API server's and the kubelets' may be apart


@dataclass(frozen=True)
class Content:
    """The content of a secret: since when it is as it is, and when the secret was created."""

    changed: datetime
    created: datetime

    def missed_by(self, pod: Pod, secret: str) -> bool:
        """Whether a pod has a former content of the secret.

        A pod copies the content once, when the first container that mounts it starts. The kubelet fetches it before that, after
        it accepted the pod, and may not fetch it again. So a change between these two moments counts as missed too. It does not
        when the secret itself is new: no container starts before every secret exists that the pod mounts (Kubernetes
        documentation, "Secrets", "Optional Secrets"). Then only a pod that started before the secret was there has another one's
        content."""
        read = pod.mounted(secret)
        if read is None:
            return False
        if self.created + CLOCKS >= self.changed:
            return read < self.created - CLOCKS
        return read < self.changed or (pod.accepted is not None and pod.accepted < self.changed)


def content_hash(data: Mapping[str, str]) -> str:
    """The same for the same texts under the same keys, and for no others."""
    text = json.dumps(sorted(data.items()), separators=(",", ":"))
    return sha256(text.encode()).hexdigest()[:16]


def marks(wanted: WantedObject, found: ClusterObject | None, *, settled: bool) -> tuple[Mapping[str, str], bool]:
    """The annotations that tell the content of a secret, and whether this write changes it. What somebody else had put in its
    place is not what GitLab is to read, so putting it right changes nothing.

    `settled`: what is wanted was written before. Then a secret that is missing was deleted by somebody, and comes back as it was.
    A secret that a former version of the operator wrote has no annotations: since when its content is as it is nobody knows."""
    if wanted.kind != "Secret":
        return {}, False
    mark = {CONTENT_HASH_ANNOTATION: content_hash(wanted.data)}
    if found is None:
        return mark, not settled
    if found.annotations.get(CONTENT_HASH_ANNOTATION) == mark[CONTENT_HASH_ANNOTATION]:
        since = found.annotations.get(CONTENT_CHANGED_ANNOTATION)
        return mark | ({CONTENT_CHANGED_ANNOTATION: since} if since else {}), False
    return mark, any(found.data.get(key) != text for key, text in wanted.data.items())


def stamp(now: datetime) -> str:
    """A moment as the annotation has it. It is rounded up: the kubelet cuts its times to whole seconds, and a pod that started in
    the second of the change may have the former content."""
    whole = datetime.fromtimestamp(math.ceil(now.timestamp()), UTC)
    return whole.strftime("%Y-%m-%dT%H:%M:%SZ")


def content_of(wanted: WantedObject, found: ClusterObject | None) -> Content | None:
    """Since when the content of a secret is as it is wanted. None when that is not known: nothing says so, or what says so is
    about another content, or is no time."""
    if wanted.kind != "Secret" or found is None or found.created is None:
        return None
    if found.annotations.get(CONTENT_HASH_ANNOTATION) != content_hash(wanted.data):
        return None
    try:
        changed = datetime.fromisoformat(found.annotations.get(CONTENT_CHANGED_ANNOTATION, ""))
    except ValueError:
        return None
    return Content(changed, found.created) if changed.tzinfo else None
