"""The findings about the links of the chain. Conditions are made from them."""

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
    WAITING = "it is under way, and needs no person"
    TRANSIENT = "Azure or the cluster failed to answer; the same request may succeed a moment later"
    STALLED = "a person must act"


@dataclass(frozen=True)
class Failure:
    """Something that did not work, with a message for a person.

    `retry_after` is the wait that Azure or the cluster asked for, in seconds. A failure that is only waited for may have a
    `limit`, in seconds, and an `overdue` message for the time after it."""

    reason: Reason
    message: str
    outlook: Outlook
    retry_after: float | None = None
    limit: float | None = None
    overdue: str = ""


class CannotProceed(Exception):
    """A pass or a deletion cannot go on. `failure` says why, and `link` reports it."""

    def __init__(self, link: Link, failure: Failure) -> None:
        super().__init__(f"{link}: {failure.reason}: {failure.message}")
        self.link, self.failure = link, failure


@dataclass(frozen=True)
class Finding:
    """What the operator reports about one link of the chain. `failure` is None when the link holds."""

    link: Link
    reason: Reason
    message: str
    failure: Failure | None = None
    known: bool = True  # False when the link was not checked: it is then neither true nor false

    @property
    def outlook(self) -> Outlook:
        return self.failure.outlook if self.failure else Outlook.GOOD

    @property
    def status(self) -> Truth:
        """False is for a link that needs a person. Unknown is for one that does not hold yet, or was not checked."""
        if self.outlook is Outlook.GOOD and self.known:
            return "True"
        return "False" if self.outlook is Outlook.STALLED else "Unknown"

    @property
    def retry_after(self) -> float | None:
        """The seconds that Azure or the cluster asked us to wait."""
        return self.failure.retry_after if self.failure else None

    def after(self, seconds: float) -> "Finding":
        """The finding after its link has waited for so many seconds. Beyond the failure's limit a person must act."""
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
    """A finding for a link that the resource does not want to be checked. It blocks nothing."""
    return Finding(link, reason, message, known=False)


def failed(link: Link, failure: Failure) -> Finding:
    return Finding(link, failure.reason, failure.message, failure)


def blocked(link: Link, by: Link) -> Finding:
    return failed(link, Failure(Reason.PENDING, f"Waits for {by}.", Outlook.BLOCKED))


def stopped(at: Link, failure: Failure) -> tuple[Finding, ...]:
    """The findings of a pass that could not observe. All other links wait, also those before it, since nothing was seen."""
    return tuple(failed(link, failure) if link is at else blocked(link, at) for link in CHAIN)


def worst(failures: Sequence[Failure]) -> Failure:
    """The failure to report: one that needs a person, before a transient one, before one that is waited for."""
    order = (Outlook.STALLED, Outlook.TRANSIENT, Outlook.WAITING, Outlook.BLOCKED, Outlook.GOOD)
    return min(failures, key=lambda failure: order.index(failure.outlook))


def first_broken(findings: Sequence[Finding]) -> Finding | None:
    """The finding of the first link that does not hold, or None. An attempt at access needs all of them."""
    return next((finding for finding in findings if finding.outlook is not Outlook.GOOD), None)
