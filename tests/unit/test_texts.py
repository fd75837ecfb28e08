"""Texts from outside, on their way into a status."""

from __future__ import annotations

from gitlab_azure_identity.api.status import Condition, IdentityStatus, Status
from gitlab_azure_identity.domain.texts import presentable

from .worlds import NOW_TEXT


def status(message: str = "", handled: str | None = None) -> Status:
    """A status with one text of Azure's, and one of whoever asked for a look."""
    ready = Condition(
        type="Ready", status="False", observed_generation=1, last_transition_time=NOW_TEXT, reason="X", message=message
    )
    return Status(conditions=[ready], last_handled_reconcile_at=handled)


def test_a_status_holds_no_secret() -> None:
    told = presentable(status("AccountKey=c2VjcmV0 was refused", "sig=c2VjcmV0"))

    assert told.conditions[0].message == "AccountKey=[redacted] was refused"
    assert told.last_handled_reconcile_at == "sig=[redacted]"


def test_names_are_no_texts() -> None:
    """What a later pass compares, or deletes by, stays as it is."""
    odd = Status(identity=IdentityStatus(name="eyJhbGciOiJSUzI1NiJ9"), issuer="https://issuer/?sig=abc")

    assert presentable(odd) == odd
