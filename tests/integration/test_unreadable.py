"""A spec that the operator cannot read, since a looser definition admitted it: its levers still work, and so does its
deletion."""

import copy
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from lab.apiserver import ApiError

from .apart import DEFINITION, Apart
from .behind import OBJECTS, patch, until
from .owner import identity, stalled
from .resources import GitLab

BAD = {"verification": "Perhaps"}


@pytest.fixture(scope="module")
def looser(apart: Apart) -> Iterator[GitLab]:
    """The API server admits a verification that this operator does not know, such as one of a later release. Yields Ready
    resources."""
    api = apart.lab.api
    versions = copy.deepcopy(api.get(DEFINITION)["spec"]["versions"])
    spec = versions[0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    spec["verification"]["enum"].append("Perhaps")
    api.patch(DEFINITION, {"spec": {"versions": versions}})
    first = apart.gitlab().apply()
    until(lambda: _admitted(first, {"spec": BAD}), "the looser definition is served")

    def ready() -> Iterator[GitLab]:
        for number in itertools.count(1):
            apart.lab.admit_namespaces(f"t-unreadable-{number}")
            gitlab = apart.gitlab(f"t-unreadable-{number}").apply()
            gitlab.ready()
            yield gitlab

    return ready()


@pytest.fixture
def gitlab(looser: Iterator[GitLab]) -> GitLab:
    return next(looser)


@pytest.fixture
def spoil(gitlab: GitLab) -> Callable[..., None]:
    """Give the resource a field that cannot be read, beside others that can."""

    def spoiled(**spec: Any) -> None:
        patch(gitlab, "gai", gitlab.name, {"spec": {**BAD, **spec}})

    return spoiled


def _admitted(gitlab: GitLab, change: dict[str, Any]) -> bool:
    try:
        patch(gitlab, "gai", gitlab.name, change)
    except ApiError:
        return False
    return True


def test_the_message_names_the_field(gitlab: GitLab, spoil: Callable[..., None]) -> None:
    spoil()

    assert stalled(gitlab, "InvalidSpec").startswith(
        "The spec does not fit this operator's schema: spec.verification: Input should be 'Required', 'Report' or 'Disabled'."
    )
    assert len(gitlab.credentials()) == len(gitlab.assignments()) == 1


def test_retain_is_kept_and_the_deletion_goes_through(gitlab: GitLab, spoil: Callable[..., None]) -> None:
    spoil(deletionPolicy="Retain")
    stalled(gitlab, "InvalidSpec")
    name = gitlab.identity_name

    gitlab.delete()

    assert identity(gitlab.lab, name) is not None
    assert all(gitlab.exists(kind, each) for kind, each in OBJECTS)
    retained = [event["message"] for event in gitlab.events() if event["reason"] == "Retained"]
    assert "spec.verification" in retained[0]


def test_suspend_is_obeyed(gitlab: GitLab, spoil: Callable[..., None]) -> None:
    spoil(suspend=True)

    gitlab.condition("Ready", "False", "Suspended")


def test_a_deletion_removes_what_was_created(gitlab: GitLab, spoil: Callable[..., None]) -> None:
    spoil()
    stalled(gitlab, "InvalidSpec")
    name, principal = gitlab.identity_name, gitlab.principal

    gitlab.delete()

    assert identity(gitlab.lab, name) is None
    assert gitlab.assignments(principal=principal) == []
    assert not any(gitlab.exists(kind, each) for kind, each in OBJECTS)
