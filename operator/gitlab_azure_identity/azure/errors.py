"""Azure's errors in one table: for each code of Azure, the reason, what comes next, and a message for a person.

Sources of the codes and texts: recorded traffic of real Azure (the recordings that ship in azure-service-operator v2.13.0), the
troubleshooting pages of Azure RBAC and of workload identity federation on Microsoft Learn, and the classes that Azure Service
Operator sorts errors into."""

import re
from dataclasses import dataclass

from gitlab_azure_identity.api.reasons import Reason
from gitlab_azure_identity.domain.findings import Failure, Outlook

PRINCIPAL_REPLICATION = 180.0  # seconds that Entra may take to know a new principal everywhere


class AzureError(Exception):
    """One refused or failed request. `status` is 0 when no answer came; `retry_after` is in seconds."""

    def __init__(self, code: str, status: int, detail: str, retry_after: float | None = None) -> None:
        super().__init__(f"{code} ({status}): {detail}")
        self.code, self.status, self.detail, self.retry_after = code, status, detail, retry_after

    @property
    def not_found(self) -> bool:
        """Whether Azure says that the object, its parent or its scope does not exist."""
        return self.status == 404  # noqa: PLR2004


@dataclass(frozen=True)
class Operation:
    """What a request does, for the sentence `The operator may not …`, and the right that it needs."""

    doing: str
    right: str
    settled_by: str = "spec"  # the part of the resource that says where the object is


@dataclass(frozen=True)
class Entry:
    """One line of the table. `text` may use {doing}, {right}, {settled_by} and {detail} (Azure's own, sanitized)."""

    reason: Reason
    outlook: Outlook
    text: str
    limit: float | None = None  # seconds that the error may last before a person must act
    overdue: str = ""  # the message after that


