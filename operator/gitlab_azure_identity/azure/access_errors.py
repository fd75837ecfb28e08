"""Errors of Entra and of Blob Storage, classified: why a service account cannot reach the blobs.

Codes: Microsoft Learn, "Microsoft Entra authentication and authorization error codes" and "Blob service error codes"."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches

from gitlab_azure_identity.api.reasons import Reason
from gitlab_azure_identity.azure import entra
from gitlab_azure_identity.azure.entra import Trouble
from gitlab_azure_identity.azure.error_table import (
    BUSY_FOR,
    CONFLICT,
    KEYS_SPREAD,
    REFUSED,
    THROTTLED,
    UNREACHABLE,
    Entry,
)
from gitlab_azure_identity.azure.errors import AzureError, Operation, filled, sanitize
from gitlab_azure_identity.domain.access import Right, may
from gitlab_azure_identity.domain.causes import commands
from gitlab_azure_identity.domain.changes import CreateContainer
from gitlab_azure_identity.domain.desired import Desired
from gitlab_azure_identity.domain.findings import Failure, Outlook, worst
from gitlab_azure_identity.domain.storage_account import StorageAccount, network_rules

_CODE = re.compile(r"AADSTS\d+")
_SPREADS = "New role assignments take up to 10 minutes, and at times 30."
# Another 403 in a time in which Azure may still spread the role.
_REFUSED_YET = Entry(Reason.PROPAGATING, Outlook.WAITING, "Azure refused to {doing}: {said} " + _SPREADS)
_ACCESS_REFUSED = replace(REFUSED, reason=Reason.ACCESS_DENIED)
_LASTING = {"AccountIsDisabled"}  # a 403 that has nothing to do with roles
# The right is missing. Blob Storage does not say why (Microsoft Learn, "Blob service error codes").
_DENIED = {"AuthorizationPermissionMismatch", "InsufficientAccountPermissions"}


@dataclass(frozen=True)
class AccessAttempt:
    """An attempt at access. `fresh` says that access was granted so recently that Azure may not know it everywhere yet (see
    `assessment.may_still_propagate`). `account` is what Azure says of the account, where that is known."""

    desired: Desired
    fresh: bool
    account: StorageAccount | None = None
    existed: Collection[str] = ()  # containers that were seen to exist before
    unassigned: bool = False  # a role that somebody else assigns was not found


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
    if found:
        message = f"Entra refused the token of {who} ({code}). {line.advice} Entra: {detail}"
    else:
        message = (
            f"The token of {who} was not exchanged at Entra (status {error.status}). {line.advice} It says: {detail}"
        )
    return Failure(Reason.TOKEN_REJECTED, message, Outlook.STALLED)


def another_issuer(issuer: str, attempt: AccessAttempt) -> Failure:
    """The issuer of the cluster's tokens is not the one that the federated credentials trust."""
    message = (
        f"The cluster's tokens are issued by {issuer}, but the federated credentials trust {attempt.desired.issuer}. Correct the "
        "operator's setting `issuer`, to the letter, or take it out."
    )
    return Failure(Reason.ISSUER_MISMATCH, message, Outlook.STALLED)


def container_refused(
    answers: Mapping[Right, AzureError | None], attempt: AccessAttempt, container: str
) -> Failure | None:
    """Why the identity cannot use a container. None when every right is granted."""
    errors = {right: error for right, error in answers.items() if error is not None}
    denied = [right for right, error in errors.items() if error.code in _DENIED]
    what = f"container {container} of storage account {attempt.desired.storage.account}"
    failures = [
        _refused(error, attempt, f"{right} {'' if right is Right.LIST else 'in '}{what}", container)
        for right, error in errors.items()
        if right not in denied
    ]
    if denied and len(denied) == len(errors):
        failures.append(_denied(errors.values(), attempt, f"The identity {may(denied)} in {what}"))
    return worst(failures) if failures else None


def containers_missing(absent: Sequence[str], attempt: AccessAttempt, existing: Sequence[str] = ()) -> Failure:
    """Containers do not exist. `existing` are the account's containers, as far as the identity may list them: a name that was
    misspelt is near to one of them."""
    storage = attempt.desired.storage
    unused = [name for name in existing if name not in storage.containers.values()]
    near = {name: close[0] for name in absent if (close := get_close_matches(name, unused, n=1))}
    one = len(absent) == 1
    what = f"is no container {absent[0]}" if one else f"are no containers {', '.join(absent)}"
    nearest = "".join(
        f" Did you mean {meant}?" if one else f" For {name}, did you mean {meant}?" for name, meant in near.items()
    )
    lost = [name for name in absent if name in attempt.existed]
    before = (
        f" {', '.join(lost)} existed before: restore what soft delete keeps, which a new container of the name would prevent."
        if lost
        else ""
    )
    lines = (commands.CREATE_CONTAINER.filled(account=storage.account, container=name) for name in absent)
    create = f"Create {'it' if one else 'them'}: {' && '.join(lines)}"
    message = f"There {what} of storage account {storage.account}.{before or nearest} {create}"
    return Failure(Reason.CONTAINER_NOT_FOUND, message, Outlook.STALLED)


