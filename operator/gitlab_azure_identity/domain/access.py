"""What GitLab does in a container, and the words for what it may and may not do."""

from collections.abc import Collection, Sequence
from enum import StrEnum


class Right(StrEnum):
    """A right in a container. GitLab needs all of them in each."""

    LIST = "list"
    READ = "read"
    WRITE = "write"
    OVERWRITE = "overwrite"
    DELETE = "delete"


def may(refused: Collection[Right]) -> str:
    """The rights in words, such as `may list and read, may not write or delete`. Overwriting is named where it differs from
    writing."""
    like_writing = (Right.OVERWRITE in refused) == (Right.WRITE in refused)
    named = [right for right in Right if not (like_writing and right is Right.OVERWRITE)]
    allowed = [right for right in named if right not in refused]
    words = [f"may {_listed(allowed, 'and')}"] if allowed else []
    words += [f"may not {_listed([right for right in named if right in refused], 'or')}"] if refused else []
    return ", ".join(words)


def _listed(rights: Sequence[Right], last: str) -> str:
    """The rights in a row, such as `list, write and delete`."""
    *others, end = rights
    return f"{', '.join(others)} {last} {end}" if others else end
