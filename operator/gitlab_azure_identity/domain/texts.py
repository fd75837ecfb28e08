"""Texts from outside, as they may stand in a status or an event. Pure."""

from gitlab_azure_identity.api.status import Status
from gitlab_azure_identity.domain.redaction import redact


def presentable(status: Status) -> Status:
    """The status as it is written. Names and ids in it are facts that later passes compare, and stay to the letter."""
    handled = status.last_handled_reconcile_at
    return status.model_copy(
        update={
            "last_handled_reconcile_at": handled and redact(handled),
            "conditions": [one.model_copy(update={"message": redact(one.message)}) for one in status.conditions],
        }
    )
