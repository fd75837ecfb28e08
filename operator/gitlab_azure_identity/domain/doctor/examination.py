"""What a person saw of each link, weighed with what the operator reports of it. The operator sees with its own rights and from
the cluster's network; a person sees now, and with theirs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from gitlab_azure_identity.api.conditions import READY
from gitlab_azure_identity.api.reasons import Reason
from gitlab_azure_identity.api.resource import Resource
from gitlab_azure_identity.api.status import Condition
from gitlab_azure_identity.domain.causes import CAUSES
from gitlab_azure_identity.domain.causes.model import Advice
from gitlab_azure_identity.domain.findings import Finding, Outlook


class State(StrEnum):
    """What is known of one thing that was looked at."""

    HOLDS = "ok"
    BROKEN = "broken"
    WAITS = "waits"  # for another one, or for Azure: nothing is wrong with it by itself
    UNSEEN = "not seen"


@dataclass(frozen=True)
class Check:
    """One thing that was looked at. `about` is a condition of the chain, or a word of its own. `cause` is the key of its entry
    in the table of causes. `details` are lines that show what is meant, such as two texts under each other. `names` fill in
    placeholders of commands."""

    about: str
    state: State
    message: str
    cause: str = ""
    details: tuple[str, ...] = ()
    names: tuple[tuple[str, str], ...] = ()

    def with_details(self, *lines: str) -> "Check":
        return replace(self, details=(*self.details, *lines))

    def advice(self, **values: str) -> Advice | None:
        """Why it is so, and what to do. None when there is nothing to do."""
        known = CAUSES.get(self.cause) if self.state is State.BROKEN else None
        return known.advice(self.message, **(values | dict(self.names))) if known else None


def weighed(mine: Finding, resource: Resource, *, seen: bool = True) -> Check:
    """The check of one link. `mine` is the finding of a person who looked now. Without `seen` it only says why they could not
    look."""
    theirs = of_this_generation(resource, mine.link)
    broken = theirs if theirs is not None and theirs.status == "False" and theirs.reason != Reason.PENDING else None
    if broken is not None and not (seen and mine.outlook is Outlook.STALLED):
        check = Check(mine.link, State.BROKEN, broken.message, broken.reason)
        return check.with_details(*_as_i_see(mine, broken, seen=seen))
    if not seen:
        told = _told(theirs)
        return Check(mine.link, State.UNSEEN, mine.message, mine.reason).with_details(*told)
    match mine.outlook:
        case Outlook.STALLED:
            return Check(mine.link, State.BROKEN, mine.message, mine.reason)
        case Outlook.TRANSIENT:
            return Check(mine.link, State.UNSEEN, mine.message, mine.reason).with_details(*_told(theirs))
        case Outlook.WAITING if mine.reason is Reason.PROGRESSING and theirs is not None:
            if theirs.status == "True":
                cause = Reason.SUSPENDED if resource.legible.suspend else CHANGED_SINCE
                return Check(mine.link, State.BROKEN, mine.message, cause).with_details(*_told(theirs))
            return Check(mine.link, State.WAITS, theirs.message, theirs.reason)
        case Outlook.WAITING | Outlook.BLOCKED:
            return Check(mine.link, State.WAITS, mine.message, mine.reason)
    return Check(mine.link, State.HOLDS if mine.known else State.WAITS, mine.message, mine.reason)


def of_this_generation(resource: Resource, kind: str) -> Condition | None:
    """A condition, if it is about the spec as it is now."""
    found = resource.status.condition(kind)
    return found if found is not None and found.observed_generation == resource.generation else None


AGAIN = "You see it hold now: if you have just mended it, ask for a pass with the command reconcile."


def _told(theirs: Condition | None) -> tuple[str, ...]:
    if theirs is None:
        return ()
    return (f"The operator reports {theirs.type}={theirs.status}, {theirs.reason}: {theirs.message}",)


def _as_i_see(mine: Finding, theirs: Condition, *, seen: bool) -> tuple[str, ...]:
    """What to add to a failure that the operator reports."""
    if not seen:
        return (mine.message,)
    match mine.outlook:
        case Outlook.GOOD if mine.known:
            return (f"{AGAIN} The operator has reported this since {theirs.last_transition_time}.",)
        case Outlook.WAITING if mine.reason is Reason.PROGRESSING:
            return (mine.message,)
    return ()


def of_a_deletion(resource: Resource) -> Check:
    """The check of a resource that is being deleted: how far the operator is with it. Its links are no longer to hold."""
    ready = resource.status.condition(READY)
    said = f"It is being deleted. {ready.message if ready else ''}".rstrip()
    return of_the_whole(resource, ()) or Check(READY, State.WAITS, said)


def of_the_whole(resource: Resource, checks: Sequence[Check]) -> Check | None:
    """The check of Ready, where it says what no link says: that no operator has looked, or that the resource is suspended or
    being deleted. None when the links say it all."""
    ready = resource.status.condition(READY)
    if ready is None:
        return Check(READY, State.BROKEN, "No operator has looked at this resource yet.", NO_STATUS)
    if ready.observed_generation < resource.generation:
        message = (
            f"The operator has not looked at generation {resource.generation} of this resource. Its last look was at generation "
            f"{ready.observed_generation}."
        )
        return Check(READY, State.BROKEN, message, NO_STATUS)
    told_by_links = any(check.state is State.BROKEN for check in checks) and ready.reason != Reason.SUSPENDED
    if ready.status == "False" and not told_by_links:
        return Check(READY, State.BROKEN, ready.message, ready.reason)
    return None


# in the table of causes
NO_STATUS = "no-status"
CHANGED_SINCE = "changed-since"
