"""Azure's errors in tables: the reason, what comes next, and a message for a person. A code that is listed nowhere is read by the
kind of its name, and else the status decides. Every message has Azure's own text.

Sources of the codes and texts: recorded traffic of real Azure (the recordings that ship in azure-service-operator v2.13.0);
Microsoft Learn, "Troubleshoot common Azure deployment errors" and the troubleshooting pages of Azure RBAC, of resource locks, of
Azure Policy and of workload identity federation; and reports in public trackers, which the lines name."""

from dataclasses import dataclass, replace

from gitlab_azure_identity.api.reasons import Reason
from gitlab_azure_identity.domain.causes.commands import LIST_LOCKS, REGISTER
from gitlab_azure_identity.domain.findings import Outlook

# Seconds after which a person must act.
PRINCIPAL_REPLICATION = 180.0  # Entra knows a new principal everywhere; recorded: seconds
# Azure knows everywhere what it confirmed. Reported: up to 2 minutes (terraform-provider-azurerm#32179), 4 minutes
# (cloud-credential-operator#878).
SETTLING = 300.0
BUSY_FOR = 600.0  # another operation on the same object ends; no source gives a figure
# A resource group is deleted, or a provider is registered: minutes. A group takes as long as its slowest resource.
LONG_OPERATION = 1800.0
KEYS_SPREAD = 900.0  # Entra reads an issuer's new keys; no source gives a figure


@dataclass(frozen=True)
class Entry:
    """One line of a table. The texts may use the fields of Operation, {detail} (Azure's own text, sanitized), {said} (the same,
    with code and status), {look_up} (LOOK_UP or NOT_AZURES), and {another_group} and {another_subscription} (how a person names
    another one). `hint` is added when its first text is in Azure's. `overdue` is
    the message after `limit` seconds."""

    reason: Reason
    outlook: Outlook
    text: str
    limit: float | None = None
    overdue: str = ""
    hint: tuple[str, str] | None = None


def _person(reason: Reason, text: str, hint: tuple[str, str] | None = None) -> Entry:
    return Entry(reason, Outlook.STALLED, text, hint=hint)


def _wait(reason: Reason, text: str, limit: float, overdue: str) -> Entry:
    return Entry(reason, Outlook.WAITING, text, limit, overdue)


ELSEWHERE = (
    "The region of a managed identity cannot change: delete this resource, and create it again with another "
    "spec.azure.location."
)
ANOTHER_NAME = "To use another name, delete this resource, and create it again with another spec.identity.name."
# What to do about an answer that no line knows: one of Azure, and one without a code.
LOOK_UP = "The operator does not know this answer: Azure's documentation of it says what to do."
NOT_AZURES = "The answer has no code of Azure: check whether something on the way gave it, such as a proxy."

