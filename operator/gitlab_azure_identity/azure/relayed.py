"""What Entra and Blob Storage answered in one place, as a text that is judged in another. A pod writes it into its termination
message, of which Kubernetes keeps 4096 bytes (Kubernetes documentation, "Determine the Reason for Pod Failure")."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from gitlab_azure_identity.azure.access import Answers
from gitlab_azure_identity.azure.errors import AzureError
from gitlab_azure_identity.domain.access import Right
from gitlab_azure_identity.domain.redaction import redact

KEPT = 4096  # bytes
LENGTHS = (1000, 300, 100, 0)  # of Azure's texts, in characters: the first at which all of it fits


def written(exchange: AzureError | None, answers: Answers | None) -> str:
    """The answers as a text. Azure's texts are cut where they would not fit."""
    texts = (_written(exchange, answers, length) for length in LENGTHS)
    return next((text for text in texts if len(text.encode()) <= KEPT), _written(exchange, None, 0))


def _written(exchange: AzureError | None, answers: Answers | None, length: int) -> str:
    errors: list[dict[str, Any]] = []

    def place(error: AzureError | None) -> int | None:
        """Where an error is in the list: the same one is told once."""
        if error is None:
            return None
        told = {
            "code": error.code,
            "status": error.status,
            "detail": redact(error.detail)[:length],
            "login": error.login,
            "oauth": error.oauth,
        }
        if told not in errors:
            errors.append(told)
        return errors.index(told)

    body = {
        "exchange": place(exchange),
        "signing": place(answers.signing) if answers else None,
        "containers": {
            name: [place(rights[right]) for right in Right]
            for name, rights in (answers.containers if answers else {}).items()
        },
    }
    return json.dumps({**body, "errors": errors}, ensure_ascii=True, separators=(",", ":"))


def read(text: str) -> tuple[AzureError | None, Answers | None]:
    """The answers of a text: why no token was given, or what the storage account answered. Raises ValueError for any other
    text."""
    try:
        body = json.loads(text)
        errors = [AzureError(**each) for each in body["errors"]]
        exchange = _at(errors, body["exchange"])
        containers = {name: dict(_rights(errors, places)) for name, places in body["containers"].items()}
        signing = _at(errors, body["signing"])
    except (TypeError, KeyError, IndexError, AttributeError) as error:
        raise ValueError(f"not the answers of a proof: {text[:200]!r}") from error
    return exchange, None if exchange else Answers(signing, containers)


def _rights(errors: list[AzureError], places: Iterable[int | None]) -> Iterator[tuple[Right, AzureError | None]]:
    for right, place in zip(Right, places, strict=True):
        yield right, _at(errors, place)


def _at(errors: list[AzureError], place: int | None) -> AzureError | None:
    return None if place is None else errors[place]
