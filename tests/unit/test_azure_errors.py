"""Azure's errors: each kind with each operation, what comes next, and a message for a person that has Azure's own text."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitlab_azure_identity.api.conditions import Link
from gitlab_azure_identity.azure import entra, operations
from gitlab_azure_identity.azure.answers import retry_after
from gitlab_azure_identity.azure.entra import Trouble
from gitlab_azure_identity.azure.error_table import KINDS, STATUSES, TABLE
from gitlab_azure_identity.azure.errors import Act, AzureError, Operation, classify, entry, sanitize
from gitlab_azure_identity.domain.changes import (
    Change,
    DeleteAssignment,
    DeleteCredential,
    DeleteIdentity,
    ReleaseObject,
)
from gitlab_azure_identity.domain.findings import Outlook, failed
from gitlab_azure_identity.domain.observed import Observed
from gitlab_azure_identity.domain.plan import plan

from .worlds import goal, identity, standing, wanted

STALLED, WAITING, TRANSIENT = Outlook.STALLED, Outlook.WAITING, Outlook.TRANSIENT
DETAIL = "Azure's own words."
WANT, HAVE = wanted(), standing()
NEW = plan(goal(), Observed()) + plan(goal(), Observed(identity=identity()))
CHANGES: tuple[Change, ...] = (
    *(change for change in NEW if change.link in (Link.IDENTITY, Link.CREDENTIALS, Link.ROLES)),
    DeleteAssignment(HAVE.assignments[0]),
    DeleteCredential(identity(), WANT.credentials[0]),
    DeleteIdentity(identity()),
)
ACCOUNT = WANT.storage.scope
OPERATIONS: dict[str, Operation] = {
    "read identity": operations.reading_identity(WANT.identity),
    "read credentials": operations.reading_credentials(WANT.identity),
    "read assignments": operations.reading_assignments(ACCOUNT),
    "read account": operations.reading_account(ACCOUNT),
    **{f"{change.verb} {change}": operations.changing(change) for change in CHANGES},
}
READS = [one for one in OPERATIONS.values() if one.act is Act.READ]
WRITES = [one for one in OPERATIONS.values() if one.act is Act.WRITE]
DELETES = [one for one in OPERATIONS.values() if one.act is Act.DELETE]
ALL = [*READS, *WRITES, *DELETES]
UNKNOWN = [code for code, line in entra.TABLE.items() if line.trouble is Trouble.UNKNOWN]
REFUSED = [code for code, line in entra.TABLE.items() if line.trouble is Trouble.REFUSED]
ASSIGN = operations.changing(next(change for change in CHANGES if change.link is Link.ROLES))


@pytest.mark.parametrize(
    "reading",
    [
        operations.reading_identity(WANT.identity, {Link.IDENTITY, Link.CREDENTIALS}),
        operations.reading_credentials(WANT.identity, {Link.IDENTITY, Link.CREDENTIALS}),
        operations.reading_assignments(ACCOUNT, {Link.ROLES}),
        operations.reading_account(ACCOUNT, {Link.ROLES}),
    ],
)
def test_what_is_only_observed_takes_the_role_that_only_reads(reading: Operation) -> None:
    message = classify(AzureError("AuthorizationFailed", 403, DETAIL), reading).message

    assert 'Grant its identity "Reader" on ' in message
    assert "docs/azure-permissions.md#only-to-observe" in message
    assert "Contributor" not in message


def test_all_acts_are_there() -> None:
    assert (len(READS), len(WRITES), len(DELETES)) == (4, 3, 3)
    with pytest.raises(ValueError, match="not a change in Azure"):
        operations.changing(ReleaseObject(next(iter(HAVE.objects.values()))))


# Azure's code, its status, the operations that it is tried with, our reason, what comes next, and the seconds that it may last.
OF_A_CODE = [
    ("AuthorizationFailed", 403, ALL, "AuthorizationFailed", STALLED, None),
    ("LinkedAuthorizationFailed", 403, ALL, "AuthorizationFailed", STALLED, None),
    ("DenyAssignmentAuthorizationFailed", 403, ALL, "DenyAssignment", STALLED, None),
    ("RequestDisallowedByPolicy", 403, ALL, "RequestDisallowedByPolicy", STALLED, None),
    ("RequestDisallowedByAzure", 403, ALL, "RegionNotSupported", STALLED, None),
    ("LinkedInvalidPropertyId", 400, ALL, "NotFound", STALLED, None),
    ("InvalidAuthenticationTokenTenant", 401, ALL, "WrongTenant", STALLED, None),
    ("ReadOnlyDisabledSubscription", 409, ALL, "SubscriptionDisabled", STALLED, None),
    ("ResourceGroupNotFound", 404, [*READS, *DELETES], "ResourceGroupNotFound", STALLED, None),
    ("SubscriptionNotFound", 404, [*READS, *DELETES], "SubscriptionNotFound", STALLED, None),
    ("InvalidSubscriptionId", 400, ALL, "SubscriptionNotFound", STALLED, None),
    ("RoleAssignmentLimitExceeded", 400, ALL, "LimitExceeded", STALLED, None),
    ("RoleAssignmentUpdateNotPermitted", 409, ALL, "Conflict", STALLED, None),
    ("ScopeLocked", 409, ALL, "ScopeLocked", STALLED, None),
    ("MissingSubscriptionRegistration", 409, ALL, "MissingSubscriptionRegistration", STALLED, None),
    ("SubscriptionNotRegistered", 409, ALL, "MissingSubscriptionRegistration", STALLED, None),
    ("InvalidSubscriptionRegistrationState", 409, ALL, "MissingSubscriptionRegistration", STALLED, None),
    ("NoRegisteredProviderFound", 400, ALL, "MissingSubscriptionRegistration", STALLED, None),
    *(
        (code, 400, ALL, "InvalidAzureRequest", STALLED, None)
        for code in (
            "InvalidRequestContent",
            "InvalidRequestFormat",
            "InvalidApiVersionParameter",
            "MissingApiVersionParameter",
            "InvalidResourceType",
            "InvalidResourceNamespace",
            "MismatchingResourceSegments",
        )
    ),
    ("PrincipalNotFound", 400, ALL, "PrincipalNotFound", WAITING, 180.0),
    ("RoleAssignmentExists", 409, ALL, "NotKnownYet", WAITING, 300.0),
    (
        "ConcurrentFederatedIdentityCredentialsWritesForSingleManagedIdentity",
        409,
        ALL,
        "OperationInProgress",
        WAITING,
        600.0,
    ),
    ("InvalidResourceLocation", 409, ALL, "OperationInProgress", WAITING, 600.0),
    ("AnotherOperationInProgress", 409, ALL, "OperationInProgress", WAITING, 600.0),
    ("Conflict", 409, ALL, "OperationInProgress", WAITING, 600.0),
    ("ResourceGroupBeingDeleted", 409, ALL, "BeingDeleted", WAITING, 1800.0),
    ("MissingRegistrationForLocation", 409, ALL, "MissingSubscriptionRegistration", WAITING, 1800.0),
    ("TooManyRequests", 429, ALL, "Throttled", TRANSIENT, None),
    ("SubscriptionRequestsThrottled", 429, ALL, "Throttled", TRANSIENT, None),
]
# Codes that no line names: by the kind of their name.
OF_A_KIND = [
    ("SystemDenyAssignmentFailure", 403, ALL, "DenyAssignment", STALLED, None),
    ("DisallowedByManagementPolicy", 400, ALL, "RequestDisallowedByPolicy", STALLED, None),
    ("ReadOnlyLocked", 409, DELETES, "ScopeLocked", STALLED, None),
    ("IdentityQuotaExceeded", 400, WRITES, "LimitExceeded", STALLED, None),
    ("FederatedIdentityCredentialLimitReached", 403, WRITES, "LimitExceeded", STALLED, None),
    ("OperationThrottled", 400, ALL, "Throttled", TRANSIENT, None),
    ("ResourceBeingDeleted", 404, WRITES, "BeingDeleted", WAITING, 1800.0),
    ("SubscriptionSuspended", 403, ALL, "SubscriptionDisabled", STALLED, None),
    ("DisabledReadOnlySubscription", 403, ALL, "SubscriptionDisabled", STALLED, None),
    ("ProviderRegistering", 409, ALL, "MissingSubscriptionRegistration", WAITING, 1800.0),
    ("FeatureNotRegistered", 400, ALL, "MissingSubscriptionRegistration", STALLED, None),
    ("InvalidTenant", 401, ALL, "WrongTenant", STALLED, None),
    ("LocationNotAvailableForResourceType", 400, WRITES, "RegionNotSupported", STALLED, None),
    ("RegionDoesNotAllowProvisioning", 409, WRITES, "RegionNotSupported", STALLED, None),
    ("OperationTimedOut", 409, ALL, "AzureUnavailable", TRANSIENT, None),
    ("ServiceUnavailable", 400, ALL, "AzureUnavailable", TRANSIENT, None),
    ("RetryableError", 409, ALL, "AzureUnavailable", TRANSIENT, None),
    ("UpdateInProgress", 400, ALL, "OperationInProgress", WAITING, 600.0),
]
# Codes of no kind: by their status.
OF_A_STATUS = [
    ("SomethingNew", 401, ALL, "AuthenticationFailed", STALLED, None),
    ("SomethingNew", 403, ALL, "AuthorizationFailed", STALLED, None),
    # a write below what was just seen or created, whatever the code
    *(
        (code, 404, WRITES, "NotKnownYet", WAITING, 300.0)
        for code in (
            "SomethingNew",
            "NotFound",
            "ParentResourceNotFound",
            "ResourceNotFound",
            "ResourceGroupNotFound",
            "SubscriptionNotFound",
            "",
        )
    ),
    ("ServicePrincipalNotFound", 400, WRITES, "NotKnownYet", WAITING, 300.0),
    ("ScopeDoesNotExist", 400, WRITES, "NotKnownYet", WAITING, 300.0),
    ("ServicePrincipalNotFound", 400, [*READS, *DELETES], "RefusedByAzure", STALLED, None),
    ("SomethingNew", 404, [*READS, *DELETES], "NotKnownYet", WAITING, 300.0),
    *(("SomethingNew", status, ALL, "OperationInProgress", WAITING, 600.0) for status in (409, 412, 423, 424)),
    *(("SomethingNew", s, ALL, "AzureUnavailable", TRANSIENT, None) for s in (0, 408, 425, 449, 500, 501, 503, 599)),
    ("SomethingNew", 429, ALL, "Throttled", TRANSIENT, None),
    ("SomethingNew", 415, ALL, "InvalidAzureRequest", STALLED, None),
    *(("SomethingNew", s, ALL, "RefusedByAzure", STALLED, None) for s in (302, 400, 402, 410, 413, 418, 422, 451, 499)),
    ("MethodNotAllowed", 405, [*READS, *DELETES], "RefusedByAzure", STALLED, None),
]  # fmt: skip


@pytest.mark.parametrize(
    ("code", "status", "tried", "reason", "outlook", "limit"),
    [*OF_A_CODE, *OF_A_KIND, *OF_A_STATUS],
    ids=[f"{code}-{status}" for code, status, *_ in (*OF_A_CODE, *OF_A_KIND, *OF_A_STATUS)],
)
def test_each_kind_of_error_with_each_operation(
    code: str, status: int, tried: list[Operation], reason: str, outlook: Outlook, limit: float | None
) -> None:
    for operation in tried:
        failure = classify(AzureError(code, status, DETAIL, 3.0), operation)

        assert (failure.reason, failure.outlook, failure.limit) == (reason, outlook, limit), operation.doing
        assert failure.retry_after == 3.0
        for text in (failure.message, failure.overdue or failure.message):
            assert DETAIL in text
            assert not re.search(r"[{}]|  ", text), text
            assert text[0].isupper()
            assert text.endswith((".", "Microsoft.ManagedIdentity", "Microsoft.Storage", "--output table")), text


@pytest.mark.parametrize(
    ("code", "status", "operation"), [(c, s, tried[0]) for c, s, tried, *_ in (*OF_A_CODE, *OF_A_STATUS)]
)
def test_a_wait_ends_with_a_persons_task(code: str, status: int, operation: Operation) -> None:
    """After its limit the message has Azure's text and the next step."""
    failure = classify(AzureError(code, status, DETAIL), operation)
    if failure.outlook is not WAITING:
        return
    assert failure.limit is not None
    over = failed(Link.ROLES, failure).after(failure.limit)

    assert (over.outlook, over.reason, over.status) == (STALLED, failure.reason, "False")
    assert re.search(r"[Cc]heck|Create|Register|See|Find out|Look for|Correct", over.message)


