"""The API server's errors: what comes next, and messages for a person."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitlab_azure_identity.api import CLIENT_ID_ANNOTATION
from gitlab_azure_identity.domain.changes import ApplyServiceAccount
from gitlab_azure_identity.domain.findings import Outlook
from gitlab_azure_identity.domain.plan import plan
from gitlab_azure_identity.kube.client import ClusterError, _decoded, _error
from gitlab_azure_identity.kube.errors import annotation_conflict, classify, token_refused

from .worlds import CLIENT, account, goal, standing, wanted

STALLED, WAITING, TRANSIENT = Outlook.STALLED, Outlook.WAITING, Outlook.TRANSIENT
TERMINATING = (
    'secrets "x" is forbidden: unable to create new content in namespace gitlab because it is being terminated'
)
RBAC = 'secrets "x" is forbidden: User "operator" cannot patch resource "secrets" in API group "" in the namespace "gitlab"'
POLICY = "ValidatingAdmissionPolicy 'x' with binding 'x' denied request: only for the federation audience"
EXCEPTION = "Change what that objects to, or make an exception there for the operator."
COMPARE = "Compare the field that it names with the spec."
WEBHOOK = 'admission webhook "validate.kyverno.svc-fail" denied the request: no'
QUOTA = (
    'secrets "x" is forbidden: exceeded quota: team, requested: count/secrets=1, used: count/secrets=5, '
    "limited: count/secrets=5"
)
NO_QUOTA_YET = 'secrets "x" is forbidden: status unknown for quota: team, resources: count/secrets'
STARTING = 'secrets "x" is forbidden: not yet ready to handle request'
POD_SECURITY = 'pods "x" is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false'
IMMUTABLE = 'Secret "x" is invalid: data: Forbidden: field is immutable when `immutable` is set'
CALL_FAILED = 'Internal error occurred: failed calling webhook "x": context deadline exceeded'
MODIFIED = "Operation cannot be fulfilled: the object has been modified"
GRANT = "Add gitlab to `namespaces` in the values of its Helm chart, and upgrade the chart."
HTML = "<html>403 Forbidden</html>"


def admission(status: int, text: str) -> tuple[ClusterError, str, Outlook, str]:
    return (
        ClusterError(status, "Any", text),
        "AdmissionRefused",
        STALLED,
        f"Could not write secret x: {text}. {EXCEPTION}",
    )


def unavailable(status: int, text: str) -> tuple[ClusterError, str, Outlook, str]:
    message = f"The API server could not write secret x just now: {text}. It is tried again."
    return ClusterError(status, "Any", text), "ClusterUnavailable", TRANSIENT, message


def invalid(status: int, text: str) -> tuple[ClusterError, str, Outlook, str]:
    return (
        ClusterError(status, "Any", text),
        "Invalid",
        STALLED,
        f"The API server refused to write secret x: {text}. {COMPARE}",
    )


@pytest.mark.parametrize(
    ("error", "reason", "outlook", "message"),
    [
        (
            ClusterError(403, "Forbidden", RBAC),
            "Forbidden",
            STALLED,
            f"The operator may not write secret x. {GRANT} The API server: {RBAC}.",
        ),
        (
            ClusterError(403, "Unknown", HTML),  # not an answer of the API server
            "Forbidden",
            STALLED,
            f"The operator may not write secret x. {GRANT} The API server: {HTML}.",
        ),
        (
            ClusterError(403, "Forbidden", TERMINATING),
            "NamespaceTerminating",
            STALLED,
            f"Namespace gitlab is being deleted. The API server: {TERMINATING}.",
        ),
        (
            ClusterError(403, "Forbidden", QUOTA),
            "QuotaExceeded",
            STALLED,
            f"Could not write secret x: {QUOTA}. Raise the quota of namespace gitlab, or remove what is not used.",
        ),
        *(
            (
                ClusterError(403, "Forbidden", text),
                "ClusterUnavailable",
                WAITING,
                f"Could not write secret x: {text}. It is read again.",
            )
            for text in (NO_QUOTA_YET, STARTING)
        ),
        # a webhook or a policy gives its refusal any status, and a webhook's denial without one is 400
        *(admission(status, WEBHOOK) for status in (400, 401, 403, 404, 409, 413, 422, 429, 500, 503)),
        *(admission(status, POLICY) for status in (401, 403, 413, 422)),
        admission(403, POD_SECURITY),
        (
            ClusterError(404, "NotFound", 'namespaces "gitlab" not found'),
            "NotFound",
            WAITING,
            'Could not write secret x: namespaces "gitlab" not found. It is read again.',
        ),
        (
            ClusterError(409, "Conflict", MODIFIED),
            "Conflict",
            WAITING,
            f"Could not write secret x: {MODIFIED}. It is read again.",
        ),
        (
            ClusterError(409, "AlreadyExists", 'secrets "x" already exists'),
            "Conflict",
            WAITING,
            'Could not write secret x: secrets "x" already exists. It is read again.',
        ),
        (
            ClusterError(422, "Invalid", IMMUTABLE),
            "Immutable",
            STALLED,
            (
                f"Could not write secret x: {IMMUTABLE}. Delete it, and the operator creates it again: kubectl -n gitlab "
                "delete secret x"
            ),
        ),
        invalid(422, "data[a/b]: Invalid value"),
        invalid(400, "the body is malformed"),
        invalid(405, "the server does not allow this method"),
        invalid(413, "limit is 3145728"),
        invalid(415, "the media type is not supported"),
        (
            ClusterError(401, "Unauthorized", "Unauthorized"),
            "ClusterUnavailable",
            TRANSIENT,
            (
                "The API server did not accept the operator's own token, and so did not write secret x: Unauthorized. "
                "It is tried again."
            ),
        ),
        unavailable(0, "no answer in time"),
        unavailable(408, "too slow"),
        unavailable(410, "too old"),
        unavailable(429, "slow down"),
        unavailable(500, CALL_FAILED),
        unavailable(503, "starting"),
        unavailable(504, "timed out"),
    ],
)
def test_what_an_error_means(error: ClusterError, reason: str, outlook: Outlook, message: str) -> None:
    failure = classify(error, "write secret x", "gitlab")

    assert (failure.reason, failure.outlook, failure.message) == (reason, outlook, message)


@pytest.mark.parametrize(
    ("status", "text", "advice"),
    [
        (404, "it is gone", "Find out who deletes it."),
        (409, "it has changed", "Find out who else changes it."),
        (403, STARTING, "Check the API server and its controllers."),
    ],
)
def test_what_passes_by_itself_is_a_persons_task_after_five_minutes(status: int, text: str, advice: str) -> None:
    failure = classify(ClusterError(status, "Any", text), "write secret x", "gitlab")

    assert (failure.limit, failure.overdue) == (
        300.0,
        f"For 5 minutes the operator could not write secret x: {text}. {advice}",
    )


def test_a_right_that_the_charts_values_can_withhold_alone() -> None:
    failure = token_refused(ClusterError(403, "Forbidden", RBAC), "gitlab", "gitlab")

    assert (failure.reason, failure.message) == (
        "Forbidden",
        (
            "The operator may not create tokens for service account gitlab. In the values of its Helm chart, set "
            "verification.enabled to true and add gitlab to `namespaces`; or set spec.verification to Disabled. The API server: "
            f"{RBAC}."
        ),
    )


def test_any_other_refusal_of_a_token_is_told_as_such() -> None:
    assert token_refused(ClusterError(503, "Any", "starting"), "gitlab", "gitlab").reason == "ClusterUnavailable"


@given(
    st.integers(400, 599), st.text(), st.text(), st.lists(st.text()).map(tuple), st.sampled_from(["write x", "read x"])
)
def test_no_answer_loses_its_text(status: int, reason: str, text: str, causes: tuple[str, ...], doing: str) -> None:
    failure = classify(ClusterError(status, reason, text, causes), doing, "gitlab")

    assert " ".join(text.split()) in " ".join(failure.message.split())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["details", "causes", "message", "reason"]), inner),
)


@given(st.integers(400, 599), JSON.map(lambda value: json.dumps(value).encode()) | st.binary())
def test_any_answer_of_the_api_server_can_be_read(status: int, body: bytes) -> None:
    error = _error(status, _decoded(body) or {}, body)

    assert classify(error, "write x", "gitlab").message


def test_two_field_managers_of_one_field() -> None:
    cause = f'conflict with "helm" using v1: .metadata.annotations.{CLIENT_ID_ANNOTATION}'
    error = ClusterError(409, "Conflict", "Apply failed with 1 conflict", (cause,))

    failure = classify(error, "write service account gitlab", "gitlab")

    assert (failure.reason, failure.outlook) == ("FieldConflict", STALLED)
    assert failure.message.startswith(f"Could not write service account gitlab: {cause}. ")


def test_an_annotation_that_somebody_else_set_is_reported_with_both_values() -> None:
    desired = wanted({"serviceAccounts": [{"name": "gitlab", "management": "Annotate"}]})
    found = replace(account(desired, "gitlab", managed=False), annotations={CLIENT_ID_ANNOTATION: "theirs"})
    (change,) = plan(goal(desired), standing(desired).with_object(found))
    assert isinstance(change, ApplyServiceAccount)
    cause = f'conflict with "helm" using v1: .metadata.annotations.{CLIENT_ID_ANNOTATION}'

    failure = annotation_conflict(ClusterError(409, "Conflict", "Apply failed", (cause,)), change, found)

    assert (failure.reason, failure.outlook) == ("FieldConflict", STALLED)
    for part in ("helm", "theirs", CLIENT, "Service account gitlab"):
        assert part in failure.message


def test_not_found_and_conflicting() -> None:
    assert ClusterError(404, "NotFound", "").not_found
    assert not ClusterError(403, "Forbidden", "").not_found
    assert not ClusterError(409, "Conflict", "the object has been modified").field_conflict
