"""The levers of a person: suspend, verification, a request for a pass."""

from tests.invariants import seen

from .behind import IDENTITIES, OBJECTS, passes, patch, until, until_events
from .operating import Operator
from .resources import GitLab


def others(found: dict[str, object]) -> list[tuple[str, str, str, str]]:
    """The conditions but Ready, without their generation."""
    conditions = found["status"]["conditions"]  # type: ignore[index]
    return [
        (each["type"], each["status"], each["reason"], each["lastTransitionTime"])
        for each in conditions
        if each["type"] != "Ready"
    ]


def suspend(gitlab: GitLab) -> None:
    patch(gitlab, "gai", "gitlab", {"spec": {"suspend": True}})
    gitlab.condition("Ready", "False", "Suspended")


def test_suspended_says_so_and_freezes_the_rest(gitlab: GitLab) -> None:
    before = gitlab.apply().ready()

    suspend(gitlab)

    found = gitlab.live()
    assert others(found) == others(before)
    assert found["status"]["identity"] == before["status"]["identity"]
    assert found["status"]["observedGeneration"] == 2
    assert gitlab.message("Ready") == (
        "spec.suspend is true: nothing is looked at or changed, and the other conditions are as they were last seen."
    )
    until_events(gitlab, "Applied", "Ready", "Suspended")
    assert {event["type"] for event in gitlab.events()} == {"Normal"}


def test_suspended_sends_no_request_to_azure_and_leaves_drift_alone(gitlab: GitLab, operator: Operator) -> None:
    gitlab.apply().ready()
    suspend(gitlab)
    gitlab.remove_assignments()
    gitlab.lab.controls.clear_calls()
    before = passes(operator)

    gitlab.annotate("gitlabazure.io/requested-at=now")
    until(lambda: passes(operator) > before, "a pass")

    assert gitlab.calls() == []
    assert gitlab.assignments() == []
    assert "lastHandledReconcileAt" not in gitlab.live()["status"]  # it was not answered, since no pass was made


def test_resumed_it_repairs_and_is_ready(gitlab: GitLab) -> None:
    before = gitlab.apply().ready()["status"]["identity"]
    suspend(gitlab)
    gitlab.remove_assignments()

    patch(gitlab, "gai", "gitlab", {"spec": {"suspend": False}})

    assert gitlab.ready()["status"]["identity"] == before
    assert len(gitlab.assignments()) == 1
    until_events(gitlab, "Applied", "Ready", "Suspended", "Applied", "Ready")
    assert {event["type"] for event in gitlab.events()} == {"Normal"}


def test_before_any_operator_has_seen_it_a_resource_is_in_progress(gitlab: GitLab, operator: Operator) -> None:
    """kstatus, and everybody who compares the generations, waits for it."""
    operator.stop()

    gitlab.apply()

    assert gitlab.live()["status"] == {"observedGeneration": -1}
    operator.start()
    assert gitlab.ready()["status"]["observedGeneration"] == 1


def test_suspended_from_the_start_creates_nothing(gitlab: GitLab) -> None:
    gitlab.lab.controls.clear_calls()

    gitlab.apply(suspend=True).condition("Ready", "False", "Suspended")

    assert gitlab.calls() == []
    assert not gitlab.exists("serviceaccount", "gitlab")
    gitlab.delete()


def test_deleted_while_suspended_everything_is_removed(gitlab: GitLab) -> None:
    gitlab.apply().ready()
    principal = gitlab.principal
    suspend(gitlab)

    gitlab.delete()

    assert gitlab.identities() == []
    assert gitlab.assignments(principal=principal) == []
    assert [name for kind, name in OBJECTS if gitlab.exists(kind, name)] == []


def test_a_request_is_answered_with_its_value(gitlab: GitLab) -> None:
    gitlab.apply().ready()

    gitlab.annotate("gitlabazure.io/requested-at=because I say so")
    gitlab.until(lambda found: found["status"].get("lastHandledReconcileAt") == "because I say so")

    gitlab.annotate("gitlabazure.io/requested-at-")
    gitlab.until(lambda found: "lastHandledReconcileAt" not in found["status"])