def test_every_line_is_tried() -> None:
    assert {code for code, *_ in OF_A_CODE} == TABLE.keys()
    assert {status for _, status, *_ in OF_A_STATUS} >= STATUSES.keys()
    tried = [code for code, *_ in OF_A_KIND]
    assert [kind for kind, _ in KINDS if not any(re.search(kind, code) for code in tried)] == []


def test_an_unknown_code_is_shown_with_its_status() -> None:
    assert classify(AzureError("SomethingNew", 422, DETAIL), ASSIGN).message == (
        "Azure refused to assign roles on storage account gitlabstore: SomethingNew (422): Azure's own words. The operator does "
        "not know this answer: Azure's documentation of it says what to do."
    )
    assert classify(AzureError("", 422, DETAIL), ASSIGN).message == (
        "Azure refused to assign roles on storage account gitlabstore: status 422: Azure's own words. The answer has no code of "
        "Azure: check whether something on the way gave it, such as a proxy."
    )


GRANT = (
    'Grant its identity "Role Based Access Control Administrator" on storage account gitlabstore: '
    "docs/azure-permissions.md#storage."
)
ABAC = (
    "The client does not have authorization or an ABAC condition not fulfilled to perform action "
    "'Microsoft.Authorization/roleAssignments/write' over scope '/s' or the scope is invalid."
)


