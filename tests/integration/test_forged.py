"""Annotations that look like the progress of a deletion have no effect. Each attempt of a deletion observes everything itself."""

import pytest

from .behind import OBJECTS, until
from .operating import Operator
from .owner import delete_identity, deletion_blocked, unassign
from .resources import GitLab

FORGED = {
    "done": 'gitlabazure.io/remove={"success":true}',
    "failed for good": 'gitlabazure.io/remove={"failure":true,"purpose":"delete"}',
    "no JSON": "gitlabazure.io/remove=no json",
    "in many years": 'gitlabazure.io/remove={"delayed":"2099-01-01T00:00:00.000000+00:00","purpose":"delete","retries":1}',
    "kopf's own prefix": 'kopf.zalando.org/remove={"success":true}',
    "last handled": "kopf.zalando.org/last-handled-configuration=no json",
}
each = pytest.mark.parametrize("forged", FORGED.values(), ids=FORGED.keys())


def cleaned(gitlab: GitLab, principal: str) -> None:
    """Nothing of it is left, in Azure or in the cluster."""
    gitlab.until_gone()
    assert gitlab.identities() == []
    assert gitlab.assignments(principal=principal) == []
    assert [name for kind, name in OBJECTS if gitlab.exists(kind, name)] == []


@each
def test_annotated_before_the_deletion(gitlab: GitLab, forged: str) -> None:
    gitlab.apply().ready()
    principal = gitlab.principal
    gitlab.annotate(forged)

    gitlab.ask_to_delete()

    cleaned(gitlab, principal)


@each
def test_annotated_during_the_deletion(gitlab: GitLab, forged: str) -> None:
    gitlab.apply().ready()
    principal = gitlab.principal
    with deletion_blocked(gitlab):
        gitlab.annotate(forged)
        gitlab.annotate("gitlabazure.io/requested-at=now")
        assert gitlab.live()["metadata"]["finalizers"] == ["gitlabazure.io/finalizer"]

    cleaned(gitlab, principal)


@each
def test_annotated_while_the_operator_is_down(gitlab: GitLab, operator: Operator, forged: str) -> None:
    gitlab.apply().ready()
    principal = gitlab.principal
    operator.kill()
    gitlab.annotate(forged)
    gitlab.ask_to_delete()

    operator.start()

    cleaned(gitlab, principal)


@each
def test_it_can_still_be_let_go(gitlab: GitLab, forged: str) -> None:
    gitlab.apply().ready()
    name, (assignment,) = gitlab.identity_name, gitlab.assignments()
    gitlab.annotate(forged)
    with deletion_blocked(gitlab):
        gitlab.annotate("gitlabazure.io/abandon=true")
        gitlab.until_gone(seconds=5)

    assert len(gitlab.identities()) == 1
    unassign(gitlab.lab, assignment["id"])
    delete_identity(gitlab.lab, name)


def test_a_deletion_that_waits_writes_nothing_on_the_resource_but_its_status(gitlab: GitLab) -> None:
    gitlab.apply().ready()
    with deletion_blocked(gitlab):
        before = gitlab.live()
        gitlab.lab.controls.clear_calls()
        until(lambda: len([call for call in gitlab.calls() if call.status == 403]) > 2, "three more attempts")

        assert gitlab.live() == before
        assert before["metadata"]["finalizers"] == ["gitlabazure.io/finalizer"]
        assert list(before["metadata"]["annotations"]) == ["kubectl.kubernetes.io/last-applied-configuration"]

    gitlab.until_gone()


def test_the_abandon_annotation_takes_effect_at_once(gitlab: GitLab) -> None:
    """It wakes a deletion that has waited for long."""
    gitlab.apply().ready()
    name, (assignment,) = gitlab.identity_name, gitlab.assignments()
    with deletion_blocked(gitlab):
        gitlab.lab.controls.clear_calls()
        until(lambda: len([call for call in gitlab.calls() if call.status == 403]) > 2, "three more attempts")

        gitlab.annotate("gitlabazure.io/abandon=true")
        gitlab.until_gone(seconds=2)

    unassign(gitlab.lab, assignment["id"])
    delete_identity(gitlab.lab, name)