def test_a_request_is_answered_at_the_end_of_the_pass(gitlab: GitLab) -> None:
    """A person who waits for the answer, like `flux reconcile`, then finds the result in the conditions."""
    gitlab.apply().ready()
    accounts = [{"name": "gitlab"}, {"name": "gitlab-registry"}]

    asked = {"gitlabazure.io/requested-at": "with this"}
    patch(gitlab, "gai", "gitlab", {"metadata": {"annotations": asked}, "spec": {"serviceAccounts": accounts}})
    gitlab.ready()

    statuses = [version["status"] for version in gitlab.watch.versions(gitlab.namespace) if seen(version)]
    answered = [status for status in statuses if status.get("lastHandledReconcileAt") == "with this"]
    assert [status["conditions"][0]["status"] for status in answered] == ["True"]
    assert len(answered[0]["federatedCredentials"]) == 2


def test_under_report_a_failure_is_shown_and_ready_stays_true(gitlab: GitLab) -> None:
    containers = {"registry": {"name": "missing"}}
    storage = {"accountName": "gitlabstore", "containers": containers}

    found = gitlab.apply(storage=storage, verification="Report").ready()

    conditions = {each["type"]: each for each in found["status"]["conditions"]}
    assert (conditions["AccessVerified"]["status"], conditions["AccessVerified"]["reason"]) == (
        "False",
        "ContainerNotFound",
    )
    assert gitlab.message("AccessVerified").startswith("There is no container missing of storage account gitlabstore.")
    assert {"Reconciling", "Stalled"}.isdisjoint(conditions)
    assert conditions["Ready"]["message"] == (
        "Everything is in place, but access is not proven: see AccessVerified. spec.verification is Report."
    )
    states = {each["name"]: each["state"] for each in found["status"]["containers"]}
    assert states["missing"] == "ContainerNotFound"
    assert states["git-lfs"] == "Verified"


def test_under_required_the_same_failure_makes_it_not_ready(gitlab: GitLab) -> None:
    containers = {"registry": {"name": "missing"}}

    found = gitlab.apply(storage={"accountName": "gitlabstore", "containers": containers}).condition(
        "Ready", "False", "ContainerNotFound"
    )

    assert {each["type"]: each["status"] for each in found["status"]["conditions"]}["Stalled"] == "True"


def test_under_disabled_neither_entra_nor_the_blobs_get_a_request(gitlab: GitLab) -> None:
    gitlab.lab.controls.clear_calls()

    found = gitlab.apply(verification="Disabled").ready()

    conditions = {each["type"]: each for each in found["status"]["conditions"]}
    assert (conditions["AccessVerified"]["status"], conditions["AccessVerified"]["reason"]) == ("Unknown", "Disabled")
    assert conditions["Ready"]["message"] == (
        "Everything is in place. Access was not tried: spec.verification is Disabled."
    )
    assert {each["state"] for each in found["status"]["containers"]} == {"Unverified"}
    hosts = {call.host for call in gitlab.lab.controls.calls() if call.caller != "operator"}
    assert not any(host.endswith(".blob.core.windows.net") for host in hosts)


def test_propagation_is_waited_for_and_reported(gitlab: GitLab) -> None:
    gitlab.lab.controls.set(role_propagation=1.0)

    gitlab.apply().ready()

    found = {
        (each["status"], each["reason"])
        for version in gitlab.watch.versions(gitlab.namespace)
        for each in version.get("status", {}).get("conditions", ())
        if each["type"] == "Ready"
    }
    assert found == {("Unknown", "Progressing"), ("Unknown", "Propagating"), ("True", "Ready")}
    until_events(gitlab, "Applied", "Ready")


def test_a_ready_resource_gets_no_pass_without_a_request(gitlab: GitLab) -> None:
    """Labels and annotations of others start no pass."""
    gitlab.apply().ready()
    gitlab.lab.controls.clear_calls()

    gitlab.annotate("example.com/note=hello")
    patch(gitlab, "gai", "gitlab", {"metadata": {"labels": {"team": "platform"}}})
    gitlab.reconcile_now()

    assert (
        len([call for call in gitlab.calls() if call.path.startswith(IDENTITIES)]) == 2
    )  # one pass: the one that was asked for
