"""What a person saw of a link, weighed with what the operator reports of it."""

from __future__ import annotations

from typing import Any

import pytest

from gitlab_azure_identity.api.conditions import Link
from gitlab_azure_identity.api.reasons import Reason
from gitlab_azure_identity.domain.doctor.examination import AGAIN, Check, State, of_a_deletion, of_the_whole, weighed
from gitlab_azure_identity.domain.findings import Failure, Finding, Outlook, blocked, failed, good, not_asked

from .worlds import BEFORE_TEXT, resource

ROLES = Link.ROLES
PROGRESSING = failed(ROLES, Failure(Reason.PROGRESSING, "Not done yet: the role.", Outlook.WAITING))
WAITING = failed(ROLES, Failure(Reason.NOT_KNOWN_YET, "Azure does not know it yet.", Outlook.WAITING))
STALLED = failed(ROLES, Failure(Reason.ACCOUNT_NOT_FOUND, "There is no account.", Outlook.STALLED))
AWAY = failed(ROLES, Failure(Reason.AZURE_UNAVAILABLE, "Azure could not be reached.", Outlook.TRANSIENT))
GOOD = good(ROLES, Reason.ASSIGNED, "It is assigned.")
MINE_REFUSED = failed(ROLES, Failure(Reason.AUTHORIZATION_FAILED, "You may not look.", Outlook.STALLED))


def condition(status: str, reason: str, kind: str = ROLES, generation: int = 1, message: str = "They say.") -> Any:
    return {
        "type": kind,
        "status": status,
        "observedGeneration": generation,
        "lastTransitionTime": BEFORE_TEXT,
        "reason": reason,
        "message": message,
    }


TRUE, FALSE = condition("True", "Assigned"), condition("False", "AuthorizationFailed")
PENDING, STALE = condition("False", "Pending"), condition("False", "AuthorizationFailed", generation=0)
UNKNOWN = condition("Unknown", "Progressing")
REPORT = "The operator reports RolesAssigned=True, Assigned: They say."


@pytest.mark.parametrize(
    ("mine", "theirs", "seen", "state", "cause", "details"),
    [
        # they hold, for both
        (GOOD, TRUE, True, State.HOLDS, "Assigned", ()),
        (GOOD, None, True, State.HOLDS, "Assigned", ()),
        (GOOD, UNKNOWN, True, State.HOLDS, "Assigned", ()),
        (GOOD, STALE, True, State.HOLDS, "Assigned", ()),
        (GOOD, PENDING, True, State.HOLDS, "Assigned", ()),
        # the operator cannot do what a person sees that it should
        (GOOD, FALSE, True, State.BROKEN, "AuthorizationFailed",
         (f"{AGAIN} The operator has reported this since {BEFORE_TEXT}.",)),
        (PROGRESSING, FALSE, True, State.BROKEN, "AuthorizationFailed", ("Not done yet: the role.",)),
        (AWAY, FALSE, True, State.BROKEN, "AuthorizationFailed", ()),
        (blocked(ROLES, Link.IDENTITY), FALSE, True, State.BROKEN, "AuthorizationFailed", ()),
        # it was taken away since the operator looked
        (PROGRESSING, TRUE, True, State.BROKEN, "changed-since", (REPORT,)),
        # the operator has not looked yet
        (PROGRESSING, None, True, State.WAITS, "Progressing", ()),
        # the operator waits too, for another link
        (PROGRESSING, PENDING, True, State.WAITS, "Pending", ()),
        (PROGRESSING, UNKNOWN, True, State.WAITS, "Progressing", ()),
        # what a person sees counts before what the operator reports
        (STALLED, FALSE, True, State.BROKEN, "AccountNotFound", ()),
        (STALLED, TRUE, True, State.BROKEN, "AccountNotFound", ()),
        # nothing can be said
        (AWAY, TRUE, True, State.UNSEEN, "AzureUnavailable", (REPORT,)),
        (AWAY, None, True, State.UNSEEN, "AzureUnavailable", ()),
        (WAITING, TRUE, True, State.WAITS, "NotKnownYet", ()),
        (blocked(ROLES, Link.IDENTITY), None, True, State.WAITS, "Pending", ()),
        (not_asked(ROLES, Reason.DISABLED, "Not checked."), None, True, State.WAITS, "Disabled", ()),
        (not_asked(ROLES, Reason.DISABLED, "Not checked."), FALSE, True, State.BROKEN, "AuthorizationFailed", ()),
        # a person may not look
        (MINE_REFUSED, TRUE, False, State.UNSEEN, "AuthorizationFailed", (REPORT,)),
        (MINE_REFUSED, None, False, State.UNSEEN, "AuthorizationFailed", ()),
        (AWAY, FALSE, False, State.BROKEN, "AuthorizationFailed", ("Azure could not be reached.",)),
    ],
)  # fmt: skip
def test_a_link_is_what_a_person_sees_and_what_the_operator_knows(
    mine: Finding, theirs: Any, seen: bool, state: State, cause: str, details: tuple[str, ...]
) -> None:
    status = {"conditions": [theirs]} if theirs else {}

    check = weighed(mine, resource(status=status), seen=seen)

    assert (check.state, check.cause, check.details) == (state, cause, details)


