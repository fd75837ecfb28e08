"""One table of causes: why something does not work, what a person sees, and what mends it.

Messages of conditions take their commands from it, `kubectl gai` explains with it, and docs/troubleshooting.md is generated from
it (`make troubleshooting`). A cause is one entry in one of these modules:

- `resource.py`, `storage.py`, `access.py`, `objects.py`, `keys.py`: what a person must mend
- `azure.py`, `cluster.py`: what Azure and the API server refuse; `entra.py`: the codes of Entra
- `waiting.py`: what passes by itself
- `holds.py`: what is no failure, and events
- `pods.py`, `around.py`, `running.py`: what no condition shows
- `alerts.py`: what an alert means

`commands.py` has the commands, and `page.py` writes the page."""

from collections.abc import Mapping

from gitlab_azure_identity.domain.causes import (
    access,
    alerts,
    around,
    azure,
    cluster,
    holds,
    keys,
    objects,
    pods,
    resource,
    running,
    storage,
    waiting,
)
from gitlab_azure_identity.domain.causes.model import Cause, Chapter

CHAPTERS: tuple[Chapter, ...] = (
    pods.CHAPTER,
    around.CHAPTER,
    running.NO_STATUS,
    running.NOT_INSTALLED,
    Chapter(
        "A person must act",
        (
            *resource.RESOURCE,
            *storage.STORAGE,
            *access.ACCESS,
            *objects.OBJECTS,
            *keys.KEYS,
            *resource.RELEASE,
            *resource.DELETION,
        ),
    ),
    azure.CHAPTER,
    cluster.CHAPTER,
    waiting.CHAPTER,
    alerts.CHAPTER,
    holds.NOT_A_FAILURE,
    holds.EVENTS,
)
"""In the order of the page."""

CAUSES: Mapping[str, Cause] = {cause.key: cause for chapter in CHAPTERS for cause in chapter.causes}


def possible(chapter: Chapter, cause: Cause) -> frozenset[str]:
    """The conditions that may have a cause's reason."""
    return frozenset((*chapter.on, *cause.on))


def reasons_of(condition: str) -> frozenset[str]:
    """The reasons that a condition of the chain may have."""
    return frozenset(
        cause.key for chapter in CHAPTERS for cause in chapter.causes if condition in possible(chapter, cause)
    )
