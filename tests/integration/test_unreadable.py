"""A spec that the operator cannot read, since a looser definition let it in: its levers still work, and its deletion."""

import copy
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from lab.apiserver import ApiError
from lab.running import Lab

from .behind import OBJECTS, patch, until
from .owner import identity, stalled
from .resources import GitLab

DEFINITION = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/gitlabazureidentities.gitlabazure.io"
BAD = {"verification": "Perhaps"}


@pytest.fixture
def looser(lab: Lab) -> Iterator[None]:
    """The API server admits a verification that this operator does not know, as that of a later release would."""
    strict = lab.api.get(DEFINITION)["spec"]["versions"]
    versions = copy.deepcopy(strict)
    spec = versions[0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    spec["verification"]["enum"].append("Perhaps")
    lab.api.patch(DEFINITION, {"spec": {"versions": versions}})
    yield
    lab.api.patch(DEFINITION, {"spec": {"versions": strict}})


@pytest.fixture
def spoil(gitlab: GitLab, looser: None) -> Callable[..., None]:
    """Gives the resource a field that cannot be read, beside others that can."""
    del looser

    def spoiled(**spec: Any) -> None:
        gitlab.apply().ready()
        _admitted(gitlab, {"spec": {**BAD, **spec}})

    return spoiled


def _admitted(gitlab: GitLab, change: dict[str, Any]) -> None:
    """The API server takes a moment until it serves a definition that changed."""

    def taken() -> bool:
        try:
            patch(gitlab, "gai", gitlab.name, change)
        except ApiError:
            return False
        return True

    until(taken, "the looser definition is served")


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


def test_a_deletion_removes_what_was_made(gitlab: GitLab, spoil: Callable[..., None]) -> None:
    spoil()
    stalled(gitlab, "InvalidSpec")
    name, principal = gitlab.identity_name, gitlab.principal

    gitlab.delete()

    assert identity(gitlab.lab, name) is None
    assert gitlab.assignments(principal=principal) == []
    assert not any(gitlab.exists(kind, each) for kind, each in OBJECTS)