def test_what_changed_while_the_resource_is_suspended_is_mended_by_its_end() -> None:
    """A pass that is asked for is not made."""
    check = weighed(PROGRESSING, resource({"suspend": True}, status={"conditions": [TRUE]}))

    advice = check.advice(namespace="gitlab", name="gitlab")
    assert (check.state, check.cause, check.details) == (State.BROKEN, "Suspended", (REPORT,))
    assert advice is not None
    assert advice.commands == ("""kubectl -n gitlab patch gai gitlab --type merge -p '{"spec":{"suspend":false}}'""",)


def test_a_refusal_of_the_person_does_not_hide_what_the_operator_reports() -> None:
    check = weighed(MINE_REFUSED, resource(status={"conditions": [FALSE]}), seen=False)

    assert (check.state, check.message, check.details) == (State.BROKEN, "They say.", ("You may not look.",))


def broken(about: str = ROLES) -> Check:
    return Check(about, State.BROKEN, "Broken.")


@pytest.mark.parametrize(
    ("ready", "checks", "said"),
    [
        (condition("True", "Ready", "Ready"), [], None),
        (condition("Unknown", "Propagating", "Ready"), [], None),
        (condition("False", "AccountNotFound", "Ready"), [broken()], None),
        (condition("False", "Suspended", "Ready", message="It is suspended."), [], "It is suspended."),
        (condition("False", "Suspended", "Ready", message="It is suspended."), [broken()], "It is suspended."),
        (condition("False", "DeletionBlocked", "Ready", message="It waits."), [], "It waits."),
        (
            condition("True", "Ready", "Ready", generation=0),
            [],
            "The operator has not looked at generation 1 of this resource. Its last look was at generation 0.",
        ),
        (None, [broken()], "No operator has looked at this resource yet."),
    ],
)
def test_the_whole_says_what_no_link_says(ready: Any, checks: list[Check], said: str | None) -> None:
    found = of_the_whole(resource(status={"conditions": [ready] if ready else []}), checks)

    assert (found.message if found else None) == said


REMOVED = condition("False", "Removed", ROLES)


@pytest.mark.parametrize(
    ("ready", "state", "said"),
    [
        (condition("False", "DeletionBlocked", "Ready", message="It waits."), State.BROKEN, "It waits."),
        (
            condition("Unknown", "AzureUnavailable", "Ready", message="Not now."),
            State.WAITS,
            "It is being deleted. Not now.",
        ),
        (
            condition("True", "Ready", "Ready", generation=0),
            State.BROKEN,
            "The operator has not looked at generation 1 ",
        ),
        (None, State.BROKEN, "No operator has looked at this resource yet."),
    ],
)
def test_of_a_deletion_is_told_how_far_it_is_and_no_link(ready: Any, state: State, said: str) -> None:
    """Those that the deletion has removed are to be so."""
    found = of_a_deletion(resource(status={"conditions": [*([ready] if ready else []), REMOVED]}))

    assert (found.about, found.state) == ("Ready", state)
    assert found.message.startswith(said)


# advice


def test_advice_is_that_of_the_table_filled_in_with_names() -> None:
    check = Check(Link.ACCESS, State.BROKEN, "There is no container lfs.", Reason.CONTAINER_NOT_FOUND)
    named = Check(check.about, check.state, check.message, check.cause, names=(("container", "lfs"),))

    for one, container in ((check, "<container>"), (named, "lfs")):
        advice = one.advice(account="store")
        assert advice is not None
        assert advice.commands[0] == (
            f"az storage container create --auth-mode login --account-name store --name {container}"
        )


@pytest.mark.parametrize(
    "check",
    [
        Check(ROLES, State.HOLDS, "It holds.", Reason.ASSIGNED),
        Check(ROLES, State.UNSEEN, "Not seen.", Reason.AUTHORIZATION_FAILED),
        Check("Webhook", State.BROKEN, "Something new.", "nobody-knows"),
    ],
)
def test_there_is_advice_for_what_is_broken_and_known_alone(check: Check) -> None:
    assert check.advice() is None
