"""Azure's transient failures: requests fail, answers are lost, grants take their time. A Ready resource tolerates them, and they
are reported."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from lab.controls import Call
from lab.running import Lab

from .behind import until
from .operating import Operator
from .resources import GitLab
from .watching import Object, Watch

READ_IDENTITY = "GET */userassignedidentities/*"
READ_CREDENTIALS = "GET */federatedidentitycredentials"
READ_ROLES = "GET */roleassignments"
LOGIN = "POST login.microsoftonline.com/*"
PASSING: list[tuple[str, dict[str, Any], str]] = [
    (READ_IDENTITY, {"status": 500, "code": "InternalServerError"}, "AzureUnavailable"),
    (READ_CREDENTIALS, {"status": 503, "code": "ServerTimeout"}, "AzureUnavailable"),
    # Twice: the HTTP client itself tries once more when an open connection is reset.
    (READ_ROLES, {"reset": True, "times": 2}, "AzureUnavailable"),
    (READ_IDENTITY, {"status": 429, "code": "TooManyRequests", "retry_after": 1}, "Throttled"),
    ("GET *.blob.core.windows.net/*", {"status": 503, "code": "ServerBusy"}, "AzureUnavailable"),
]


def conditions(found: Object) -> dict[str, tuple[str, str, str, str]]:
    """The conditions and their transition times."""
    return {
        each["type"]: (each["status"], each["reason"], each["message"], each["lastTransitionTime"])
        for each in found["status"]["conditions"]
    }


def warnings(gitlab: GitLab) -> list[str]:
    return [event["reason"] for event in gitlab.events() if event["type"] == "Warning"]


def counted(operator: Operator, reason: str) -> float:
    """The number of transient failures that the operator has counted."""
    name = "gitlab_azure_identity_transient_failures_total"
    found = re.search(rf'^{name}{{reason="{reason}"}} (\S+)$', operator.get("/metrics"), re.MULTILINE)
    return float(found.group(1)) if found else 0.0


def refused(gitlab: GitLab, status: int) -> list[Any]:
    return [call for call in gitlab.lab.controls.calls() if call.status == status]


def until_recovered(gitlab: GitLab) -> None:
    """Wait until a pass succeeded. It writes nothing, so only Azure has seen it. Its last request is for a container."""
    calls = gitlab.lab.controls.calls
    until(lambda: [c for c in calls() if ".blob." in c.host and c.status == 200][6:], "containers that answered")


# A resource that is Ready


def test_a_transient_failure_changes_no_condition_and_is_one_event(gitlab: GitLab, operator: Operator) -> None:
    before = gitlab.apply().ready()
    lab = gitlab.lab
    written = len(gitlab.watch.versions(gitlab.namespace))
    for number, (match, fault, reason) in enumerate(PASSING, start=1):
        was = counted(operator, reason)
        lab.controls.clear_calls()
        lab.controls.add_fault(match, **fault)

        gitlab.reconcile_now()
        until_recovered(gitlab)

        assert conditions(gitlab.live()) == conditions(before), fault
        assert counted(operator, reason) > was, fault
        assert len(warnings(gitlab)) == number, fault
        assert warnings(gitlab)[-1] == reason, fault
    # A status for each request for a pass, which differs only in the answer. None for a failure.
    assert len(gitlab.watch.versions(gitlab.namespace)) == written + 2 * len(PASSING)
    assert gitlab.writes() == []


def test_an_object_that_is_missing_and_cannot_be_restored_is_reported_at_once(gitlab: GitLab) -> None:
    """GitLab has no access: the resource is not Ready, although the failure is transient."""
    gitlab.apply().ready()
    gitlab.remove_assignments()
    gitlab.lab.controls.add_fault(
        "PUT */roleassignments/*", status=429, code="SubscriptionRequestsThrottled", retry_after=2
    )

    gitlab.reconcile_now()

    found = conditions(gitlab.live())
    assert found["RolesAssigned"][:2] == found["Ready"][:2] == ("Unknown", "Throttled")
    assert found["AccessVerified"][:2] == ("Unknown", "Pending")
    gitlab.ready(seconds=10)  # by itself


EXPIRED: dict[str, Any] = {
    "status": 401,
    "code": "ExpiredAuthenticationToken",
    "message": "The access token expiry time is over.",
}


def logins(gitlab: GitLab) -> list[Call]:
    """The tokens that the operator asked for, for itself."""
    return [call for call in gitlab.lab.controls.calls() if "/oauth2/" in call.path and call.caller == "operator"]


@pytest.mark.parametrize("match", [READ_IDENTITY, "PUT */roleassignments/*"])
def test_a_token_that_azure_refuses_is_replaced(gitlab: GitLab, match: str) -> None:
    """For an expired or revoked token nothing is reported: the request is sent again with a new one."""
    before = gitlab.apply().ready()
    gitlab.remove_assignments()
    gitlab.lab.controls.add_fault(match, **EXPIRED)
    gitlab.lab.controls.clear_calls()

    gitlab.reconcile_now()

    assert len(refused(gitlab, 401)) == len(logins(gitlab)) == 1
    assert conditions(gitlab.live()) == conditions(before)
    assert warnings(gitlab) == ["DriftRepaired"]
    assert len(gitlab.assignments()) == 1


def test_a_token_that_is_refused_again_and_again_is_reported(gitlab: GitLab) -> None:
    gitlab.apply().ready()
    gitlab.lab.controls.add_fault(READ_IDENTITY, **EXPIRED, times=2)

    gitlab.reconcile_now()

    gitlab.condition("Ready", "False", "AuthenticationFailed")
    gitlab.ready(seconds=10)  # by itself


def test_the_event_says_what_could_not_be_done(gitlab: GitLab) -> None:
    gitlab.apply().ready()
    gitlab.lab.controls.add_fault(
        READ_ROLES, status=500, code="InternalServerError", message="Something broke.", times=2
    )

    gitlab.reconcile_now()
    until(lambda: not gitlab.lab.controls.waiting_faults(), "two failures")

    (event,) = [event for event in gitlab.events() if event["type"] == "Warning"]
    assert (event["reason"], event["message"]) == (
        "AzureUnavailable",
        (
            "Azure could not read role assignments on storage account gitlabstore just now: InternalServerError (500): "
            "Something broke. It is tried again."
        ),
    )


def test_the_third_failure_in_a_row_is_reported_in_the_conditions_until_it_ends(gitlab: GitLab) -> None:
    gitlab.apply().ready()
    gitlab.lab.controls.add_fault(READ_ROLES, status=503, code="ServiceUnavailable", times=3)

    gitlab.annotate("gitlabazure.io/requested-at=now")
    found = gitlab.condition("Ready", "Unknown", "AzureUnavailable")
    gitlab.ready()

    assert conditions(found)["Reconciling"][0] == "True"
    assert conditions(found)["IdentityReady"][0] == "True"
    assert conditions(found)["RolesAssigned"][:2] == ("Unknown", "AzureUnavailable")
    assert "Reconciling" not in conditions(gitlab.live())


@pytest.mark.parametrize("match", [READ_IDENTITY, READ_ROLES])
def test_no_request_is_sent_before_retry_after_has_passed(gitlab: GitLab, match: str) -> None:
    gitlab.apply().ready()
    gitlab.lab.controls.clear_calls()
    gitlab.lab.controls.add_fault(match, status=429, code="TooManyRequests", retry_after=3)

    gitlab.reconcile_now()
    until_recovered(gitlab)

    (throttled,) = refused(gitlab, 429)
    # Requests of the same moment were already sent.
    later = [call.time for call in gitlab.calls() if call.time > throttled.time + 0.5]
    assert min(later) >= throttled.time + 3


def test_an_answer_that_does_not_arrive_in_time_is_a_transient_failure(gitlab: GitLab, operator: Operator) -> None:
    before = gitlab.apply().ready()
    operator.restart(requestTimeout=1)
    gitlab.lab.controls.clear_calls()
    gitlab.lab.controls.add_fault(READ_IDENTITY, hang=True)

    gitlab.reconcile_now()
    until(lambda: "AzureUnavailable" in warnings(gitlab), "an event")
    until_recovered(gitlab)

    assert conditions(gitlab.live()) == conditions(before)


def test_a_definite_answer_counts_at_once(gitlab: GitLab) -> None:
    gitlab.apply().ready()
    gitlab.lab.controls.add_fault(READ_ROLES, status=403, code="AuthorizationFailed", message="The client may not.")

    gitlab.annotate("gitlabazure.io/requested-at=now")
    gitlab.condition("Ready", "False", "AuthorizationFailed")

    gitlab.ready()


# A resource that is being created

WRITES = {
    "identity": "PUT */userassignedidentities/lab*",
    "credential": "PUT */federatedidentitycredentials/*",
    "assignment": "PUT */roleassignments/*",
}
LOST: list[dict[str, Any]] = [
    {"status": 500, "code": "InternalServerError"},
    {"status": 429, "code": "TooManyRequests", "retry_after": 1},
    {"reset": True},
    {"reset": True, "applied": True},
    {"status": 504, "code": "GatewayTimeout", "applied": True},
]


@pytest.mark.parametrize("write", WRITES)
def test_a_write_that_fails_or_whose_answer_is_lost_is_made_once(
    new_gitlab: Callable[..., GitLab], lab: Lab, write: str
) -> None:
    first = new_gitlab()
    gitlabs = [first, *(new_gitlab(first.namespace, f"gitlab-{number}") for number in range(2, len(LOST) + 1))]
    for fault in LOST:
        lab.controls.add_fault(WRITES[write], **fault)

    for each in gitlabs:
        each.apply(serviceAccounts=[{"name": each.name}])
    for each in gitlabs:
        each.ready(60)

    assert not lab.controls.waiting_faults()
    assert len(first.identities()) == len(gitlabs)
    for each in gitlabs:
        assert len(each.credentials()) == 1
        assert len(each.assignments()) == 1
        assert len(each.live()["status"]["roleAssignments"]) == 1


def test_azures_temporary_answers_are_waited_for(gitlab: GitLab) -> None:
    """A new principal is not known everywhere, an assignment exists already, somebody else writes."""
    controls = gitlab.lab.controls
    controls.add_fault(WRITES["assignment"], status=400, code="PrincipalNotFound")
    controls.add_fault(WRITES["assignment"], status=409, code="RoleAssignmentExists", applied=True)
    concurrent = "ConcurrentFederatedIdentityCredentialsWritesForSingleManagedIdentity"
    controls.add_fault(WRITES["credential"], status=409, code=concurrent)

    gitlab.apply()
    waiting = gitlab.condition("RolesAssigned", "Unknown", "PrincipalNotFound")
    gitlab.ready()

    assert conditions(waiting)["RolesAssigned"][2] == (
        "The identity's principal is not known everywhere in Entra yet; this takes seconds. Azure: A fault of the lab answers "
        "with this error."
    )
    assert len(gitlab.assignments()) == 1
    assert len(gitlab.credentials()) == 1
    assert warnings(gitlab) == []


# Grants that take their time


def test_grants_that_are_not_known_everywhere_yet_are_waited_for(gitlab: GitLab) -> None:
    gitlab.lab.controls.set(credential_propagation=0.6, role_propagation=2.0)
    gitlab.lab.controls.clear_calls()

    gitlab.apply().ready()

    entra, blobs = messages_of_access(gitlab, "Propagating")
    assert entra.startswith(
        f"Entra does not accept service account {gitlab.namespace}/gitlab yet (AADSTS70021). "
        "New credentials take up to several minutes. Entra: AADSTS70021: No matching federated identity record found"
    )
    assert blobs == (
        "The identity may not list, read, write or delete in container registry of storage account gitlabstore yet. New role "
        "assignments take up to 10 minutes, and at times 30. Azure: This request is not authorized to perform this operation "
        "using this permission."
    )
    # Neither makes the operator observe everything again, or write.
    assert len([call for call in gitlab.calls() if call.method == "GET"]) <= 3
    assert len(gitlab.writes()) == 3
    assert warnings(gitlab) == []


def test_grants_that_take_longer_than_the_limit_are_reported_with_advice(gitlab: GitLab, operator: Operator) -> None:
    operator.restart(propagationLimit=1, stalledInterval=1)
    gitlab.lab.controls.set(credential_propagation=4, role_propagation=7)

    gitlab.apply().ready()

    (rejected,) = messages_of_access(gitlab, "TokenRejected")
    assert rejected.startswith(
        f"Entra refused the token of service account {gitlab.namespace}/gitlab (AADSTS70021). No federated credential matches "
        "the token. Compare status.issuer and status.federatedCredentials with it. Entra: AADSTS70021: No matching federated "
        "identity record found"
    )
    denied = messages_of_access(gitlab, "AccessDenied")[-1]
    assert denied == (
        "The identity may not list, read, write or delete in container registry of storage account gitlabstore, though the "
        "roles are assigned. Look for deny assignments and for conditions on the role assignments: "
        "docs/troubleshooting.md#accessdenied. Azure: This request is not authorized to perform this operation using "
        "this permission."
    )
    assert warnings(gitlab)[:2] == ["TokenRejected", "AccessDenied"]


def messages_of_access(gitlab: GitLab, reason: str) -> list[str]:
    """Each message that AccessVerified had with this reason, in order."""
    said = [
        conditions(found).get("AccessVerified", ("", "", "", ""))
        for found in gitlab.watch.versions(gitlab.namespace)
        if "conditions" in found.get("status", {})
    ]
    return list(dict.fromkeys(message for _, given, message, _ in said if given == reason))


# The operator's own login


@pytest.mark.parametrize(
    ("fault", "status", "reason", "part"),
    [
        ({"status": 503, "code": "AADSTS90033"}, "Unknown", "AzureUnavailable", "It is tried again."),
        ({"status": 429, "code": "AADSTS90055"}, "Unknown", "Throttled", "It is tried again."),
        (
            {"status": 401, "code": "AADSTS700213", "message": "No matching federated identity record found."},
            "False",
            "AuthenticationFailed",
            "Check the client ID and the federated credential of the operator's own identity: docs/azure-permissions.md#login.",
        ),
        (
            {"status": 400, "code": "AADSTS50166", "message": "Request to External OIDC endpoint failed."},
            "Unknown",
            "IssuerUnreachable",
            "AADSTS50166: Request to External OIDC endpoint failed. It is tried again.",
        ),
        (
            {"status": 401, "code": "AADSTS7000272", "message": "The certificate could not be found in the metadata."},
            "Unknown",
            "SigningKeyUnknown",
            "AADSTS7000272: The certificate could not be found in the metadata.",
        ),
    ],
    ids=["down", "throttled", "refused", "issuer", "keys"],
)
def test_the_operator_cannot_log_in(
    gitlab: GitLab, operator: Operator, fault: dict[str, Any], status: str, reason: str, part: str
) -> None:
    """Nothing is lost, and no restart is needed: the operator logs in as soon as Entra lets it."""
    gitlab.lab.controls.add_fault(LOGIN, times=50, **fault)
    operator.restart()

    gitlab.apply()
    gitlab.condition("Ready", status, reason)
    message = gitlab.message("IdentityReady")
    gitlab.lab.controls.clear_faults()
    gitlab.ready()

    assert part in message
    assert "Trace ID" not in message


# What is never shown


KEYS = "AccountKey=c2VjcmV0c2VjcmV0; nor sig=c2VjcmV0 nor SharedAccessSignature=sv=2026&sig=c2VjcmV0"


def test_no_token_and_no_secret_is_ever_shown(gitlab: GitLab, operator: Operator, watch: Watch) -> None:
    """At the most verbose log level, with every kind of refusal, no log, event or status contains a token."""
    operator.restart(logLevel="DEBUG", stalledInterval=1)
    controls = gitlab.lab.controls
    token = controls.token("https://management.azure.com/.default")
    for match in (READ_ROLES, WRITES["identity"], WRITES["credential"], LOGIN, "GET *.blob.core.windows.net/*"):
        controls.add_fault(match, status=400, code="Refused", message=f"Do not show Bearer {token} to anybody, {KEYS}.")

    gitlab.apply()
    gitlab.ready(60)
    assert "credentials_type" in gitlab.secret("gitlab-registry-storage")["config"]
    gitlab.delete()

    assert not controls.waiting_faults()
    everything = {
        "log": operator.log.read_text(),
        "events": gitlab.lab.kubectl("get", "events", "-A", "-o", "json"),
        "statuses": json.dumps(watch.versions(gitlab.namespace)),
    }
    assert "Do not show Bearer" in everything["statuses"]
    assert [where for where, text in everything.items() if re.search(r"\beyJ[\w-]{10}|c2VjcmV0", text)] == []
    assert [where for where, text in everything.items() if "credentials_type" in text] == []
    assert operator.entries()  # and every line of the log is an entry
