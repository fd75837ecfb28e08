"""From findings to conditions, and to Ready, the one that people read first."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from gitlab_azure_identity.api.conditions import READY, RECONCILING, STALLED, Link
from gitlab_azure_identity.api.reasons import Reason
from gitlab_azure_identity.api.resource import Resource
from gitlab_azure_identity.api.spec import Verification
from gitlab_azure_identity.api.status import Condition
from gitlab_azure_identity.domain.findings import Finding, Outlook, Truth


@dataclass(frozen=True)
class Verdict:
    """The value of Ready, and why."""

    status: Truth
    reason: Reason
    message: str
    outlook: Outlook


def was_ready(resource: Resource) -> bool:
    """Whether this generation was Ready when it was last judged."""
    ready = resource.status.condition(READY)
    return ready is not None and ready.status == "True" and ready.observed_generation == resource.generation


def was_overdue(resource: Resource, finding: Finding) -> bool:
    """Whether a finding's condition is already False for the same reason. Then its wait stays over, and does not start again."""
    before = resource.status.condition(finding.link)
    return before is not None and (before.status, before.reason) == ("False", finding.reason)


def counts(link: Link, verification: Verification) -> bool:
    """Whether Ready depends on a link."""
    return link.counts and (link is not Link.ACCESS or verification is Verification.REQUIRED)


def ready(findings: Sequence[Finding], verification: Verification) -> Verdict:
    """Ready has the status, the reason and the message of the first link that does not hold, of those that count."""
    counted = [f for f in findings if counts(f.link, verification)]
    bad = [finding for finding in counted if finding.outlook is not Outlook.GOOD]
    first = next((finding for finding in bad if finding.outlook is not Outlook.BLOCKED), bad[0] if bad else None)
    if first is None:
        return Verdict("True", Reason.READY, _all_is_well(findings, verification), Outlook.GOOD)
    status: Truth = "False" if first.outlook is Outlook.STALLED else "Unknown"
    return Verdict(status, first.reason, first.message, first.outlook)


def _all_is_well(findings: Sequence[Finding], verification: Verification) -> str:
    """The message of Ready when all counted links hold. It names access that is not proven."""
    if verification is Verification.DISABLED:
        return "Everything is in place. Access was not tried: spec.verification is Disabled."
    if any(finding.link is Link.ACCESS and finding.outlook is not Outlook.GOOD for finding in findings):
        return "Everything is in place, but access is not proven: see AccessVerified. spec.verification is Report."
    return "GitLab can reach its storage as the managed identity."


def conditions(resource: Resource, findings: Sequence[Finding], now: datetime) -> list[Condition]:
    """The conditions for these findings."""
    verdict = ready(findings, resource.legible.verification)
    entries: list[tuple[str, Truth, str, str]] = [(READY, verdict.status, verdict.reason, verdict.message)]
    if verdict.outlook in (Outlook.WAITING, Outlook.TRANSIENT, Outlook.BLOCKED):
        entries.append((RECONCILING, "True", verdict.reason, verdict.message))
    if verdict.outlook is Outlook.STALLED:
        entries.append((STALLED, "True", verdict.reason, verdict.message))
    entries += [(finding.link, finding.status, finding.reason, finding.message) for finding in findings]
    return [as_condition(resource, *entry, now) for entry in entries]


def as_condition(resource: Resource, kind: str, status: Truth, reason: str, message: str, now: datetime) -> Condition:
    """A condition. Its transition time changes only when its status does."""
    before = resource.status.condition(kind)
    unmoved = before is not None and before.status == status
    return Condition(
        type=kind,
        status=status,
        observed_generation=resource.generation,
        last_transition_time=before.last_transition_time if before and unmoved else _stamp(now),
        reason=reason,
        message=message,
    )


def _stamp(now: datetime) -> str:
    return now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