# A person must act.
UNAUTHORIZED = _person(
    Reason.AUTHORIZATION_FAILED,
    "The operator may not {doing}. {right} Azure: {detail}",
    hint=(
        "condition",
        "If the role is assigned, its condition does not admit this: docs/azure-permissions.md#storage.",
    ),
)
DENIED = _person(
    Reason.DENY_ASSIGNMENT,
    "A deny assignment forbids the operator to {doing}: {detail} Ask who created it to exclude the operator's identity.",
)
POLICY = _person(
    Reason.REQUEST_DISALLOWED_BY_POLICY, "An Azure Policy forbids to {doing}: {detail} Ask who assigned it."
)
LOCKED = _person(
    Reason.SCOPE_LOCKED,
    "A lock forbids to {doing}: {detail} Remove the lock. This shows those of the resource group: " + LIST_LOCKS.text,
)
LIMIT = _person(
    Reason.LIMIT_EXCEEDED,
    "A limit of Azure is reached, so the operator cannot {doing}: {detail} Remove what is not used, or ask Azure for more.",
)
DISABLED = _person(
    Reason.SUBSCRIPTION_DISABLED,
    "Azure refused to {doing}, because of the state of the subscription: {detail} Whoever pays for it can enable it again.",
)
NOT_REGISTERED = _person(
    Reason.MISSING_SUBSCRIPTION_REGISTRATION,
    "Azure refused to {doing}: {detail} Register the provider once: " + REGISTER.text,
)
WRONG_TENANT = _person(
    Reason.WRONG_TENANT,
    "The operator logs in to another tenant than that of the subscription, and could not {doing}: {detail} Give the "
    "operator an identity in the tenant of the subscription, or {another_subscription}.",
)
REGION = _person(Reason.REGION_NOT_SUPPORTED, "Azure does not {doing} in this region: {detail} " + ELSEWHERE)
NO_CREDENTIALS_THERE = _person(
    Reason.REGION_NOT_SUPPORTED,
    "Azure does not support federated credentials in region {region}, and so could not {doing}: {detail} Without one the "
    "identity is of no use, so nothing else was made for it. " + ELSEWHERE,
)
NO_SUBSCRIPTION = _person(
    Reason.SUBSCRIPTION_NOT_FOUND,
    "Azure refused to {doing}: {detail} Check the id: if it is wrong, {another_subscription}.",
)
OUR_FAULT = _person(
    Reason.INVALID_AZURE_REQUEST,
    "Azure does not understand the operator's request to {doing}: {said} This is a fault of the operator: please report it with "
    "this message.",
)
REFUSED = _person(
    Reason.REFUSED_BY_AZURE,
    "Azure refused to {doing}: {said} {look_up}",
)
FORBIDDEN = _person(
    Reason.AUTHORIZATION_FAILED,
    "The operator may not {doing}: {said} If it lacks the right: {right}",
    UNAUTHORIZED.hint,
)
TOKEN_REFUSED = _person(
    Reason.AUTHENTICATION_FAILED,
    "Azure did not accept the operator's token, twice, when it was to {doing}: {said} Check the sign-in logs of the operator's "
    "identity in Entra: docs/troubleshooting.md#authenticationfailed.",
)
LOGIN_REFUSED = _person(Reason.AUTHENTICATION_FAILED, "The operator could not log in to Azure to {doing}: {detail}")
LOGIN_UNKNOWN = _person(
    Reason.AUTHENTICATION_FAILED,
    LOGIN_REFUSED.text + " Check the client ID and the federated credential of the operator's own identity: "
    "docs/azure-permissions.md#login. Entra takes minutes to know a new one.",
)

# The operator waits. After the limit a person must act.
NOT_KNOWN_YET = _wait(
    Reason.NOT_KNOWN_YET,
    "Azure does not know {below} everywhere yet, and so could not {doing}: {detail} It is tried again.",
    SETTLING,
    "After 5 minutes Azure still says, although it has shown {below}: {detail} Check that it exists. The operator continues to "
    "{doing}.",
)
NOT_SHOWN = _wait(
    Reason.NOT_KNOWN_YET,
    "Azure does not show what it was asked for, when the operator was to {doing}: {said} It is asked again.",
    SETTLING,
    "For 5 minutes Azure could not {doing}: {said} Check that it exists, by its name in {settled_by}.",
)
BUSY = _wait(
    Reason.OPERATION_IN_PROGRESS,
    "Azure could not {doing} just now: {detail} It is tried again.",
    BUSY_FOR,
    "For 10 minutes Azure could not {doing}: {detail} See the activity log of the resource group for the other operation.",
)
CONFLICT = replace(
    BUSY, text=BUSY.text.replace("{detail}", "{said}"), overdue=BUSY.overdue.replace("{detail}", "{said}")
)
BEING_DELETED = _wait(
    Reason.BEING_DELETED,
    "Azure could not {doing}, because its place is being deleted: {detail} It is tried again.",
    LONG_OPERATION,
    "For 30 minutes Azure could not {doing}, because its place is being deleted: {detail} Create the resource group again, or "
    "{another_group}.",
)
REGISTERING = _wait(
    Reason.MISSING_SUBSCRIPTION_REGISTRATION,
    "Azure could not {doing}, because its provider is being registered: {detail} It is tried again.",
    LONG_OPERATION,
    "For 30 minutes Azure could not {doing}: {detail} Register the provider again: " + REGISTER.text,
)

