"""Texts from outside, as they may stand in a status or an event. Pure."""

from gitlab_azure_identity.api.status import HANDLED_LIMIT, MESSAGE_LIMIT, Status
from gitlab_azure_identity.domain.redaction import redact

UNTOLD = (
    "The API server does not take this text. It is in the operator's log, and the event StatusNotWritten says why it was "
    "refused."
)


def unicode(text: str) -> str:
    """The text without halves of characters (surrogates), which no encoding can carry."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def presentable(status: Status) -> Status:
    """The status as it is written: its texts redacted, valid, and as long as the schema allows. Names and ids in it are facts
    that later passes compare, and stay to the letter."""
    handled = status.last_handled_reconcile_at
    return status.model_copy(
        update={
            "last_handled_reconcile_at": handled and unicode(redact(handled))[:HANDLED_LIMIT],
            "conditions": [
                one.model_copy(update={"message": _cut(unicode(redact(one.message)))}) for one in status.conditions
            ],
        }
    )


def untold(status: Status) -> Status:
    """The status without the texts that come from outside: what holds, and what is on record."""
    plain = [one.model_copy(update={"message": UNTOLD}) for one in status.conditions]
    return status.model_copy(update={"last_handled_reconcile_at": None, "conditions": plain})


def _cut(message: str) -> str:
    return message if len(message) <= MESSAGE_LIMIT else f"{message[: MESSAGE_LIMIT - 1]}…"
