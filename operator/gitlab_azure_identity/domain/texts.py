"""Texts from outside, in the form that a status or an event may contain. Pure."""

from gitlab_azure_identity.api.status import HANDLED_LIMIT, MESSAGE_LIMIT, Status
from gitlab_azure_identity.domain.redaction import redact

REFUSED_TEXT = "The API server refused this text. The operator's log has it, and the event StatusNotWritten says why."


def unicode(text: str) -> str:
    """The text without halves of characters (surrogates), which cannot be encoded."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def presentable(status: Status) -> Status:
    """The status in the form that is written: its texts are redacted, valid, and no longer than the schema allows. Names and ids
    stay to the letter, since later passes compare them."""
    handled = status.last_handled_reconcile_at
    return status.model_copy(
        update={
            "last_handled_reconcile_at": handled and unicode(redact(handled))[:HANDLED_LIMIT],
            "conditions": [
                one.model_copy(update={"message": _cut(unicode(redact(one.message)))}) for one in status.conditions
            ],
            "lingering": [
                one.model_copy(update={"message": _cut(unicode(redact(one.message)))}) for one in status.lingering
            ],
            "workloads": [
                one.model_copy(update={"message": one.message and _cut(unicode(redact(one.message)))})
                for one in status.workloads
            ],
        }
    )


def without_texts(status: Status) -> Status:
    """The status without the texts that come from outside. Its conditions and its record stay."""
    plain = [one.model_copy(update={"message": REFUSED_TEXT}) for one in status.conditions]
    lingering = [one.model_copy(update={"message": REFUSED_TEXT}) for one in status.lingering]
    workloads = [one.model_copy(update={"message": None}) for one in status.workloads]
    return status.model_copy(
        update={
            "last_handled_reconcile_at": None,
            "conditions": plain,
            "lingering": lingering,
            "workloads": workloads,
        }
    )


def _cut(message: str) -> str:
    return message if len(message) <= MESSAGE_LIMIT else f"{message[: MESSAGE_LIMIT - 1]}…"


def printable(text: str) -> str:
    """The text on one line, with one blank between two words."""
    return " ".join(harmless(text).split())


def harmless(text: str) -> str:
    """The text on one line. Whoever may write to Azure, to a pod or to a status can put control characters there, which a
    terminal would obey."""
    return "".join(each if each.isprintable() else " " for each in text)
