"""Errors of Entra and of Blob Storage, classified: why a service account cannot reach the blobs.

Codes: Microsoft Learn, "Microsoft Entra authentication and authorization error codes" and "Blob service error codes"."""

import re
from dataclasses import dataclass

from gitlab_azure_identity.api.reasons import Reason
from gitlab_azure_identity.azure.errors import BUSY, THROTTLED, AzureError, Operation, classify, sanitize
from gitlab_azure_identity.domain.desired import Desired
from gitlab_azure_identity.domain.findings import Failure, Outlook

_CODE = re.compile(r"AADSTS\d+")
# Entra does not know the credential or the identity. For minutes after it was created, that means: not yet. Entra answers 70025
# for an identity without any credential, and so while its first one still propagates.
_UNKNOWN_YET = {"AADSTS70021", "AADSTS70025", "AADSTS700211", "AADSTS700212", "AADSTS700213", "AADSTS700016"}
_ADVICE = {
    "AADSTS700211": "No federated credential has the issuer of the token. Compare the cluster's issuer with status.issuer.",
    "AADSTS700212": "No federated credential has the audience of the token. Check the operator's `cloud` setting.",
    "AADSTS700213": "No federated credential has the subject of the token. Compare it with status.federatedCredentials.",
    "AADSTS70021": "No federated credential matches the token. Compare status.issuer and status.federatedCredentials with it.",
    "AADSTS70025": "The identity has no federated credential that Entra knows. Compare it with status.federatedCredentials.",
    "AADSTS700016": "Entra does not know the client ID. Check that the identity still exists, and its tenant.",
    "AADSTS700024": "The token is not valid at this time. Check the clocks of the cluster's control plane.",
    "AADSTS90061": "Entra could not fetch the cluster's OIDC documents. Check that the issuer is reachable from outside.",
}


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
    if error.status == 0 or error.status >= 500 or error.status == 429:  # noqa: PLR2004
        return _transient(error, f"exchange the token of {who} at Entra")
    if code in _UNKNOWN_YET and attempt.fresh:
        message = f"Entra does not accept {who} yet ({code}). New credentials take up to several minutes."
        return Failure(Reason.PROPAGATING, message, Outlook.WAITING)
    advice = _ADVICE.get(code) or sanitize(error.detail)
    return Failure(Reason.TOKEN_REJECTED, f"Entra refused the token of {who} ({code}). {advice}", Outlook.STALLED)


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
    known = classify(error, Operation(doing, ""))
    if known.outlook is Outlook.TRANSIENT:
        return known
    text = THROTTLED.text if error.status == 429 else BUSY.format(doing=doing, detail=sanitize(error.detail))  # noqa: PLR2004
    return Failure(Reason.AZURE_UNAVAILABLE, text, Outlook.TRANSIENT, error.retry_after)
