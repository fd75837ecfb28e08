"""What a pass found out about each link of the chain, before anybody makes conditions of it."""

from dataclasses import dataclass
from enum import Enum
from typing import Literal


class Outlook(Enum):
    """What comes next."""

    GOOD = "nothing to do"
    BLOCKED = "an earlier link must hold first"
    WAITING = "it is under way, and expected to come right by itself"
    TRANSIENT = "Azure or the cluster failed to answer; the same question may be answered a moment later"
    STALLED = "a person must act"


@dataclass(frozen=True)
class Failure:
    """Something that did not work, already put into words for a person.

    `retry_after` is what the other side asked for, in seconds. What is only waited for may have a `limit`, in seconds, and
    an `overdue` message for when it is over."""

    reason: str
    message: str
    outlook: Outlook
    retry_after: float | None = None
    limit: float | None = None
    overdue: str = ""


@dataclass(frozen=True)
class Finding:
    """One link of the chain: whether it holds, why, and what is next."""

    condition: str
    status: Literal["True", "False", "Unknown"]
    reason: str
    message: str
    outlook: Outlook = Outlook.GOOD
    retry_after: float | None = None
    limit: float | None = None
    overdue: str = ""

    def after(self, seconds: float) -> "Finding":
        """The finding once it has been waited for so long: beyond its limit a person must act."""
        if self.outlook is not Outlook.WAITING or self.limit is None or seconds < self.limit:
            return self
        return Finding(self.condition, "False", self.reason, self.overdue, Outlook.STALLED)


def good(condition: str, reason: str, message: str) -> Finding:
    return Finding(condition, "True", reason, message)


def failed(condition: str, failure: Failure) -> Finding:
    """A definite answer is False; what may still come right is Unknown."""
    status: Literal["False", "Unknown"] = "False" if failure.outlook is Outlook.STALLED else "Unknown"
    return Finding(
        condition,
        status,
        failure.reason,
        failure.message,
        failure.outlook,
        failure.retry_after,
        failure.limit,
        failure.overdue,
    )


def blocked(condition: str, by: str) -> Finding:
    return Finding(condition, "Unknown", "Pending", f"Waits for {by}.", Outlook.BLOCKED)


def note(failures: "dict[str, Failure]", where: str, failure: Failure) -> None:
    """Keep a failure by where it happened: of several at one place the worst."""
    failures[where] = worst([failure, failures[where]]) if where in failures else failure


def worst(failures: "list[Failure]") -> Failure:
    """The failure to tell first: one that a person must mend, before one that passes."""
    order = (Outlook.STALLED, Outlook.TRANSIENT, Outlook.WAITING)
    return min(failures, key=lambda failure: order.index(failure.outlook) if failure.outlook in order else len(order))