# A transient failure.
UNREACHABLE = Entry(
    Reason.AZURE_UNAVAILABLE, Outlook.TRANSIENT, "Azure could not {doing} just now: {said} It is tried again."
)
THROTTLED = Entry(
    Reason.THROTTLED,
    Outlook.TRANSIENT,
    "Azure limits the rate of requests, and did not {doing}: {said} It is tried again.",
)

# The operator's own login.
ISSUER_UNREACHABLE = Entry(
    Reason.ISSUER_UNREACHABLE,
    Outlook.TRANSIENT,
    "Entra could not fetch the documents of the cluster's issuer just now, so the operator could not log in to {doing}: {detail} "
    "It is tried again. If it lasts, check that the issuer can be reached from the internet.",
)
KEY_UNKNOWN = _wait(
    Reason.SIGNING_KEY_UNKNOWN,
    "Entra does not know the key of the operator's token yet, so it could not log in to {doing}: {detail} After a rotation of "
    "the cluster's keys that takes minutes. It is tried again.",
    KEYS_SPREAD,
    "For 15 minutes Entra has not known the key of the operator's token, so it could not log in to {doing}: {detail} Check that "
    "the keys at the cluster's issuer (jwks_uri) are those that the API server signs with.",
)

TABLE: dict[str, Entry] = {
    # a person must act
    "AuthorizationFailed": UNAUTHORIZED,
    "LinkedAuthorizationFailed": UNAUTHORIZED,
    "DenyAssignmentAuthorizationFailed": DENIED,
    "RequestDisallowedByPolicy": POLICY,
    "RequestDisallowedByAzure": REGION,
    "LinkedInvalidPropertyId": _person(
        Reason.NOT_FOUND, "Azure refused to {doing}, because an id in it leads nowhere: {detail} Check {settled_by}."
    ),
    "InvalidAuthenticationTokenTenant": WRONG_TENANT,
    "ReadOnlyDisabledSubscription": DISABLED,
    "ResourceGroupNotFound": _person(
        Reason.RESOURCE_GROUP_NOT_FOUND,
        "{detail} Create the resource group, or {another_group}.",
    ),
    "SubscriptionNotFound": NO_SUBSCRIPTION,
    "InvalidSubscriptionId": NO_SUBSCRIPTION,
    "RoleAssignmentLimitExceeded": _person(
        Reason.LIMIT_EXCEEDED,
        "The subscription has reached its limit of 4000 role assignments: {detail} Remove unused ones.",
    ),
    "RoleAssignmentUpdateNotPermitted": _person(
        Reason.CONFLICT, "Another role assignment has the name of ours: {detail} Remove that one."
    ),
    "ScopeLocked": LOCKED,
    "MissingSubscriptionRegistration": NOT_REGISTERED,
    "SubscriptionNotRegistered": NOT_REGISTERED,
    "InvalidSubscriptionRegistrationState": NOT_REGISTERED,
    "NoRegisteredProviderFound": NOT_REGISTERED,
    "InvalidRequestContent": OUR_FAULT,
    "InvalidRequestFormat": OUR_FAULT,
    "InvalidApiVersionParameter": OUR_FAULT,
    "MissingApiVersionParameter": OUR_FAULT,
    "InvalidResourceType": OUR_FAULT,
    "InvalidResourceNamespace": OUR_FAULT,
    "MismatchingResourceSegments": OUR_FAULT,
    # the operator waits
    "PrincipalNotFound": _wait(
        Reason.PRINCIPAL_NOT_FOUND,
        "The identity's principal is not known everywhere in Entra yet; this takes seconds. Azure: {detail}",
        PRINCIPAL_REPLICATION,
        "Entra still does not know the identity's principal after 3 minutes: {detail} Check that the identity is in the tenant "
        "of the storage account's subscription. If it is, delete the identity, and the operator creates it again.",
    ),
    "RoleAssignmentExists": _wait(
        Reason.NOT_KNOWN_YET,
        "The role assignment exists already; it is looked up. Azure: {detail}",
        SETTLING,
        "For 5 minutes Azure has said that the role assignment exists already, and does not list it: {detail} Look for it at "
        "that scope, among those of the principal in status.identity, and remove it.",
    ),
    "ConcurrentFederatedIdentityCredentialsWritesForSingleManagedIdentity": _wait(
        Reason.OPERATION_IN_PROGRESS,
        "Somebody else is writing federated credentials of this identity; ours come next. Azure: {detail}",
        BUSY_FOR,
        "For 10 minutes somebody else has been writing federated credentials of this identity: {detail} Find out who, in the "
        "activity log of the resource group.",
    ),
    # also sent for minutes after an identity of that name was deleted elsewhere
    "InvalidResourceLocation": _wait(
        Reason.OPERATION_IN_PROGRESS,
        "Azure could not {doing} just now, because it knows one of that name in another location: {detail} It is tried again.",
        BUSY_FOR,
        "For 10 minutes Azure could not {doing}, because it knows one of that name in another location: {detail} Find out whose "
        "that is. " + ANOTHER_NAME,
    ),
    "AnotherOperationInProgress": BUSY,
    "Conflict": BUSY,
    "ResourceGroupBeingDeleted": BEING_DELETED,
    "MissingRegistrationForLocation": REGISTERING,
    # a transient failure
    "TooManyRequests": THROTTLED,
    "SubscriptionRequestsThrottled": THROTTLED,
}

