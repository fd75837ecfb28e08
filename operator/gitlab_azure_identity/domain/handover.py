"""Secrets that somebody handed over: what stays in them of what a person wrote."""

import base64
import contextlib
import json
from dataclasses import dataclass, replace

from gitlab_azure_identity.api import LAST_APPLIED_ANNOTATION
from gitlab_azure_identity.domain.desired import WantedObject
from gitlab_azure_identity.domain.gitlab.migration import Refused, migrated
from gitlab_azure_identity.domain.goal import Goal
from gitlab_azure_identity.domain.observed import ClusterObject


@dataclass(frozen=True)
class Handover:
    """What becomes of an object: `wanted` is what is to be there. The rest is about a secret that was handed over."""

    wanted: WantedObject
    kept: bool = False  # `wanted` has what a person wrote, made to say what the resource says
    dropped: tuple[str, ...] = ()  # the settings with credentials that it has no more, such as azure.accountkey
    copied: bool = False  # `kubectl apply` left a copy of a credential in an annotation

    def differs_from(self, found: ClusterObject) -> bool:
        """Whether something else is there."""
        return any(found.data.get(key) != text for key, text in self.wanted.data.items())


def handover(goal: Goal, wanted: WantedObject, found: ClusterObject | None) -> Handover:
    """What becomes of an object. One that we created has the text that we write. Raises Refused for a secret of somebody else
    that the operator does not change."""
    if found is None or wanted.kind != "Secret" or not goal.handed_over(found):
        return Handover(wanted)
    data: dict[str, str] = {}
    dropped: list[str] = []
    for key, ours in wanted.data.items():
        if key not in found.data and (other := _meant(found, wanted, ours)):
            raise Refused(
                f"Secret {found.name} has an access key under {other}, and nothing under {key}. If GitLab reads {other}, name "
                "it as the key of that secret in spec.secrets"
            )
        try:
            result = migrated(found.data.get(key, ""), ours)
        except Refused as refused:
            raise Refused(f"Key {key} of secret {found.name} {refused.why}") from refused
        data[key] = result.text
        dropped += result.dropped
    return Handover(replace(wanted, data=data), True, tuple(dropped), _copied(wanted, found))


def _meant(found: ClusterObject, wanted: WantedObject, ours: str) -> str | None:
    """The key that GitLab may read instead of one that the secret does not have: its text is of the same kind, with an access
    key. None when there is none."""
    for key in sorted(found.data.keys() - wanted.data.keys()):
        with contextlib.suppress(Refused):
            if migrated(found.data[key], ours).dropped:
                return key
    return None


def _copied(wanted: WantedObject, found: ClusterObject) -> bool:
    """Whether the annotation of `kubectl apply` has one of our texts with a credential in it, or one that is not understood."""
    try:
        applied = json.loads(found.annotations.get(LAST_APPLIED_ANNOTATION, "{}"))
        texts = {key: base64.b64decode(text).decode(errors="replace") for key, text in applied.get("data", {}).items()}
        texts |= applied.get("stringData", {})
        return any(migrated(texts.get(key, ""), ours).dropped for key, ours in wanted.data.items())
    except (ValueError, AttributeError, TypeError):
        return False  # not what kubectl writes there
    except Refused:
        return True
