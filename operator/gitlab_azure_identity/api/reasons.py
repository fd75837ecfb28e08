"""Every reason that a condition, an event or a container's state can give, with what it means.

`docs/troubleshooting.md` has a section for each; a test reads this type."""

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
        """Raises StopIteration for a word that is none."""
        return next(reason for reason in cls if reason == word)

    # a link of the chain holds
    READY = "Ready", "Everything holds."
    CREATED = "Created", "The operator created the managed identity."
    ADOPTED = "Adopted", "Policy lets the resource use the managed identity of somebody else."
    FEDERATED = "Federated", "Every service account is trusted."
    ASSIGNED = "Assigned", "The role assignments stand."
    ANNOTATED = "Annotated", "Every service account carries the client ID."
    WRITTEN = "Written", "The secrets and the Helm values stand."
    VERIFIED = "Verified", "Access was proven."

    # it is not known yet whether a link holds
    PENDING = "Pending", "Another link must hold first."
    PROGRESSING = "Progressing", "It is being worked on."
    PROPAGATING = "Propagating", "Azure has not spread a new credential or role everywhere yet."
    PRINCIPAL_NOT_FOUND = "PrincipalNotFound", "Entra does not know the new identity's principal everywhere yet."
    DISABLED = "Disabled", "Access is not checked."
    UNVERIFIED = "Unverified", "A container was not tried."

    # a transient failure
    THROTTLED = "Throttled", "Azure limits the rate of requests."
    AZURE_UNAVAILABLE = "AzureUnavailable", "Azure failed to answer."
    INTERNAL_ERROR = "InternalError", "The operator itself failed."
    CLUSTER_UNAVAILABLE = "ClusterUnavailable", "The API server failed to answer."

    # a person must act
    NOT_PERMITTED = "NotPermitted", "The operator's policy does not admit what the resource asks for."
    NOT_CONFIGURED = "NotConfigured", "A value is set neither in the resource nor in the operator's settings."
    NOT_OWNED = "NotOwned", "Something of that name exists, and the operator did not create it for this resource."
    SHARED_IDENTITY = "SharedIdentity", "The adopted managed identity trusts somebody whom policy does not name."
    INVALID_SPEC = "InvalidSpec", "The spec does not fit the operator's schema."
    ISSUER_UNKNOWN = "IssuerUnknown", "The operator could not learn the issuer of the cluster's tokens."
    ISSUER_MISMATCH = "IssuerMismatch", "The cluster's tokens are not of the issuer that the credentials trust."
    ACCOUNT_NOT_FOUND = "AccountNotFound", "The storage account does not exist."
    CONTAINER_NOT_FOUND = "ContainerNotFound", "A blob container does not exist."
    RESOURCE_GROUP_NOT_FOUND = "ResourceGroupNotFound", "The resource group does not exist."
    SUBSCRIPTION_NOT_FOUND = "SubscriptionNotFound", "The subscription does not exist."
    NOT_FOUND = "NotFound", "Something that others create does not exist."
    ACCESS_DENIED = "AccessDenied", "Blob Storage refused the identity."
    TOKEN_REJECTED = "TokenRejected", "Entra refused a service account's token."
    NETWORK_BLOCKED = "NetworkBlocked", "The storage account cannot be reached."
    FIELD_CONFLICT = "FieldConflict", "Another field manager owns a field."
    CONFLICT = "Conflict", "Something else stands in the way, or changes at once what is written."
    LIMIT_EXCEEDED = "LimitExceeded", "Azure allows no more of them."
    AUTHORIZATION_FAILED = "AuthorizationFailed", "The operator lacks a right in Azure."
    AUTHENTICATION_FAILED = "AuthenticationFailed", "The operator could not log in to Azure."
    REQUEST_DISALLOWED_BY_POLICY = "RequestDisallowedByPolicy", "An Azure Policy forbids it."
    SCOPE_LOCKED = "ScopeLocked", "A lock in Azure forbids it."
    MISSING_SUBSCRIPTION_REGISTRATION = "MissingSubscriptionRegistration", "A resource provider is not registered."
    INVALID_AZURE_REQUEST = "InvalidAzureRequest", "Azure refused a request."
    FORBIDDEN = "Forbidden", "The operator lacks a right in the cluster."
    ADMISSION_REFUSED = "AdmissionRefused", "An admission policy or webhook forbids it."
    INVALID = "Invalid", "The API server refused a request."
    NAMESPACE_TERMINATING = "NamespaceTerminating", "The namespace is being deleted."
    SUSPENDED = "Suspended", "spec.suspend is true."
    DELETION_BLOCKED = "DeletionBlocked", "Something keeps the deletion from going on."

    # events
    APPLIED = "Applied", "A pass wrote what the resource asked for."
    DRIFT_REPAIRED = "DriftRepaired", "A pass restored what somebody else had changed."
    CLIENT_ID_CHANGED = "ClientIdChanged", "The managed identity is another one than before."
    IDENTITY_PINNED = "IdentityPinned", "The managed identity stays where it is, though settings say otherwise."
    CLUSTER_NOT_UNIQUE = "ClusterNotUnique", "Another cluster has the same setting `cluster`."
    RETAINED = "Retained", "The resource was deleted, and everything stays."
    ABANDONED = "Abandoned", "The resource was let go by annotation."
    LEFT_BEHIND = "LeftBehind", "The resource was deleted, and something on record stays."
    STATUS_NOT_WRITTEN = "StatusNotWritten", "The API server does not take the status as it is."