# Codes that no line names, by what they are called. The first that fits counts.
KINDS: tuple[tuple[str, Entry], ...] = (
    (r"DenyAssignment", DENIED),
    (r"Polic(y|ies)", POLICY),
    (r"(Scope|Resource|Delete|ReadOnly|Management)Lock", LOCKED),
    (r"Throttl|TooManyRequests|RateLimit", THROTTLED),
    (r"Quota|LimitExceeded|LimitReached|LimitHit|MaximumNumber", LIMIT),
    (r"BeingDeleted|InDeletion|DeletionInProgress|Deprovisioning|Deleting", BEING_DELETED),
    (
        r"Disabled\w*Subscription|Subscription\w*(Disabled|Suspended|Warned|Expired|Deactivated|Cancell?ed|PastDue)",
        DISABLED,
    ),
    (r"Registering|RegistrationInProgress|Registration(Not)?Complete|RegistrationPending", REGISTERING),
    (r"NotRegistered|NoRegisteredProvider|Registration", NOT_REGISTERED),
    (r"(Token|Wrong|Invalid)\w*Tenant|Tenant\w*Mismatch", WRONG_TENANT),
    (r"(Location|Region)\w*(NotAvailable|NotSupported|NotAllow|DoesNotAllow|NotAccept|Unavailable|Restrict)", REGION),
    (r"Timed?[oO]ut|Unavailable|InternalServer|InternalError|ServerError|Gateway|Retryable", UNREACHABLE),
    (r"InProgress|Concurrent|Busy|NotReady|Conflict|TooEarly", CONFLICT),
)

STATUSES: dict[int, Entry] = {
    0: UNREACHABLE,  # no answer
    401: TOKEN_REFUSED,
    403: FORBIDDEN,
    404: NOT_SHOWN,
    408: UNREACHABLE,
    409: CONFLICT,
    412: CONFLICT,  # the object changed meanwhile
    415: OUR_FAULT,
    423: CONFLICT,  # another operation has the object
    424: CONFLICT,  # what it depends on failed
    425: UNREACHABLE,  # too early
    429: THROTTLED,
    449: UNREACHABLE,  # Azure: retry with
}