@pytest.mark.parametrize(
    ("code", "detail", "message"),
    [
        (
            "AuthorizationFailed",
            DETAIL,
            f"The operator may not assign roles on storage account gitlabstore. {GRANT} Azure: {DETAIL}",
        ),
        (
            "AuthorizationFailed",
            ABAC,
            (f"The operator may not assign roles on storage account gitlabstore. {GRANT} Azure: {ABAC} If the role is assigned, "
            "its condition does not admit this: docs/azure-permissions.md#storage."),
        ),
        (
            "InvalidSubscriptionId",
            DETAIL,
            ("Azure refused to assign roles on storage account gitlabstore: Azure's own words. Check the "
            "id: if it is wrong, correct spec.storage.subscriptionId."),
        ),
        (
            "RequestDisallowedByPolicy",
            DETAIL,
            "An Azure Policy forbids to assign roles on storage account gitlabstore: Azure's own words. Ask who assigned it.",
        ),
        (
            "Conflict",
            DETAIL,
            "Azure could not assign roles on storage account gitlabstore just now: Azure's own words. It is tried again.",
        ),
        (
            "PrincipalNotFound",
            DETAIL,
            "The identity's principal is not known everywhere in Entra yet; this takes seconds. Azure: Azure's own words.",
        ),
    ],
)  # fmt: skip
def test_messages_for_a_person(code: str, detail: str, message: str) -> None:
    assert classify(AzureError(code, 403, detail), ASSIGN).message == message