DETAIL = "Azure refused to {doing}: {detail}"
BUSY = "Azure could not {doing} just now: {detail} It is tried again."
TABLE: dict[str, Entry] = {
    # a person must act
    "AuthorizationFailed": Entry(Reason.AUTHORIZATION_FAILED, Outlook.STALLED, "The operator may not {doing}. {right}"),
    "LinkedAuthorizationFailed": Entry(
        Reason.AUTHORIZATION_FAILED, Outlook.STALLED, "The operator may not {doing}. {right}"
    ),
    "RequestDisallowedByPolicy": Entry(
        Reason.REQUEST_DISALLOWED_BY_POLICY,
        Outlook.STALLED,
        "An Azure Policy forbids to {doing}: {detail} Ask who assigned it.",
    ),
    "ResourceGroupNotFound": Entry(
        Reason.RESOURCE_GROUP_NOT_FOUND,
        Outlook.STALLED,
        "{detail} Create the resource group, or correct {settled_by}.resourceGroup.",
    ),
    "SubscriptionNotFound": Entry(
        Reason.SUBSCRIPTION_NOT_FOUND, Outlook.STALLED, "{detail} Correct {settled_by}.subscriptionId."
    ),
    "InvalidSubscriptionId": Entry(
        Reason.SUBSCRIPTION_NOT_FOUND, Outlook.STALLED, "{detail} Correct {settled_by}.subscriptionId."
    ),
    "RoleAssignmentLimitExceeded": Entry(
        Reason.LIMIT_EXCEEDED,
        Outlook.STALLED,
        "The subscription has reached its limit of 4000 role assignments: remove unused ones.",
    ),
    "RoleAssignmentUpdateNotPermitted": Entry(
        Reason.CONFLICT, Outlook.STALLED, "Another role assignment has the name of ours: {detail} Remove that one."
    ),
    "ScopeLocked": Entry(Reason.SCOPE_LOCKED, Outlook.STALLED, "A lock forbids to {doing}: {detail} Remove the lock."),
    "MissingSubscriptionRegistration": Entry(
        Reason.MISSING_SUBSCRIPTION_REGISTRATION,
        Outlook.STALLED,
        "{detail} Register it once: az provider register --namespace Microsoft.ManagedIdentity",
    ),
    # the operator waits
    "PrincipalNotFound": Entry(
        Reason.PRINCIPAL_NOT_FOUND,
        Outlook.WAITING,
        "The identity's principal is not known everywhere in Entra yet; this takes seconds.",
        limit=PRINCIPAL_REPLICATION,
        overdue="Entra still does not know the identity's principal after 3 minutes. Check that the identity is in the tenant "
        "of the storage account's subscription. If it is, delete the identity, and the operator creates it again.",
    ),
    "RoleAssignmentExists": Entry(
        Reason.PROGRESSING, Outlook.WAITING, "The role assignment exists already; it is looked up."
    ),
    "ConcurrentFederatedIdentityCredentialsWritesForSingleManagedIdentity": Entry(
        Reason.PROGRESSING,
        Outlook.WAITING,
        "Somebody else is writing federated credentials of this identity; ours come next.",
    ),
    "ParentResourceNotFound": Entry(
        Reason.PROGRESSING,
        Outlook.WAITING,
        "The managed identity no longer exists, or Azure does not know it everywhere yet; it is read again.",
    ),
    "AnotherOperationInProgress": Entry(Reason.PROGRESSING, Outlook.WAITING, BUSY),
    "Conflict": Entry(Reason.PROGRESSING, Outlook.WAITING, BUSY),
    # a transient failure
    "TooManyRequests": Entry(
        Reason.THROTTLED, Outlook.TRANSIENT, "Azure limits the rate of requests; it is tried again."
    ),
    "SubscriptionRequestsThrottled": Entry(
        Reason.THROTTLED, Outlook.TRANSIENT, "Azure limits the rate of requests; it is tried again."
    ),
}
UNREACHABLE = Entry(Reason.AZURE_UNAVAILABLE, Outlook.TRANSIENT, BUSY)
THROTTLED = TABLE["TooManyRequests"]
UNAUTHENTICATED = Entry(
    Reason.AUTHENTICATION_FAILED,
    Outlook.STALLED,
    "The operator could not log in to Azure to {doing}: {detail} Check the federated credential of the operator's own "
    "identity: docs/azure-permissions.md#login.",
)
REFUSED = Entry(Reason.INVALID_AZURE_REQUEST, Outlook.STALLED, DETAIL)
NOT_FOUND = Entry(Reason.NOT_FOUND, Outlook.STALLED, DETAIL)


def entry(error: AzureError) -> Entry:
    """The line of the table for an error: by its code, else by its status."""
    if known := TABLE.get(error.code):
        return known
    match error.status:
        case 429:
            return THROTTLED
        case 401:
            return UNAUTHENTICATED
        case 403:
            return TABLE["AuthorizationFailed"]
        case 404:
            return NOT_FOUND
        case 0 | 408:
            return UNREACHABLE
        case status if status >= 500:  # noqa: PLR2004
            return UNREACHABLE
    return REFUSED


def classify(error: AzureError, operation: Operation) -> Failure:
    """What an error means for a person, and what comes next."""
    line = entry(error)
    message = line.text.format(
        doing=operation.doing,
        right=operation.right,
        settled_by=operation.settled_by,
        detail=sanitize(error.detail),
    )
    return Failure(line.reason, message.strip(), line.outlook, error.retry_after, line.limit, line.overdue)


_NOISE = re.compile(
    r"(\s*(Trace ID|Correlation ID|Timestamp|Request ?Id|Time):\s*\S+(\s+\d\d:\d\d:\d\d\S*)?)"  # Entra's time has a space
    r"|(\s*For more details please go to \S+)"
    r"|(\s*See https?://\S+)"
    r"|(\?[A-Za-z0-9_%.-]+=[^\s'\"]+)",  # query strings
    re.IGNORECASE,
)


def sanitize(text: str) -> str:
    """Azure's text on one line, without query strings and correlation noise, ended with a full stop."""
    plain = " ".join(_NOISE.sub("", text).split())
    plain = plain[:500]
    return plain if not plain or plain.endswith((".", "!", "?")) else f"{plain}."
