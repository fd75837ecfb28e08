"""The operator is killed at the worst moments and starts again: it finishes what it began, without orphan or duplicate."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from .behind import (
    OBJECTS,
    after_a_pass,
    annotations,
    annotations_for,
    condition,
    reasons,
    until,
    until_events,
    until_matched,
    versions,
)
from .operating import Operator
from .owner import deletion_blocked
from .resources import GitLab


@dataclass(frozen=True)
class Moment:
    """The moment of a request to Azure: before it is carried out, or after, with its answer lost."""

    match: str  # {name} is that of the identity
    applied: bool

    def of(self, gitlab: GitLab) -> str:
        return self.match.format(name=f"lab_{gitlab.namespace}_gitlab")


IDENTITY = "*/userAssignedIdentities/{name}"
CREDENTIAL = "*/federatedIdentityCredentials/*"
ASSIGNMENT = "*/roleAssignments/*"


def moments(*matches: str) -> list[object]:
    """Each of the requests, before and after."""
    return [
        pytest.param(
            Moment(match, applied), id=f"{match.replace('*', '').strip('/ ')}, {'done' if applied else 'not done'}"
        )
        for match in matches
        for applied in (False, True)
    ]


def killed_at(moment: Moment, gitlab: GitLab, operator: Operator) -> None:
    """Wait until the request is being carried out, and kill the operator."""
    until_matched(gitlab.lab, moment.of(gitlab))
    operator.kill()
    gitlab.lab.controls.clear_faults()


def one_of_each(gitlab: GitLab) -> None:
    """There is exactly one identity, one credential and one assignment, and they belong together."""
    found = gitlab.ready()["status"]["identity"]
    (identity,) = gitlab.identities()
    assert identity["properties"]["principalId"] == found["principalId"]
    (credential,) = gitlab.credentials()
    assert credential["properties"]["subject"] == f"system:serviceaccount:{gitlab.namespace}:gitlab"
    (assignment,) = gitlab.assignments()
    assert assignment["properties"]["principalId"] == found["principalId"]
    assert annotations(gitlab) == annotations_for(found["clientId"])
    assert [name for kind, name in OBJECTS if not gitlab.exists(kind, name)] == []


def nothing_left(gitlab: GitLab, principal: str) -> None:
    gitlab.until_gone(seconds=40)
    assert gitlab.identities() == []
    assert gitlab.assignments(principal=principal) == []
    assert [name for kind, name in OBJECTS if gitlab.exists(kind, name)] == []


@pytest.mark.parametrize("moment", moments(f"PUT {IDENTITY}", f"PUT {CREDENTIAL}", f"PUT {ASSIGNMENT}"))
def test_killed_in_the_middle_of_creation(gitlab: GitLab, operator: Operator, moment: Moment) -> None:
    gitlab.lab.controls.add_fault(moment.of(gitlab), hang=True, applied=moment.applied)
    gitlab.apply()
    killed_at(moment, gitlab, operator)

    operator.start()

    one_of_each(gitlab)
    until(lambda: reasons(gitlab).count("Ready") == 1, "one event Ready")


def test_killed_while_access_is_verified(gitlab: GitLab, operator: Operator) -> None:
    moment = Moment("GET gitlabstore.blob.core.windows.net/*", applied=False)
    gitlab.lab.controls.add_fault(moment.match, hang=True)
    gitlab.apply()
    killed_at(moment, gitlab, operator)
    gitlab.lab.controls.clear_calls()

    operator.start()

    one_of_each(gitlab)
    assert gitlab.writes() == []


@pytest.mark.parametrize("moment", moments(f"PUT {IDENTITY}", f"PUT {ASSIGNMENT}"))
def test_killed_in_the_middle_of_creation_and_deleted_while_down(
    gitlab: GitLab, operator: Operator, moment: Moment
) -> None:
    gitlab.lab.controls.add_fault(moment.of(gitlab), hang=True, applied=moment.applied)
    gitlab.apply()
    killed_at(moment, gitlab, operator)
    principals = [identity["properties"]["principalId"] for identity in gitlab.identities()]
    gitlab.ask_to_delete()

    operator.start()

    nothing_left(gitlab, principals[0] if principals else "00000000-0000-0000-0000-000000000000")


@pytest.mark.parametrize("moment", moments(f"DELETE {IDENTITY}", f"DELETE {CREDENTIAL}", f"DELETE {ASSIGNMENT}"))
def test_killed_in_the_middle_of_deletion(gitlab: GitLab, operator: Operator, moment: Moment) -> None:
    gitlab.apply().ready()
    principal = gitlab.principal
    gitlab.lab.controls.add_fault(moment.of(gitlab), hang=True, applied=moment.applied)
    gitlab.ask_to_delete()
    killed_at(moment, gitlab, operator)
    assert gitlab.live()["metadata"]["finalizers"] == ["gitlabazure.io/finalizer"]

    operator.start()

    nothing_left(gitlab, principal)


def test_killed_in_the_middle_of_a_change_it_finishes_the_change(gitlab: GitLab, operator: Operator) -> None:
    """Nothing of the former state is forgotten: the former service account is deleted, though no pass saw it being removed."""
    gitlab.apply(serviceAccounts=[{"name": "gitlab"}, {"name": "old"}]).ready()
    moment = Moment(f"PUT {CREDENTIAL}", applied=True)
    gitlab.lab.controls.add_fault(moment.match, hang=True, applied=True)
    gitlab.apply(serviceAccounts=[{"name": "gitlab"}, {"name": "new"}])
    killed_at(moment, gitlab, operator)

    operator.start()
    gitlab.ready()

    prefix = f"system:serviceaccount:{gitlab.namespace}:"
    subjects = {each["properties"]["subject"].removeprefix(prefix) for each in gitlab.credentials()}
    assert subjects == {"gitlab", "new"}
    assert gitlab.exists("serviceaccount", "new")
    assert not gitlab.exists("serviceaccount", "old")


def test_a_restart_of_an_unchanged_resource_writes_nothing(gitlab: GitLab, operator: Operator) -> None:
    gitlab.apply().ready()
    until_events(gitlab, "Applied", "Ready")
    operator.stop()
    before = versions(gitlab)
    gitlab.lab.controls.clear_calls()

    operator.start()
    after_a_pass(operator)

    assert gitlab.writes() == []
    assert len(gitlab.calls()) <= 4  # the storage account is read anew
    assert versions(gitlab) == before
    assert reasons(gitlab) == ["Applied", "Ready"]
    assert condition(gitlab, "Ready") in operator.get("/metrics")


def test_created_while_down(gitlab: GitLab, operator: Operator) -> None:
    operator.stop()
    gitlab.apply()

    operator.start()

    one_of_each(gitlab)


def test_created_and_deleted_while_down(gitlab: GitLab, new_gitlab: Callable[..., GitLab], operator: Operator) -> None:
    other = new_gitlab()
    operator.stop()
    gitlab.lab.controls.clear_calls()
    gitlab.apply()
    gitlab.delete()  # it is deleted at once: it has no finalizer, since no pass was made
    other.apply()

    operator.start()
    other.ready()  # it was created later, and everything that existed at the start was listed with it

    assert len(other.writes()) == 3
    assert [call.path for call in gitlab.calls() if gitlab.namespace in call.path] == []
    assert gitlab.identities() == []


def test_deleted_while_down(gitlab: GitLab, operator: Operator) -> None:
    gitlab.apply().ready()
    principal = gitlab.principal
    operator.stop()
    gitlab.ask_to_delete()

    operator.start()

    nothing_left(gitlab, principal)


def test_drift_while_down_is_repaired_at_the_start(gitlab: GitLab, operator: Operator) -> None:
    gitlab.apply().ready()
    operator.stop()
    gitlab.remove_assignments()

    operator.start()
    until(lambda: "DriftRepaired" in reasons(gitlab), "an event DriftRepaired")

    one_of_each(gitlab)


def test_at_sigterm_it_ends_at_once(gitlab: GitLab, operator: Operator) -> None:
    gitlab.apply().ready()

    assert operator.stop() < 2


def test_at_sigterm_in_the_middle_of_a_write_it_finishes_the_write(gitlab: GitLab, operator: Operator) -> None:
    match = f"PUT {CREDENTIAL}"
    gitlab.lab.controls.add_fault(match, delay=0.4)
    gitlab.lab.controls.clear_calls()
    gitlab.apply()
    until_matched(gitlab.lab, match)

    assert operator.stop() < 2

    (put,) = [call for call in gitlab.writes() if "federatedIdentityCredentials" in call.path]
    assert put.status == 201
    operator.start()
    one_of_each(gitlab)


def test_at_sigterm_while_azure_does_not_answer_it_waits_for_one_time_out(gitlab: GitLab, operator: Operator) -> None:
    operator.restart(requestTimeout=1)
    match = f"PUT {CREDENTIAL}"
    gitlab.lab.controls.add_fault(match, hang=True)
    gitlab.apply()
    until_matched(gitlab.lab, match)

    assert operator.stop() < 2

    gitlab.lab.controls.clear_faults()
    operator.start()
    one_of_each(gitlab)


def test_at_sigterm_while_it_only_reads_it_waits_for_nothing(gitlab: GitLab, operator: Operator) -> None:
    match = "GET gitlabstore.blob.core.windows.net/*"
    gitlab.lab.controls.add_fault(match, hang=True)
    gitlab.apply()
    until_matched(gitlab.lab, match)

    assert operator.stop() < 2

    gitlab.lab.controls.clear_faults()
    operator.start()
    one_of_each(gitlab)


def test_at_sigterm_in_the_middle_of_a_deletion(gitlab: GitLab, operator: Operator) -> None:
    gitlab.apply().ready()
    principal = gitlab.principal
    match = f"DELETE {ASSIGNMENT}"
    gitlab.lab.controls.add_fault(match, delay=0.4)
    gitlab.ask_to_delete()
    until_matched(gitlab.lab, match)

    assert operator.stop() < 2

    operator.start()
    nothing_left(gitlab, principal)


def test_at_sigterm_while_a_deletion_waits_it_ends_at_once(gitlab: GitLab, operator: Operator) -> None:
    gitlab.apply().ready()
    principal = gitlab.principal
    with deletion_blocked(gitlab):
        assert operator.stop() < 1

    operator.start()
    nothing_left(gitlab, principal)


def test_killed_while_a_deletion_waits(gitlab: GitLab, operator: Operator) -> None:
    gitlab.apply().ready()
    principal = gitlab.principal
    with deletion_blocked(gitlab):
        operator.kill()

    operator.start()

    nothing_left(gitlab, principal)