def test_a_region_without_federated_credentials() -> None:
    """Recorded: 405 MethodNotAllowed. The message says what else there is, and how to move."""
    operation = next(one for one in WRITES if one.region)
    detail = "The request format was unexpected : Support for federated identity credentials not enabled"

    failure = classify(AzureError("MethodNotAllowed", 405, detail), operation)

    assert (failure.reason, failure.outlook) == ("RegionNotSupported", STALLED)
    assert failure.message == (
        "Azure does not support federated credentials in region westeurope, and so could not write federated credentials of "
        f"managed identity lab-gitlab-gitlab: {detail}. Without one the identity is of no use, so nothing else was made for "
        "it. The region of a managed identity cannot change: delete this resource, and create it again with "
        "another spec.azure.location."
    )


def test_a_provider_that_is_being_registered_needs_no_person() -> None:
    detail = "The subscription registration is in 'Registering' state."

    failure = classify(AzureError("MissingSubscriptionRegistration", 409, detail), READS[0])

    assert (failure.reason, failure.outlook) == ("MissingSubscriptionRegistration", WAITING)


def test_a_name_that_cannot_change_is_not_to_be_corrected() -> None:
    """The API server refuses another spec.azure.subscriptionId: an identity does not move."""
    failure = classify(AzureError("SubscriptionNotFound", 404, "There is none."), READS[0])

    assert failure.message.endswith(
        "There is none. Check the id: if it is wrong, delete this resource, and create it again with another "
        "spec.azure.subscriptionId, which cannot change."
    )


