"""What others do to the objects in the cluster is seen between two passes: nobody asks for one, and nothing of it is news of the
resource itself. The operator checks every second here; its default is half a minute."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from .behind import (
    CLIENT_ID,
    annotations,
    annotations_for,
    create,
    create_service_account,
    drift,
    passes,
    patch,
    reasons,
    remove,
    until,
)
from .operating import Operator
from .owner import stalled
from .resources import GitLab
from .test_drift import IN_THE_CLUSTER, world

SOON = 10
"""Seconds: a check, a pass, and room for a busy machine."""


@pytest.fixture(scope="module")
def _often(_operator: Operator) -> Iterator[Operator]:
    _operator.restart(checkInterval=1)
    yield _operator
    _operator.restart()


@pytest.fixture
def often(_often: Operator) -> Operator:
    return _often


@pytest.mark.parametrize(("act", "message"), [pytest.param(*rest, id=name) for name, *rest in IN_THE_CLUSTER])
def test_an_object_that_was_deleted_or_edited_is_put_right(
    gitlab: GitLab, often: Operator, act: Callable[[GitLab], None], message: str
) -> None:
    gitlab.apply().ready()
    before = world(gitlab)
    gitlab.lab.controls.clear_calls()

    act(gitlab)

    until(lambda: "DriftRepaired" in reasons(gitlab), "it is put right", SOON)
    assert drift(gitlab) == message
    assert world(gitlab) == before
    assert gitlab.writes() == []


def test_while_nothing_changes_azure_gets_no_request(gitlab: GitLab, often: Operator) -> None:
    gitlab.apply().ready()
    until_checked(often)
    gitlab.lab.controls.clear_calls()
    before, version = passes(often), gitlab.live()["metadata"]["resourceVersion"]

    until_checked(often, 3)

    assert gitlab.calls() == []
    assert passes(often) == before
    assert gitlab.live()["metadata"]["resourceVersion"] == version


def test_an_edit_that_is_nobodys_business_costs_no_request_to_azure(gitlab: GitLab, often: Operator) -> None:
    gitlab.apply().ready()
    until_checked(often)
    gitlab.lab.controls.clear_calls()
    before = passes(often)

    gitlab.annotate("example.com/note=hello", kind="serviceaccount", name="gitlab")
    patch(gitlab, "secret", "gitlab-registry-storage", {"metadata": {"labels": {"team": "platform"}}})
    until_checked(often, 4)

    assert (gitlab.calls(), passes(often)) == ([], before)
    remove(gitlab, "secret", "gitlab-registry-storage")  # and it still sees what matters
    until(lambda: gitlab.exists("secret", "gitlab-registry-storage"), "it is put right", SOON)


def annotated(gitlab: GitLab, name: str = "theirs") -> GitLab:
    return gitlab.apply(serviceAccounts=[{"name": name, "management": "Annotate"}])


def test_somebody_elses_service_account_is_annotated_when_it_appears(gitlab: GitLab, often: Operator) -> None:
    annotated(gitlab)
    assert stalled(gitlab, "NotFound").startswith("Service account theirs does not exist.")

    create_service_account(gitlab, "theirs")

    status = gitlab.ready(seconds=SOON)["status"]
    assert annotations(gitlab, "theirs") == annotations_for(status["identity"]["clientId"])


def test_somebody_elses_service_account_that_lost_its_annotation_gets_it_again(gitlab: GitLab, often: Operator) -> None:
    create_service_account(gitlab, "theirs")
    annotated(gitlab).ready()
    before = annotations(gitlab, "theirs")

    gitlab.annotate(f"{CLIENT_ID}-", kind="serviceaccount", name="theirs")
    until(lambda: annotations(gitlab, "theirs") == before, "the annotation is there again", SOON)

    remove(gitlab, "serviceaccount", "theirs")
    stalled(gitlab, "NotFound", seconds=SOON)
    create_service_account(gitlab, "theirs")  # as a new release of the chart does
    gitlab.ready(seconds=SOON)
    assert annotations(gitlab, "theirs") == before


def test_an_object_of_somebody_else_that_is_handed_over_or_deleted(gitlab: GitLab, often: Operator) -> None:
    create(gitlab, "Secret", "gitlab-registry-storage", {"stringData": {"config": "azure: {accountname: former}"}})
    gitlab.apply()
    stalled(gitlab, "NotOwned")

    gitlab.annotate("gitlabazure.io/adopt-by=gitlab", kind="secret", name="gitlab-registry-storage")

    gitlab.ready(seconds=SOON)
    assert "azure_v2" in gitlab.secret("gitlab-registry-storage")["config"]


def test_a_right_that_is_missing_is_used_when_it_is_there(gitlab: GitLab, often: Operator) -> None:
    """Neither the objects nor the resource change then: dry runs tell that a write would succeed."""
    gitlab.apply().ready()
    role = gitlab.lab.api.get(gitlab.path("role", "gitlab-azure-identity"))
    rules: list[dict[str, Any]] = role["rules"]
    may_not_write = [rule | {"verbs": [verb for verb in rule["verbs"] if verb != "patch"]} for rule in rules]
    patch(gitlab, "role", "gitlab-azure-identity", {"rules": may_not_write})
    patch(gitlab, "secret", "gitlab-registry-storage", {"stringData": {"config": "filesystem: {}"}})
    stalled(gitlab, "Forbidden", seconds=SOON)
    until_it_waits(often)

    patch(gitlab, "role", "gitlab-azure-identity", {"rules": rules})

    gitlab.ready(seconds=SOON)
    assert "azure" in gitlab.secret("gitlab-registry-storage")["config"]


@pytest.mark.parametrize("verb", ["get", "create"])
def test_without_any_right_in_its_namespace_it_waits_for_the_rights(gitlab: GitLab, often: Operator, verb: str) -> None:
    role = gitlab.lab.api.get(gitlab.path("role", "gitlab-azure-identity"))
    rules: list[dict[str, Any]] = role["rules"]
    fewer = [rule | {"verbs": [each for each in rule["verbs"] if each != verb] or ["get"]} for rule in rules]
    patch(gitlab, "role", "gitlab-azure-identity", {"rules": fewer})
    gitlab.apply()
    stalled(gitlab, "Forbidden")
    until_it_waits(often)

    patch(gitlab, "role", "gitlab-azure-identity", {"rules": rules})

    gitlab.ready(seconds=SOON)


def test_the_right_to_create_tokens_is_used_when_it_is_there(gitlab: GitLab, often: Operator) -> None:
    role = gitlab.lab.api.get(gitlab.path("role", "gitlab-azure-identity"))
    rules: list[dict[str, Any]] = role["rules"]
    without = [rule for rule in rules if rule["resources"] != ["serviceaccounts/token"]]
    assert len(without) == len(rules) - 1
    patch(gitlab, "role", "gitlab-azure-identity", {"rules": without})
    gitlab.apply()
    stalled(gitlab, "Forbidden")
    until_it_waits(often)

    patch(gitlab, "role", "gitlab-azure-identity", {"rules": rules})

    gitlab.ready(seconds=SOON)


def requests(operator: Operator) -> int:
    """The operator's requests to the API server since its start."""
    lines = operator.get("/metrics").splitlines()
    name = "gitlab_azure_identity_cluster_requests_total{"
    return sum(int(float(line.rpartition(" ")[2])) for line in lines if line.startswith(name))


def until_checked(operator: Operator, count: int = 1) -> None:
    """Wait until the five objects were checked so many times."""
    before = requests(operator)
    until(lambda: requests(operator) >= before + 5 * count, "checks")


def until_it_waits(operator: Operator) -> None:
    """Wait until a resource that needs a person gets its next pass only after SOON: after waits of 1, 2, 4 and 8 seconds."""
    before = passes(operator, "error")
    until(lambda: passes(operator, "error") >= before + 4, "four more passes")
