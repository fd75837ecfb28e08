"""Every reason that a condition, an event or a container's state can have, with its meaning.

`docs/troubleshooting.md` has a section for each. A test compares it with this type."""

from enum import StrEnum
from typing import Self


class Reason(StrEnum):
    """A CamelCase word for a program to read. `meaning` is a sentence for a person."""

    meaning: str

    def __new__(cls, word: str, meaning: str) -> Self:
        reason = str.__new__(cls, word)
        reason._value_ = word
        reason.meaning = meaning
        return reason

    @classmethod
    def named(cls, word: str) -> "Reason":
        """The reason of that word. Raises StopIteration for a word that is no reason."""
        return next(reason for reason in cls if reason == word)

    # a link of the chain holds
    READY = "Ready", "Everything holds."
    CREATED = "Created", "The operator created the managed identity."
    ADOPTED = "Adopted", "Policy lets the resource use a managed identity that somebody else created."
    OBSERVED = "Observed", "The managed identity exists, and the operator only checks it."
    FEDERATED = "Federated", "Every service account has its federated credential."
    ASSIGNED = "Assigned", "The role assignments exist."
    ANNOTATED = "Annotated", "Every service account is annotated with client ID and tenant ID."
    WRITTEN = "Written", "The secrets and the Helm values are written."
    VERIFIED = "Verified", "Access was proven."

    # the operator does not know yet whether a link holds
    PENDING = "Pending", "Another link must hold first."
    PROGRESSING = "Progressing", "A change is not done yet."
    PROPAGATING = "Propagating", "Azure has not spread a new credential or role everywhere yet."
    PRINCIPAL_NOT_FOUND = "PrincipalNotFound", "Entra does not know the new identity's principal everywhere yet."
    NOT_KNOWN_YET = "NotKnownYet", "Azure does not know everywhere what it has just confirmed or shown."
    OPERATION_IN_PROGRESS = "OperationInProgress", "Another operation in Azure is in the way."
    BEING_DELETED = "BeingDeleted", "The resource group is being deleted."
    SIGNING_KEY_UNKNOWN = "SigningKeyUnknown", "Entra does not know the key that signed the cluster's token."
    DISABLED = "Disabled", "Access is not checked."
    UNVERIFIED = "Unverified", "Access to a container was not tried."

    # a transient failure
    THROTTLED = "Throttled", "Azure limits the rate of requests."
    AZURE_UNAVAILABLE = "AzureUnavailable", "Azure failed to answer."
    ISSUER_UNREACHABLE = "IssuerUnreachable", "Entra could not fetch the documents of the cluster's issuer."
    INTERNAL_ERROR = "InternalError", "The operator itself failed."
    CLUSTER_UNAVAILABLE = "ClusterUnavailable", "The API server failed to answer."

    # a person must act
    NOT_PERMITTED = "NotPermitted", "The operator's policy does not admit what the resource asks for."
    NOT_CONFIGURED = "NotConfigured", "A value is set neither in the resource nor in the operator's settings."
    NOT_OWNED = "NotOwned", "Something of that name exists, and the operator did not create it for this resource."
    SHARED_IDENTITY = "SharedIdentity", "The adopted managed identity trusts somebody whom policy does not name."
    INVALID_SPEC = "InvalidSpec", "The spec does not fit the operator's schema."
    ISSUER_UNKNOWN = "IssuerUnknown", "The operator could not learn the issuer of the cluster's tokens."
    ISSUER_MISMATCH = "IssuerMismatch", "The cluster's tokens have an issuer that the credentials do not trust."
    ACCOUNT_NOT_FOUND = "AccountNotFound", "The storage account does not exist."
    ACCOUNT_UNUSABLE = "AccountUnusable", "GitLab cannot use this kind of storage account."
    CONTAINER_NOT_FOUND = "ContainerNotFound", "A blob container does not exist."
    RESOURCE_GROUP_NOT_FOUND = "ResourceGroupNotFound", "The resource group does not exist."
    SUBSCRIPTION_NOT_FOUND = "SubscriptionNotFound", "The subscription does not exist."
    NOT_FOUND = "NotFound", "An object that somebody else creates does not exist."
    ACCESS_DENIED = "AccessDenied", "Blob Storage refused the identity."
    TOKEN_REJECTED = "TokenRejected", "Entra refused a service account's token."
    NETWORK_BLOCKED = "NetworkBlocked", "The storage account cannot be reached."
    FIELD_CONFLICT = "FieldConflict", "Another field manager owns a field."
    CONFLICT = "Conflict", "Another object is in the way, or somebody reverts what the operator writes."
    LIMIT_EXCEEDED = "LimitExceeded", "Azure's limit on the number of such objects is reached."
    AUTHORIZATION_FAILED = "AuthorizationFailed", "The operator lacks a right in Azure."
    AUTHENTICATION_FAILED = "AuthenticationFailed", "The operator could not log in to Azure."
    WRONG_TENANT = "WrongTenant", "The operator logs in to another tenant than that of the subscription."
    DENY_ASSIGNMENT = "DenyAssignment", "A deny assignment in Azure forbids the request."
    REQUEST_DISALLOWED_BY_POLICY = "RequestDisallowedByPolicy", "An Azure Policy forbids the request."
    SCOPE_LOCKED = "ScopeLocked", "A lock in Azure forbids the request."
    MISSING_SUBSCRIPTION_REGISTRATION = "MissingSubscriptionRegistration", "A resource provider is not registered."
    SUBSCRIPTION_DISABLED = "SubscriptionDisabled", "The subscription is disabled, and so read only."
    REGION_NOT_SUPPORTED = "RegionNotSupported", "Azure does not offer what is needed in the region of the identity."
    REFUSED_BY_AZURE = "RefusedByAzure", "Azure refused a request, with an answer that the operator does not know."
    INVALID_AZURE_REQUEST = "InvalidAzureRequest", "Azure did not understand a request of the operator."
    VERSION_UNSUPPORTED = "VersionUnsupported", "The release of GitLab cannot use a managed identity."
    FORBIDDEN = "Forbidden", "The operator lacks a right in the cluster."
    ADMISSION_REFUSED = "AdmissionRefused", "An admission policy or webhook forbids the request."
    QUOTA_EXCEEDED = "QuotaExceeded", "A quota of the namespace is used up."
    IMMUTABLE = "Immutable", "An object in the cluster is immutable, and has another content."
    INVALID = "Invalid", "The API server refused a request."
    NAMESPACE_TERMINATING = "NamespaceTerminating", "The namespace is being deleted."
    SUSPENDED = "Suspended", "spec.suspend is true."
    DELETION_BLOCKED = "DeletionBlocked", "The deletion cannot go on."
    REMOVED = "Removed", "The deletion has removed it, or a part of it."

    # events
    APPLIED = "Applied", "A pass wrote what the resource asked for."
    DRIFT_REPAIRED = "DriftRepaired", "A pass restored what somebody else had changed."
    CLIENT_ID_CHANGED = "ClientIdChanged", "The resource has another managed identity than before."
    IDENTITY_PINNED = (
        "IdentityPinned",
        "The managed identity stays where it is, though the settings name another place.",
    )
    CLUSTER_NOT_UNIQUE = "ClusterNotUnique", "Another cluster has the same setting `cluster`."
    KNOWN_DEFECT = "KnownDefect", "The release of GitLab has a defect that concerns its storage."
    RETAINED = "Retained", "The resource was deleted, and everything stays."
    ABANDONED = "Abandoned", "The operator let the resource go, as its annotation asks."
    LEFT_BEHIND = "LeftBehind", "The resource was deleted, and an object on its record stays."
    LINGERING = "Lingering", "Something that is no longer wanted could not be removed."
    STATUS_NOT_WRITTEN = "StatusNotWritten", "The API server refused the status."
