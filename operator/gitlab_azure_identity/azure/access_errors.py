"""Errors of Entra and of Blob Storage, classified: why a service account cannot reach the blobs.

Codes: Microsoft Learn, "Microsoft Entra authentication and authorization error codes" and "Blob service error codes"."""

import re
from dataclasses import dataclass

from gitlab_azure_identity.api.reasons import Reason
from gitlab_azure_identity.azure import entra
from gitlab_azure_identity.azure.entra import Trouble
from gitlab_azure_identity.azure.error_table import KEYS_SPREAD, THROTTLED, UNREACHABLE
from gitlab_azure_identity.azure.errors import AzureError, Operation, filled, sanitize
from gitlab_azure_identity.domain.desired import Desired
from gitlab_azure_identity.domain.findings import Failure, Outlook

_CODE = re.compile(r"AADSTS\d+")


@dataclass(frozen=True)
class AccessAttempt:
    """An attempt at access. `fresh` says that access was granted so recently that Azure may not know it everywhere yet
    (Microsoft Learn gives up to 10 minutes for roles, several for credentials)."""

    desired: Desired
    fresh: bool


def token_refused(error: AzureError, attempt: AccessAttempt, service_account: str) -> Failure:
    """Entra did not exchange a service account's token."""
    found = _CODE.search(error.detail)
    code = found.group() if found else error.code
    who = f"service account {attempt.desired.owner.namespace}/{service_account}"
    detail = sanitize(error.detail)
    line = entra.line(code, error.status, error.oauth, error.detail)
    match line.trouble:
        case Trouble.UNAVAILABLE:
            return _transient(error, f"exchange the token of {who} at Entra")
        case Trouble.ISSUER:
            message = (
                f"Entra could not fetch the documents of issuer {attempt.desired.issuer} just now, to check the token of {who}: "
                f"{detail} It is tried again. If it lasts: {line.advice}"
            )
            return Failure(Reason.ISSUER_UNREACHABLE, message, Outlook.TRANSIENT, error.retry_after)
        case Trouble.KEY:
            message = (
                f"Entra does not know the key of the token of {who} yet: {detail} After a rotation of the cluster's keys that "
                "takes minutes. It is tried again."
            )
            overdue = f"For 15 minutes Entra has not known the key of the token of {who}: {detail} {line.advice}"
            return Failure(Reason.SIGNING_KEY_UNKNOWN, message, Outlook.WAITING, None, KEYS_SPREAD, overdue)
        case Trouble.UNKNOWN if attempt.fresh:
            message = (
                f"Entra does not accept {who} yet ({code}). New credentials take up to several minutes. Entra: {detail}"
            )
            return Failure(Reason.PROPAGATING, message, Outlook.WAITING)
    named = f" ({code})" if code else ""
    message = f"Entra refused the token of {who}{named}. {line.advice} Entra: {detail}".replace("  ", " ")
    return Failure(Reason.TOKEN_REJECTED, message, Outlook.STALLED)


def another_issuer(issuer: str, attempt: AccessAttempt) -> Failure:
    """The issuer of the cluster's tokens is not the one that the federated credentials trust."""
    message = (
        f"The cluster's tokens are issued by {issuer}, but the federated credentials trust {attempt.desired.issuer}. Correct the "
        "operator's setting `issuer`, to the letter, or take it out."
    )
    return Failure(Reason.ISSUER_MISMATCH, message, Outlook.STALLED)


def container_refused(error: AzureError, attempt: AccessAttempt, container: str) -> Failure:
    """Blob Storage did not list a container."""
    account = attempt.desired.storage.account
    what = f"container {container} of storage account {account}"
    match error.code:
        case "ContainerNotFound":
            message = f"There is no {what}. Create it: az storage container create --auth-mode login --account-name "
            return Failure(Reason.CONTAINER_NOT_FOUND, f"{message}{account} --name {container}", Outlook.STALLED)
        case "AuthorizationPermissionMismatch" if attempt.fresh:
            message = f"Access to {what} is not granted everywhere yet. New role assignments take up to 10 minutes."
            return Failure(Reason.PROPAGATING, message, Outlook.WAITING)
        case "AuthorizationPermissionMismatch":
            message = (
                f"Access to {what} is denied, though the role is assigned. Look for deny assignments and for conditions on "
                "the role assignment."
            )
            return Failure(Reason.ACCESS_DENIED, message, Outlook.STALLED)
        case "AuthorizationFailure":
            message = (
                f"The network rules of storage account {account} keep the cluster out. Allow its subnet, or use a private "
                "endpoint: docs/troubleshooting.md#networkblocked."
            )
            return Failure(Reason.NETWORK_BLOCKED, message, Outlook.STALLED)
    if error.status == 0:
        message = (
            f"Could not reach storage account {account}: {sanitize(error.detail)} Check its name, DNS and the cluster's "
            "egress: docs/troubleshooting.md#networkblocked."
        )
        return Failure(Reason.NETWORK_BLOCKED, message, Outlook.TRANSIENT)
    if error.status >= 500 or error.status == 429:  # noqa: PLR2004
        return _transient(error, f"list {what}")
    return Failure(
        Reason.ACCESS_DENIED, f"Could not list {what}: {error.code}: {sanitize(error.detail)}", Outlook.STALLED
    )


def _transient(error: AzureError, doing: str) -> Failure:
    return filled(THROTTLED if error.status == 429 else UNREACHABLE, error, Operation(doing, ""))  # noqa: PLR2004
