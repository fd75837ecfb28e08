"""What is found of each link of the chain, before anybody makes conditions of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Literal

from gitlab_azure_identity.api.conditions import CHAIN, Link
from gitlab_azure_identity.api.reasons import Reason

Truth = Literal["True", "False", "Unknown"]


class Outlook(Enum):
    """What comes next."""

    GOOD = "nothing to do"
    BLOCKED = "another link must hold first"
    WAITING = "it is under way, and expected to come right by itself"
    TRANSIENT = "Azure or the cluster failed to answer; the same question may be answered a moment later"
    STALLED = "a person must act"


@dataclass(frozen=True)
class Failure:
    """Something that did not work, in words for a person.

    `retry_after` is what the other side asked for, in seconds. What is only waited for may have a `limit`, in seconds, and an
    `overdue` message for when it is over."""

    reason: Reason
    message: str
    outlook: Outlook
    retry_after: float | None = None
    limit: float | None = None
    overdue: str = ""


class CannotProceed(Exception):
    """A pass or a deletion cannot go on: `failure` says why, at a link of the chain."""

    def __init__(self, link: Link, failure: Failure) -> None:
        super().__init__(f"{link}: {failure.reason}: {failure.message}")
        self.link, self.failure = link, failure


@dataclass(frozen=True)
class Finding:
    """One link of the chain: what is said of it, and the failure that it is said for. `failure` is None where the link holds."""

    link: Link
    reason: Reason
    message: str
    failure: Failure | None = None
    known: bool = True  # whether the link was looked at: what was not asked for is neither true nor false

    @property
    def outlook(self) -> Outlook:
        return self.failure.outlook if self.failure else Outlook.GOOD

    @property
    def status(self) -> Truth:
        """A definite answer is False; what may still come right is Unknown."""
        if self.outlook is Outlook.GOOD and self.known:
            return "True"
        return "False" if self.outlook is Outlook.STALLED else "Unknown"

    @property
    def retry_after(self) -> float | None:
        """Seconds that the other side asked us to wait."""
        return self.failure.retry_after if self.failure else None

    def after(self, seconds: float) -> "Finding":
        """The finding once it has been waited for so long: beyond its limit a person must act."""
        failure = self.failure
        if (
            failure is None
            or failure.outlook is not Outlook.WAITING
            or failure.limit is None
            or seconds < failure.limit
        ):
            return self
        return failed(self.link, Failure(failure.reason, failure.overdue, Outlook.STALLED))


def good(link: Link, reason: Reason, message: str) -> Finding:
    return Finding(link, reason, message)


def not_asked(link: Link, reason: Reason, message: str) -> Finding:
    """A finding of a link that the resource does not want to be looked at. It holds nothing back."""
    return Finding(link, reason, message, known=False)


def failed(link: Link, failure: Failure) -> Finding:
    return Finding(link, failure.reason, failure.message, failure)


def blocked(link: Link, by: Link) -> Finding:
    return failed(link, Failure(Reason.PENDING, f"Waits for {by}.", Outlook.BLOCKED))


def stopped(at: Link, failure: Failure) -> tuple[Finding, ...]:
    """Findings of a pass that could not look: all other links wait, also those before it, since nothing was seen."""
    return tuple(failed(link, failure) if link is at else blocked(link, at) for link in CHAIN)


def worst(failures: Sequence[Failure]) -> Failure:
    """The failure to tell first: one that a person must mend, before a transient one, before one that is waited for."""
    order = (Outlook.STALLED, Outlook.TRANSIENT, Outlook.WAITING, Outlook.BLOCKED, Outlook.GOOD)
    return min(failures, key=lambda failure: order.index(failure.outlook))


def first_broken(findings: Sequence[Finding]) -> Finding | None:
    """The first link that does not hold, without which an attempt at access would say nothing; None to go on."""
    return next((finding for finding in findings if finding.outlook is not Outlook.GOOD), None)
