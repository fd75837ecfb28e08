"""Azure's errors: one table, a test of every line of it, and texts that contain nothing a person should not see."""

from __future__ import annotations

import re

import pytest

from gitlab_azure_identity.azure.errors import TABLE, AzureError, Operation, classify, entry, sanitize
from gitlab_azure_identity.azure.transport import retry_after
from gitlab_azure_identity.domain.findings import Outlook

ERRAND = Operation(
    "assign roles on storage account gitlabstore",
    'Grant its identity "Role Based Access Control Administrator" there: docs/azure-permissions.md#storage.',
    "spec.storage",
)
STALLED, WAITING, TRANSIENT = Outlook.STALLED, Outlook.WAITING, Outlook.TRANSIENT
DETAIL = "Azure's own words."

# Azure's code, our reason, and what comes next. A line of the table that is missing here fails the test below.
WHAT_COMES_NEXT = {
    "AuthorizationFailed": ("AuthorizationFailed", STALLED),
    "LinkedAuthorizationFailed": ("AuthorizationFailed", STALLED),
    "RequestDisallowedByPolicy": ("RequestDisallowedByPolicy", STALLED),
    "ResourceGroupNotFound": ("ResourceGroupNotFound", STALLED),
    "SubscriptionNotFound": ("SubscriptionNotFound", STALLED),
    "InvalidSubscriptionId": ("SubscriptionNotFound", STALLED),
    "RoleAssignmentLimitExceeded": ("LimitExceeded", STALLED),
    "RoleAssignmentUpdateNotPermitted": ("Conflict", STALLED),
    "ScopeLocked": ("ScopeLocked", STALLED),
    "MissingSubscriptionRegistration": ("MissingSubscriptionRegistration", STALLED),
    "PrincipalNotFound": ("PrincipalNotFound", WAITING),
    "RoleAssignmentExists": ("Progressing", WAITING),
    "ConcurrentFederatedIdentityCredentialsWritesForSingleManagedIdentity": ("Progressing", WAITING),
    "ParentResourceNotFound": ("Progressing", WAITING),
    "AnotherOperationInProgress": ("Progressing", WAITING),
    "Conflict": ("Progressing", WAITING),
    "TooManyRequests": ("Throttled", TRANSIENT),
    "SubscriptionRequestsThrottled": ("Throttled", TRANSIENT),
}


@pytest.mark.parametrize("code", TABLE)
def test_every_line_of_the_table(code: str) -> None:
    """Its reason is a valid condition reason, its outlook is the expected one, and its text can be filled in."""
    failure = classify(AzureError(code, 400, DETAIL), ERRAND)

    assert (failure.reason, failure.outlook) == WHAT_COMES_NEXT[code]
    assert re.fullmatch(r"[A-Z][A-Za-z]+", failure.reason)
    assert not re.search(r"[{}]|  ", failure.message)
    assert failure.message[0].isupper()
    assert failure.message.endswith((".", "Microsoft.ManagedIdentity"))
    assert failure.retry_after is None


def test_every_expected_line_is_in_the_table() -> None:
    assert WHAT_COMES_NEXT.keys() == TABLE.keys()


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (
            "AuthorizationFailed",
            (
                "The operator may not assign roles on storage account gitlabstore. Grant its identity "
                '"Role Based Access Control Administrator" there: docs/azure-permissions.md#storage.'
            ),
        ),
        (
            "ResourceGroupNotFound",
            "Azure's own words. Create the resource group, or correct spec.storage.resourceGroup.",
        ),
        ("SubscriptionNotFound", "Azure's own words. Correct spec.storage.subscriptionId."),
        (
            "RequestDisallowedByPolicy",
            "An Azure Policy forbids to assign roles on storage account gitlabstore: Azure's own words. Ask who assigned it.",
        ),
        (
            "Conflict",
            "Azure could not assign roles on storage account gitlabstore just now: Azure's own words. It is tried again.",
        ),
        (
            "PrincipalNotFound",
            "The identity's principal is not known everywhere in Entra yet; this takes seconds.",
        ),
    ],
)
def test_messages_for_a_person(code: str, message: str) -> None:
    assert classify(AzureError(code, 400, DETAIL), ERRAND).message == message


@pytest.mark.parametrize(
    ("status", "reason", "outlook"),
    [
        (0, "AzureUnavailable", TRANSIENT),
        (408, "AzureUnavailable", TRANSIENT),
        (429, "Throttled", TRANSIENT),
        (500, "AzureUnavailable", TRANSIENT),
        (502, "AzureUnavailable", TRANSIENT),
        (503, "AzureUnavailable", TRANSIENT),
        (504, "AzureUnavailable", TRANSIENT),
        (401, "AuthenticationFailed", STALLED),
        (403, "AuthorizationFailed", STALLED),
        (404, "NotFound", STALLED),
        (400, "InvalidAzureRequest", STALLED),
        (409, "InvalidAzureRequest", STALLED),
        (412, "InvalidAzureRequest", STALLED),
    ],
)
def test_an_unknown_code_is_classified_by_its_status(status: int, reason: str, outlook: Outlook) -> None:
    failure = classify(AzureError("SomethingNew", status, DETAIL, 3.0), ERRAND)

    assert (failure.reason, failure.outlook, failure.retry_after) == (reason, outlook, 3.0)


def test_a_known_code_counts_more_than_its_status() -> None:
    assert entry(AzureError("TooManyRequests", 503, "")) is TABLE["TooManyRequests"]


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
        "Cannot connect to https://x.blob.core.windows.net/c?restype=container&sig=abc%2Fdef: refused",
        "Cannot connect to https://x.blob.core.windows.net/c refused.",
    ),
]


@pytest.mark.parametrize(("text", "shown"), SANITIZED)
def test_azures_text_is_shown_without_noise(text: str, shown: str) -> None:
    assert sanitize(text) == shown


def test_a_text_has_an_end() -> None:
    assert len(sanitize("word " * 1000)) <= 501


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
    ],
)
def test_retry_after(header: dict[str, str], seconds: float | None) -> None:
    assert retry_after(header) == seconds


def test_not_found() -> None:
    assert AzureError("ResourceNotFound", 404, "").not_found
    assert not AzureError("AuthorizationFailed", 403, "").not_found