def container_not_created(error: AzureError, attempt: AccessAttempt, change: CreateContainer) -> Failure:
    """Blob Storage did not let the identity create a container."""
    if error.code in _DENIED:
        return _denied([error], attempt, f"The identity may not create {change}")
    if error.code == "ContainerBeingDeleted":
        message = f"Could not create {change} yet, since one of that name is being deleted. It is tried again."
        overdue = f"For 10 minutes one of the name of {change} has been being deleted. Ask Azure's support, or use another name."
        return Failure(Reason.BEING_DELETED, message, Outlook.WAITING, None, BUSY_FOR, overdue)
    return _refused(error, attempt, f"create {change}", None)


def signing_refused(error: AzureError, attempt: AccessAttempt) -> Failure:
    """Why GitLab cannot sign addresses of blobs."""
    account = f"storage account {attempt.desired.storage.account}"
    if error.code in _DENIED:
        return _denied([error], attempt, f"The identity may not sign addresses with a user delegation key of {account}")
    return _refused(error, attempt, f"ask for a user delegation key of {account}", None)


def _denied(errors: Iterable[AzureError], attempt: AccessAttempt, sentence: str) -> Failure:
    """A right is missing: Azure has not spread the role everywhere yet, or something takes away what the role gives."""
    said = " ".join(dict.fromkeys(sanitize(error.detail) for error in errors))
    if attempt.fresh:
        return Failure(Reason.PROPAGATING, f"{sentence} yet. {_SPREADS} Azure: {said}", Outlook.WAITING)
    if attempt.unassigned:
        message = f"{sentence}, since a role is missing: RolesAssigned has the command that adds it. Azure: {said}"
        return Failure(Reason.ACCESS_DENIED, message, Outlook.STALLED)
    message = (
        f"{sentence}, though the roles are assigned. Look for deny assignments and for conditions on the role assignments: "
        f"docs/troubleshooting.md#accessdenied. Azure: {said}"
    )
    return Failure(Reason.ACCESS_DENIED, message, Outlook.STALLED)


def _refused(error: AzureError, attempt: AccessAttempt, doing: str, container: str | None) -> Failure:
    """Blob Storage refused a request for another cause than a missing right."""
    account = attempt.desired.storage.account
    if error.code == "ContainerNotFound" and container:
        return containers_missing([container], attempt)
    if error.code == "AuthorizationFailure":
        rules = network_rules(attempt.account) or "Its network rules keep the cluster out."
        message = (
            f"Storage account {account} refused to let the operator {doing}: {sanitize(error.detail)} {rules} Allow the "
            "cluster's subnet, or use a private endpoint: docs/troubleshooting.md#networkblocked."
        )
        return Failure(Reason.NETWORK_BLOCKED, message, Outlook.STALLED)
    if error.status == 401 and "issuer" in error.detail.lower():  # noqa: PLR2004
        message = (
            f"Storage account {account} does not accept tokens of the managed identity's tenant: {sanitize(error.detail)} Use an "
            "account whose subscription belongs to that tenant."
        )
        return Failure(Reason.ACCESS_DENIED, message, Outlook.STALLED)
    if error.status == 0:
        rules = f" {rules}" if (rules := network_rules(attempt.account)) else ""
        message = (
            f"Could not reach storage account {account}: {sanitize(error.detail)}{rules} Check its name, DNS and the cluster's "
            "egress: docs/troubleshooting.md#networkblocked."
        )
        return Failure(Reason.NETWORK_BLOCKED, message, Outlook.TRANSIENT)
    if error.status >= 500 or error.status in (408, 429):  # noqa: PLR2004
        return _transient(error, doing)
    return filled(_line(error, attempt), error, Operation(doing, ""))


def _line(error: AzureError, attempt: AccessAttempt) -> Entry:
    """The line for an answer of Blob Storage whose code says nothing to the operator: its status decides."""
    match error.status:
        case 409:  # for example ContainerBeingDeleted
            return CONFLICT
        case 403 if attempt.fresh and error.code not in _LASTING:
            return _REFUSED_YET
        case 401 | 403:
            return _ACCESS_REFUSED
    return REFUSED


def _transient(error: AzureError, doing: str) -> Failure:
    return filled(THROTTLED if error.status == 429 else UNREACHABLE, error, Operation(doing, ""))  # noqa: PLR2004
