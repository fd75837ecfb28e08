"""The API server's errors: what comes next, and messages for a person."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gitlab_azure_identity.api import CLIENT_ID_ANNOTATION
from gitlab_azure_identity.domain.changes import ApplyServiceAccount
from gitlab_azure_identity.domain.findings import Outlook
from gitlab_azure_identity.domain.plan import plan
from gitlab_azure_identity.kube.client import ClusterError
from gitlab_azure_identity.kube.errors import annotation_conflict, classify

from .worlds import CLIENT, account, goal, standing, wanted

STALLED, WAITING, TRANSIENT = Outlook.STALLED, Outlook.WAITING, Outlook.TRANSIENT
TERMINATING = (
    'secrets "x" is forbidden: unable to create new content in namespace gitlab because it is being terminated'
)
POLICY = "ValidatingAdmissionPolicy 'x' with binding 'x' denied request: only for the federation audience"
WEBHOOK = 'admission webhook "x" denied the request: no'


@pytest.mark.parametrize(
    ("error", "reason", "outlook", "message"),
    [
        (
            ClusterError(403, "Forbidden", 'secrets "x" is forbidden: User "operator" cannot patch'),
            "Forbidden",
            STALLED,
            (
                "The operator may not write secret x. Add gitlab to `namespaces` in the values of its Helm chart, and "
                "upgrade the chart."
            ),
        ),
        (
            ClusterError(403, "Forbidden", TERMINATING),
            "NamespaceTerminating",
            STALLED,
            "Namespace gitlab is being deleted.",
        ),
        (ClusterError(403, "Forbidden", POLICY), "AdmissionRefused", STALLED, f"Could not write secret x: {POLICY}"),
        (ClusterError(403, "Forbidden", WEBHOOK), "AdmissionRefused", STALLED, f"Could not write secret x: {WEBHOOK}"),
        (
            ClusterError(404, "NotFound", 'namespaces "gitlab" not found'),
            "NotFound",
            STALLED,
            'Could not write secret x: namespaces "gitlab" not found.',
        ),
        (
            ClusterError(409, "Conflict", "the object has been modified"),
            "Progressing",
            WAITING,
            "Could not write secret x: it changed in the meantime; it is read again.",
        ),
        (
            ClusterError(422, "Invalid", "data[a/b]: Invalid value"),
            "Invalid",
            STALLED,
            "The API server refused to write secret x: data[a/b]: Invalid value",
        ),
        (
            ClusterError(0, "TimeoutError", "no answer in time"),
            "ClusterUnavailable",
            TRANSIENT,
            "The API server could not write secret x just now: no answer in time. It is tried again.",
        ),
        (
            ClusterError(429, "TooManyRequests", "slow down"),
            "ClusterUnavailable",
            TRANSIENT,
            "The API server could not write secret x just now: slow down. It is tried again.",
        ),
        (
            ClusterError(503, "ServiceUnavailable", "starting"),
            "ClusterUnavailable",
            TRANSIENT,
            "The API server could not write secret x just now: starting. It is tried again.",
        ),
    ],
)
def test_what_an_error_means(error: ClusterError, reason: str, outlook: Outlook, message: str) -> None:
    failure = classify(error, "write secret x", "gitlab")

    assert (failure.reason, failure.outlook, failure.message) == (reason, outlook, message)


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
