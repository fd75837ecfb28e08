"""What GitLab does in a container, and the words for what it may and may not do."""

from collections.abc import Collection, Sequence
from enum import StrEnum


class Right(StrEnum):
    """A right in a container. GitLab needs all of them in each."""

    LIST = "list"
    WRITE = "write"
    DELETE = "delete"


def may(refused: Collection[Right]) -> str:
    """The rights in words, such as `may list, may not write or delete`."""
    allowed = [right for right in Right if right not in refused]
    words = [f"may {_listed(allowed, 'and')}"] if allowed else []
    words += [f"may not {_listed([right for right in Right if right in refused], 'or')}"] if refused else []
    return ", ".join(words)


def _listed(rights: Sequence[Right], last: str) -> str:
    """The rights in a row, such as `list, write and delete`."""
    *others, end = rights
    return f"{', '.join(others)} {last} {end}" if others else end