def test_a_group_that_was_seen_and_is_missing_for_five_minutes() -> None:
    group = "Resource group 'rg-gitlab' could not be found."

    failure = classify(AzureError("ResourceGroupNotFound", 404, group), WRITES[0])

    assert failure.overdue == (
        f"{group} Create the resource group, or delete this resource, and create it again with another spec.azure.resourceGroup, "
        "which cannot change."
    )


def test_a_known_code_counts_more_than_its_status() -> None:
    assert entry(AzureError("TooManyRequests", 503, ""), READS[0]) is TABLE["TooManyRequests"]


@given(
    st.text() | st.sampled_from(sorted(TABLE)),
    st.integers(400, 599),
    st.text(min_size=1),
    st.sampled_from(ALL),
    st.booleans(),
)
def test_no_answer_loses_azures_text(code: str, status: int, text: str, operation: Operation, login: bool) -> None:
    failure = classify(AzureError(code, status, text, login=login), operation)

    assert sanitize(text) in failure.message
    assert sanitize(text) in (failure.overdue or failure.message)


# the operator's own login


@pytest.mark.parametrize(
    ("code", "status", "oauth", "reason", "outlook"),
    [
        ("AADSTS50166", 400, "invalid_request", "IssuerUnreachable", TRANSIENT),
        ("AADSTS90061", 400, "invalid_request", "IssuerUnreachable", TRANSIENT),
        ("AADSTS90033", 400, "invalid_request", "AzureUnavailable", TRANSIENT),
        ("AADSTS123456", 400, "temporarily_unavailable", "AzureUnavailable", TRANSIENT),
        ("AADSTS123456", 400, "server_error", "AzureUnavailable", TRANSIENT),
        ("AADSTS90055", 429, "", "Throttled", TRANSIENT),
        ("", 503, "", "AzureUnavailable", TRANSIENT),
        ("AADSTS7000272", 401, "invalid_client", "SigningKeyUnknown", WAITING),
        ("AADSTS70021", 401, "invalid_client", "AuthenticationFailed", STALLED),
        ("AADSTS123456", 400, "invalid_client", "AuthenticationFailed", STALLED),
    ],
)
def test_entras_own_trouble_is_no_fault_of_the_operators_credential(
    code: str, status: int, oauth: str, reason: str, outlook: Outlook
) -> None:
    for operation in ALL:
        failure = classify(AzureError(code, status, DETAIL, login=True, oauth=oauth), operation)

        assert (failure.reason, failure.outlook) == (reason, outlook)
        assert DETAIL in failure.message
        assert ("docs/azure-permissions.md#login" in failure.message) == (code == "AADSTS70021")


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        *(
            (code, "Check the client ID and the federated credential of the operator's own identity: ")
            for code in UNKNOWN
        ),
        *((code, entra.TABLE[code].advice) for code in REFUSED),
        # Conditional Access, a disabled application, a resource that the tenant does not know
        ("AADSTS53003", "See https://login.microsoftonline.com/error?code=53003 for what the code means."),
        ("AADSTS7000112", "See https://login.microsoftonline.com/error?code=7000112 for what the code means."),
        ("", "The answer has no code of Entra: check whether something on the way gave it, such as a proxy."),
    ],
)
def test_a_refused_login_of_the_operator_says_what_to_check(code: str, advice: str) -> None:
    """Only a login by a credential that Entra does not know is about that credential."""
    failure = classify(AzureError(code, 400, DETAIL, login=True), READS[0])

    assert (failure.reason, failure.outlook) == ("AuthenticationFailed", STALLED)
    assert f"{DETAIL} {advice}" in failure.message
    assert ("federated credential" in failure.message) == (code in UNKNOWN)


