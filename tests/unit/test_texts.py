"""Texts from outside, in a status."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from gitlab_azure_identity.api.status import Condition, IdentityStatus, LingeringStatus, Status
from gitlab_azure_identity.domain.texts import REFUSED_TEXT, presentable, unicode, without_texts

from .texts import FOX, texts
from .worlds import NOW_TEXT


def status(message: str = "", handled: str | None = None) -> Status:
    """A status with one text of Azure, and one of a person who asked for a pass."""
    ready = Condition(
        type="Ready", status="False", observed_generation=1, last_transition_time=NOW_TEXT, reason="X", message=message
    )
    return Status(conditions=[ready], last_handled_reconcile_at=handled, issuer="https://issuer/")


def test_a_status_contains_no_secret() -> None:
    told = presentable(status("AccountKey=c2VjcmV0 was refused", "sig=c2VjcmV0"))

    assert told.conditions[0].message == "AccountKey=[redacted] was refused"
    assert told.last_handled_reconcile_at == "sig=[redacted]"


def test_what_lingers_is_told_without_secrets() -> None:
    entry = LingeringStatus(kind="RoleAssignment", name="a", message="AccountKey=c2VjcmV0 was refused")

    assert presentable(Status(lingering=[entry])).lingering[0].message == "AccountKey=[redacted] was refused"
    assert without_texts(Status(lingering=[entry])).lingering == [entry.model_copy(update={"message": REFUSED_TEXT})]


def test_names_are_no_texts() -> None:
    """A name that a later pass compares, or deletes by, stays as it is."""
    odd = Status(identity=IdentityStatus(name="eyJhbGciOiJSUzI1NiJ9"), issuer="https://issuer/?sig=abc")

    assert presentable(odd) == odd


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("short", "short"),
        (FOX * 32768, FOX * 32768),
        (FOX * 32769, FOX * 32767 + "…"),
        ("\ud83e\udd8a and \ud83e", f"{FOX} and \ufffd"),
    ],
    ids=["short", "as long as it may be", "longer", "halves of characters"],
)
def test_a_message_fits_its_field(text: str, message: str) -> None:
    assert presentable(status(text)).conditions[0].message == message


def test_the_beginning_of_a_request_is_repeated() -> None:
    assert presentable(status(handled=FOX * 300)).last_handled_reconcile_at == FOX * 256
    assert presentable(status()).last_handled_reconcile_at is None


@settings(max_examples=60, derandomize=True)
@given(message=texts, handled=texts)
def test_a_presentable_status_stays_as_it_is(message: str, handled: str) -> None:
    """Otherwise a pass that finds nothing new would write a status."""
    told = presentable(status(str(message), str(handled)))

    assert presentable(told) == told
    assert len(told.conditions[0].message) <= 32768
    assert all(unicode(text) == text for text in (told.conditions[0].message, told.last_handled_reconcile_at or ""))


def test_without_its_texts_a_status_keeps_its_conditions_and_its_record() -> None:
    plain = without_texts(status("odd", "odd"))

    assert plain == status(REFUSED_TEXT)
