"""When the access key of a secret goes that somebody handed over.

A pod whose secret has a key uses the key, also when it carries the identity. So nothing is lost in this order: first everything
stands that the identity needs; then every pod that mounts the secret carries the identity; then access is proven; and in that
same pass the key goes."""

import contextlib
from collections.abc import Iterable, Mapping
from dataclasses import replace

from gitlab_azure_identity.api.conditions import Link
from gitlab_azure_identity.api.reasons import Reason
from gitlab_azure_identity.api.spec import Verification
from gitlab_azure_identity.domain.causes import commands
from gitlab_azure_identity.domain.desired import WantedObject
from gitlab_azure_identity.domain.findings import Failure, Outlook
from gitlab_azure_identity.domain.gitlab.migration import Refused
from gitlab_azure_identity.domain.gitlab.releases import GitLabRelease
from gitlab_azure_identity.domain.gitlab.versions import unusable
from gitlab_azure_identity.domain.goal import Goal
from gitlab_azure_identity.domain.handover import handover
from gitlab_azure_identity.domain.observed import ClusterObject, Observed
from gitlab_azure_identity.domain.workloads import carried, finding, judged
from gitlab_azure_identity.domain.writers import other_writer

WAY_OUT = (
    "let the operator write a secret of its own, under another name in spec.secrets: docs/migrating.md#with-new-secrets"
)


def handover_obstacle(goal: Goal, have: Observed, wanted: WantedObject, found: ClusterObject | None) -> Failure | None:
    """Why a secret that somebody handed over is not written now. None for every other object."""
    if found is None:
        return None
    try:
        becomes = handover(goal, wanted, found)
    except Refused as refused:
        message = f"{refused.why}. Nothing is changed in it. Correct it, or {WAY_OUT}"
        return Failure(Reason.SECRET_NOT_UNDERSTOOD, message, Outlook.STALLED)
    if becomes.kept and (becomes.differs_from(found) or becomes.copied) and other_writer(found) is not None:
        return written_elsewhere(found)
    if becomes.kept and becomes.differs_from(found) and found.immutable:
        return _fixed(goal, found)
    return _key_stays(goal, have, found.name) if becomes.dropped else None


def written_elsewhere(found: ClusterObject) -> Failure | None:
    """The failure for a secret of somebody else that a tool writes from elsewhere. None when no tool is known to."""
    writer = other_writer(found)
    if writer is None:
        return None
    message = (
        f"Secret {found.name} is written by {writer.who}, which would put back what is changed in it. Take the access key out "
        f"{writer.place}: docs/migrating.md#in-place. Or {WAY_OUT}"
    )
    return Failure(Reason.NOT_OWNED, message, Outlook.STALLED)


def _fixed(goal: Goal, found: ClusterObject) -> Failure:
    """The failure for a secret of somebody else that cannot be changed. Deleted alone, it would lose what that person wrote."""
    anew = commands.WITHOUT_IMMUTABLE.filled(namespace=goal.owner.namespace, secret=found.name)
    message = (
        f"Secret {found.name} has immutable: true, so nothing in it can be changed. Create it anew without that: {anew}"
    )
    return Failure(Reason.IMMUTABLE, message, Outlook.STALLED)


def access_keys(goal: Goal, objects: Mapping[tuple[str, str], ClusterObject]) -> dict[str, tuple[str, ...]]:
    """The secrets that were handed over and have an access key: their names, and the settings that hold it."""
    found: dict[str, tuple[str, ...]] = {}
    for wanted in goal.objects:
        with contextlib.suppress(Refused):
            if settings := handover(goal, wanted, objects.get((wanted.kind, wanted.name))).dropped:
                found[wanted.name] = settings
    return found


def _key_stays(goal: Goal, have: Observed, name: str) -> Failure | None:
    """Why the key of a secret stays for now, or None when it may go."""
    keys = access_keys(goal, have.objects)
    if too_old := _needs_keys(goal, have, name):
        message = f"Secret {name} keeps its access key ({', '.join(keys[name])}). {too_old}"
        return Failure(Reason.VERSION_UNSUPPORTED, message, Outlook.STALLED)
    if _without_identity(goal, have, {name}) is not None:
        waiting = sorted(one for one in keys if _without_identity(goal, have, {one}))
        listed = ", ".join(f"{one} ({', '.join(keys[one])})" for one in waiting)
        keep = f"Secret {listed} keeps its access key until every pod that mounts it carries the identity."
        if len(waiting) > 1:
            keep = f"Secrets {listed} keep their access keys until every pod that mounts one carries the identity."
        return Failure(Reason.AWAITING_WORKLOADS, f"{keep} {_without_identity(goal, have, waiting)}", Outlook.STALLED)
    keeps = f"Secret {name} keeps its access key ({', '.join(keys[name])})"
    if goal.desired.verification is Verification.DISABLED:
        message = f"{keeps}, since access is not proven: set spec.verification to Required or Report."
        return Failure(Reason.DISABLED, message, Outlook.STALLED)
    if not goal.proven:
        return Failure(Reason.PENDING, f"{keeps} until access is proven. Waits for {Link.ACCESS}.", Outlook.BLOCKED)
    return None


def _needs_keys(goal: Goal, have: Observed, secret: str) -> str | None:
    """Why a GitLab whose pods mount a secret cannot do without keys, by the chart that made the pods. None when it can."""
    charts = {pod.chart_version or "" for pod in have.mounting if secret in pod.secrets}
    for version in sorted(charts):
        with contextlib.suppress(ValueError):  # a version that nothing is known of
            use = replace(goal.desired.use, release=GitLabRelease.parse(version))
            if known := unusable(use):
                return known[0].message
    return None


def _without_identity(goal: Goal, have: Observed, secrets: Iterable[str]) -> str | None:
    """What the pods that mount one of these secrets lack of the identity, and what mends it. None when they lack nothing. Pods of
    Jobs and of Helm's hooks end by themselves, and do not count."""
    want = carried(goal, have)
    if want is None:
        return None
    pods = [pod for pod in have.mounting if not pod.secrets.isdisjoint(secrets)]
    components = tuple(dict.fromkeys((*want.components, *(pod.component for pod in pods))))
    # What they read of the secret is no matter here: they have its key.
    want = replace(want, components=components, contents={})
    verdict = finding(judged(pods, want), want)
    return verdict.message if verdict.failure else None