# Azure's own texts, as Azure sends them, and as they are shown.
SANITIZED = [
    ("It is broken", "It is broken."),
    ("It is broken!", "It is broken!"),
    ("", ""),
    ("Two\r\n  lines\n", "Two lines."),
    (
        (
            "AADSTS700213: No matching federated identity record found for presented assertion subject "
            "'system:serviceaccount:gitlab:gitlab'. Trace ID: 5c62bd1b-3a7f-4ab1-a30c-8e4ad5e20800 Correlation ID: "
            "2d2f87a9-1b5f-4f5e-8f0e-b1d4ea6d0a3e Timestamp: 2026-03-01 12:00:00Z"
        ),
        (
            "AADSTS700213: No matching federated identity record found for presented assertion subject "
            "'system:serviceaccount:gitlab:gitlab'."
        ),
    ),
    (
        (
            "This request is not authorized to perform this operation using this permission.\n"
            "RequestId:2e1a6d3c-001e-0050-1c7b-2f0f5a000000\nTime:2026-03-01T12:00:00.0000000Z"
        ),
        "This request is not authorized to perform this operation using this permission.",
    ),
    (
        "The resource was not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix",
        "The resource was not found.",
    ),
    (
        "The subscription is not registered. See https://aka.ms/rps-not-found for how to register subscriptions.",
        "The subscription is not registered. See https://aka.ms/rps-not-found for how to register subscriptions.",
    ),
    ("Set the type.  See https://aka.ms/docs-principaltype", "Set the type."),
    (
        "Cannot connect to https://x.blob.core.windows.net/c?restype=container&sig=abc%2Fdef: refused",
        "Cannot connect to https://x.blob.core.windows.net/c refused.",
    ),
]


@pytest.mark.parametrize(("text", "shown"), SANITIZED)
def test_azures_text_is_shown_without_noise(text: str, shown: str) -> None:
    assert sanitize(text) == shown


def test_a_text_has_an_end() -> None:
    assert len(sanitize("word " * 1000)) <= 2001


def test_the_same_failure_reads_the_same_twice() -> None:
    """Otherwise each pass would write a new status."""
    texts = [f"Denied. Trace ID: {n}-a Correlation ID: {n}-b Timestamp: 2026-03-01 12:00:{n:02}Z" for n in (1, 2)]

    assert sanitize(texts[0]) == sanitize(texts[1])


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "17"}, 17.0),
        ({"Retry-After": "0"}, 0.0),
        ({"Retry-After": "-5"}, 0.0),
        ({"Retry-After": "Thu, 01 Jan 1970 00:00:00 GMT"}, 0.0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "nan"}, None),
        ({"Retry-After": "1e400"}, 3600.0),
        ({"Retry-After": "86400"}, 3600.0),
        ({"Retry-After": "Thu, 01 Jan 1970 00:00:00 -0000"}, 0.0),  # a date without a time zone
        ({"Retry-After": "Thu, 01 Jan 9999 00:00:00 GMT"}, 3600.0),
    ],
)
def test_retry_after(header: dict[str, str], seconds: float | None) -> None:
    assert retry_after(header) == seconds


@pytest.mark.parametrize(
    ("code", "status", "not_found", "gone"),
    [
        ("ResourceNotFound", 404, True, True),
        ("RoleAssignmentNotFound", 404, True, True),
        ("ParentResourceNotFound", 404, True, True),
        ("RoleDefinitionDoesNotExist", 404, True, True),
        ("InvalidResourceType", 404, True, False),
        ("", 404, False, False),  # not Azure answered, but something on the way
        ("AuthorizationFailed", 403, False, False),
    ],
)
def test_what_proves_that_there_is_nothing_to_delete(code: str, status: int, not_found: bool, gone: bool) -> None:
    error = AzureError(code, status, "")

    assert (error.not_found, error.gone) == (not_found, gone)
    assert not AzureError(code, status, "", login=True).not_found
