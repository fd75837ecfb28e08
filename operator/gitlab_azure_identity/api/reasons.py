"""Every reason that a condition, an event or a container's state can have.

What each means, and what to do, is in the table `domain/causes`. A test compares it with this type."""

from enum import StrEnum


class Reason(StrEnum):
    """A CamelCase word for a program to read."""

    @classmethod
    def named(cls, word: str) -> "Reason":
        """The reason of that word. Raises StopIteration for a word that is no reason."""
        return next(reason for reason in cls if reason == word)

    # a link of the chain holds
    READY = "Ready"
    CREATED = "Created"
    ADOPTED = "Adopted"
    OBSERVED = "Observed"
    PROVEN = "Proven"
    FEDERATED = "Federated"
    ASSIGNED = "Assigned"
    ANNOTATED = "Annotated"
    WRITTEN = "Written"
    VERIFIED = "Verified"
    CURRENT = "Current"

    # the operator does not know yet whether a link holds
    PENDING = "Pending"
    PROGRESSING = "Progressing"
    PROPAGATING = "Propagating"
    PRINCIPAL_NOT_FOUND = "PrincipalNotFound"
    NOT_KNOWN_YET = "NotKnownYet"
    OPERATION_IN_PROGRESS = "OperationInProgress"
    BEING_DELETED = "BeingDeleted"
    SIGNING_KEY_UNKNOWN = "SigningKeyUnknown"
    DISABLED = "Disabled"
    UNVERIFIED = "Unverified"
    NOT_DEPLOYED = "NotDeployed"

    # a transient failure
    THROTTLED = "Throttled"
    AZURE_UNAVAILABLE = "AzureUnavailable"
    ISSUER_UNREACHABLE = "IssuerUnreachable"
    INTERNAL_ERROR = "InternalError"
    CLUSTER_UNAVAILABLE = "ClusterUnavailable"

    # a person must act
    NOT_PERMITTED = "NotPermitted"
    NOT_CONFIGURED = "NotConfigured"
    NOT_OWNED = "NotOwned"
    SHARED_IDENTITY = "SharedIdentity"
    INVALID_SPEC = "InvalidSpec"
    ISSUER_UNKNOWN = "IssuerUnknown"
    ISSUER_MISMATCH = "IssuerMismatch"
    ACCOUNT_NOT_FOUND = "AccountNotFound"
    ACCOUNT_UNUSABLE = "AccountUnusable"
    NOT_LABELLED = "NotLabelled"
    WRONG_SERVICE_ACCOUNT = "WrongServiceAccount"
    NOT_INJECTED = "NotInjected"
    STALE_PODS = "StalePods"
    CONTAINER_NOT_FOUND = "ContainerNotFound"
    RESOURCE_GROUP_NOT_FOUND = "ResourceGroupNotFound"
    SUBSCRIPTION_NOT_FOUND = "SubscriptionNotFound"
    NOT_FOUND = "NotFound"
    ACCESS_DENIED = "AccessDenied"
    TOKEN_REJECTED = "TokenRejected"  # noqa: S105
    NETWORK_BLOCKED = "NetworkBlocked"
    SECRET_NOT_UNDERSTOOD = "SecretNotUnderstood"  # noqa: S105
    AWAITING_WORKLOADS = "AwaitingWorkloads"
    FIELD_CONFLICT = "FieldConflict"
    CONFLICT = "Conflict"
    LIMIT_EXCEEDED = "LimitExceeded"
    AUTHORIZATION_FAILED = "AuthorizationFailed"
    AUTHENTICATION_FAILED = "AuthenticationFailed"
    WRONG_TENANT = "WrongTenant"
    DENY_ASSIGNMENT = "DenyAssignment"
    REQUEST_DISALLOWED_BY_POLICY = "RequestDisallowedByPolicy"
    SCOPE_LOCKED = "ScopeLocked"
    MISSING_SUBSCRIPTION_REGISTRATION = "MissingSubscriptionRegistration"
    SUBSCRIPTION_DISABLED = "SubscriptionDisabled"
    REGION_NOT_SUPPORTED = "RegionNotSupported"
    REFUSED_BY_AZURE = "RefusedByAzure"
    INVALID_AZURE_REQUEST = "InvalidAzureRequest"
    FORBIDDEN = "Forbidden"
    ADMISSION_REFUSED = "AdmissionRefused"
    QUOTA_EXCEEDED = "QuotaExceeded"
    IMMUTABLE = "Immutable"
    INVALID = "Invalid"
    NAMESPACE_TERMINATING = "NamespaceTerminating"
    VERSION_UNSUPPORTED = "VersionUnsupported"
    SUSPENDED = "Suspended"
    DELETION_BLOCKED = "DeletionBlocked"
    REMOVED = "Removed"

    # events
    APPLIED = "Applied"
    ACCESS_KEY_REMOVED = "AccessKeyRemoved"
    DRIFT_REPAIRED = "DriftRepaired"
    CLIENT_ID_CHANGED = "ClientIdChanged"
    IDENTITY_PINNED = "IdentityPinned"
    CLUSTER_NOT_UNIQUE = "ClusterNotUnique"
    RESTARTED = "Restarted"
    RETAINED = "Retained"
    ABANDONED = "Abandoned"
    LEFT_BEHIND = "LeftBehind"
    LINGERING = "Lingering"
    KNOWN_DEFECT = "KnownDefect"
    STATUS_NOT_WRITTEN = "StatusNotWritten"
