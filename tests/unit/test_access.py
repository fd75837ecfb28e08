"""Why a service account cannot reach the blobs: the issuer of its token, and the codes of Entra and Blob Storage."""

from __future__ import annotations

from dataclasses import replace

import jwt
import pytest

from gitlab_azure_identity.azure.access_errors import (
    AccessAttempt,
    another_issuer,
    container_not_created,
    container_refused,
    containers_missing,
    signing_refused,
    token_refused,
)
from gitlab_azure_identity.azure.entra import TABLE, Trouble
from gitlab_azure_identity.azure.errors import AzureError
from gitlab_azure_identity.domain.access import Right, may
from gitlab_azure_identity.domain.changes import CreateContainer
from gitlab_azure_identity.domain.findings import Outlook
from gitlab_azure_identity.kube.tokens import issuer_of

from .worlds import ACCOUNT, ISSUER, wanted

FRESH, LATER = AccessAttempt(wanted(), fresh=True), AccessAttempt(wanted(), fresh=False)
STALLED, WAITING, TRANSIENT = Outlook.STALLED, Outlook.WAITING, Outlook.TRANSIENT
UNKNOWN_YET = [code for code, line in TABLE.items() if line.trouble is Trouble.UNKNOWN]
REFUSED = [code for code, line in TABLE.items() if line.trouble is Trouble.REFUSED]


def entra(code: str, status: int = 401) -> AzureError:
    text = f"{code}: Something about it. Trace ID: 1 Correlation ID: 2 Timestamp: 2026-03-01 12:00:00Z"
    return AzureError("ClientAuthenticationError", status, text)


@pytest.mark.parametrize("code", [*UNKNOWN_YET, *REFUSED])
def test_entra_refuses(code: str) -> None:
    failure = token_refused(entra(code), LATER, "gitlab")

    assert (failure.reason, failure.outlook) == ("TokenRejected", STALLED)
    assert failure.message == (
        f"Entra refused the token of service account gitlab/gitlab ({code}). {TABLE[code].advice} Entra: {code}: Something "
        "about it."
    )


@pytest.mark.parametrize("code", UNKNOWN_YET)
def test_entra_does_not_know_a_new_credential_yet(code: str) -> None:
    """Azure may take several minutes to know a credential everywhere."""
    failure = token_refused(entra(code), FRESH, "gitlab")

    assert (failure.reason, failure.outlook) == ("Propagating", WAITING)
    assert failure.message == (
        f"Entra does not accept service account gitlab/gitlab yet ({code}). New credentials take up to several minutes. "
        f"Entra: {code}: Something about it."
    )


@pytest.mark.parametrize("code", REFUSED)
def test_waiting_does_not_help_against_a_refused_token(code: str) -> None:
    assert token_refused(entra(code), FRESH, "gitlab").reason == "TokenRejected"


@pytest.mark.parametrize("attempt", [FRESH, LATER])
@pytest.mark.parametrize("code", ["AADSTS50166", "AADSTS501661", "AADSTS90061"])
def test_entra_cannot_fetch_the_issuers_documents_just_now(code: str, attempt: AccessAttempt) -> None:
    """Reported: sent with 400, for hours, and ended by itself (azure-cli#28863)."""
    failure = token_refused(entra(code, 400), attempt, "gitlab")

    assert (failure.reason, failure.outlook) == ("IssuerUnreachable", TRANSIENT)
    assert failure.message == (
        f"Entra could not fetch the documents of issuer {ISSUER} just now, to check the token of service account gitlab/gitlab: "
        f"{code}: Something about it. It is tried again. If it lasts: Check that the cluster's issuer can be reached from the "
        "internet."
    )


@pytest.mark.parametrize("attempt", [FRESH, LATER])
@pytest.mark.parametrize("code", ["AADSTS50013", "AADSTS700027", "AADSTS7000272"])
def test_keys_that_were_rotated_take_minutes(code: str, attempt: AccessAttempt) -> None:
    failure = token_refused(entra(code), attempt, "gitlab")

    assert (failure.reason, failure.outlook, failure.limit) == ("SigningKeyUnknown", WAITING, 900.0)
    assert failure.message == (
        f"Entra does not know the key of the token of service account gitlab/gitlab yet: {code}: Something about it. After a "
        "rotation of the cluster's keys that takes minutes. It is tried again."
    )
    assert failure.overdue == (
        f"For 15 minutes Entra has not known the key of the token of service account gitlab/gitlab: {code}: Something about it. "
        "Check that the keys at the cluster's issuer (jwks_uri) are those that the API server signs with."
    )


@pytest.mark.parametrize("code", [code for code, line in TABLE.items() if line.trouble is Trouble.UNAVAILABLE])
def test_entras_own_trouble(code: str) -> None:
    failure = token_refused(entra(code, 400), LATER, "gitlab")

    assert (failure.reason, failure.outlook) == ("AzureUnavailable", TRANSIENT)
    assert f"{code}: Something about it." in failure.message


def test_tokens_of_another_issuer() -> None:
    """Whatever Entra answers: a credential with a former issuer may still be accepted."""
    failure = another_issuer(ISSUER[:-1], FRESH)

    assert (failure.reason, failure.outlook) == ("IssuerMismatch", STALLED)
    assert failure.message == (
        f"The cluster's tokens are issued by {ISSUER[:-1]}, but the federated credentials trust {ISSUER}. Correct the "
        "operator's setting `issuer`, to the letter, or take it out."
    )


@pytest.mark.parametrize(
    ("token", "issuer"),
    [
        (jwt.encode({"iss": ISSUER, "exp": 0}, "x" * 32), ISSUER),  # to the letter, and whether it has expired or not
        (jwt.encode({"sub": "somebody"}, "x" * 32), None),
        ("opaque", None),
    ],
)
def test_the_issuer_of_a_token(token: str, issuer: str | None) -> None:
    assert issuer_of(token) == issuer


def test_an_unknown_code_is_reported_in_entras_words() -> None:
    failure = token_refused(entra("AADSTS123456"), FRESH, "gitlab")

    assert failure.message == (
        "Entra refused the token of service account gitlab/gitlab (AADSTS123456). See "
        "https://login.microsoftonline.com/error?code=123456 for what the code means. Entra: AADSTS123456: Something about it."
    )


def test_an_answer_without_a_code_is_not_told_as_entras() -> None:
    """A proxy on the way answers like that."""
    failure = token_refused(AzureError("", 403, "Blocked by the firewall"), FRESH, "gitlab")

    assert (failure.reason, failure.outlook) == ("TokenRejected", STALLED)
    assert failure.message == (
        "The token of service account gitlab/gitlab was not exchanged at Entra (status 403). The answer has no code of Entra: "
        "check whether something on the way gave it, such as a proxy. It says: Blocked by the firewall."
    )


@pytest.mark.parametrize(
    ("status", "reason"),
    [(0, "AzureUnavailable"), (429, "Throttled"), (500, "AzureUnavailable"), (503, "AzureUnavailable")],
)
def test_entra_does_not_answer(status: int, reason: str) -> None:
    failure = token_refused(AzureError("ServiceRequestError", status, "no answer in time", 5.0), FRESH, "gitlab")

    assert (failure.reason, failure.outlook, failure.retry_after) == (reason, TRANSIENT, 5.0)


def blob(code: str, status: int = 403) -> AzureError:
    return AzureError(code, status, "Azure's words.\nRequestId:1\nTime:2026-03-01T12:00:00Z")


MISMATCH = blob("AuthorizationPermissionMismatch")
REGISTRY = "container registry of storage account gitlabstore"
ADVICE_ON_DENIAL = (
    ", though the roles are assigned. Look for deny assignments and for conditions on the role assignments: "
    "docs/troubleshooting.md#accessdenied. Azure: Azure's words."
)
SPREADS = "New role assignments take up to 10 minutes, and at times 30."
YET = f" yet. {SPREADS} Azure: Azure's words."
NOT_AZURES = "The answer has no code of Azure: check whether something on the way gave it, such as a proxy."
UNKNOWN = "The operator does not know this answer: Azure's documentation of it says what to do."


def answers(*refused: Right, error: AzureError = MISMATCH) -> dict[Right, AzureError | None]:
    """The answers to the attempts in a container: the error where it is refused."""
    return {right: error if right in refused else None for right in Right}


@pytest.mark.parametrize(
    ("refused", "words"),
    [
        ((), "may list, read, write and delete"),
        ((Right.READ,), "may list, write and delete, may not read"),
        ((Right.WRITE, Right.OVERWRITE), "may list, read and delete, may not write"),
        ((Right.WRITE, Right.OVERWRITE, Right.DELETE), "may list and read, may not write or delete"),
        ((Right.OVERWRITE,), "may list, read, write and delete, may not overwrite"),
        ((Right.WRITE,), "may list, read, overwrite and delete, may not write"),
        (tuple(Right), "may not list, read, write or delete"),
    ],
)
def test_rights_in_words(refused: tuple[Right, ...], words: str) -> None:
    assert may(refused) == words


def test_a_denial_where_a_role_is_missing_says_so() -> None:
    """Somebody else assigns the roles, and has not."""
    attempt = replace(LATER, unassigned=True)

    failure = container_refused(answers(Right.WRITE), attempt, "registry")

    assert failure is not None
    assert (failure.reason, failure.outlook) == ("AccessDenied", STALLED)
    assert failure.message == (
        f"The identity may list, read, overwrite and delete, may not write in {REGISTRY}, since a role is missing: "
        "RolesAssigned has the command that adds it. Azure: Azure's words."
    )


def test_a_container_where_everything_is_allowed() -> None:
    assert container_refused(answers(), FRESH, "registry") is None


@pytest.mark.parametrize("code", ["AuthorizationPermissionMismatch", "InsufficientAccountPermissions"])
@pytest.mark.parametrize(
    ("refused", "words"),
    [
        ((Right.WRITE, Right.OVERWRITE, Right.DELETE), "may list and read, may not write or delete"),
        ((Right.OVERWRITE,), "may list, read, write and delete, may not overwrite"),
        ((Right.DELETE,), "may list, read and write, may not delete"),
        (tuple(Right), "may not list, read, write or delete"),
    ],
)
def test_a_missing_right_is_named(refused: tuple[Right, ...], words: str, code: str) -> None:
    """A read-only condition, a deny assignment, a role that still spreads: all look alike to Blob Storage."""
    soon = container_refused(answers(*refused, error=blob(code)), FRESH, "registry")
    late = container_refused(answers(*refused, error=blob(code)), LATER, "registry")

    assert soon is not None
    assert (soon.reason, soon.outlook) == ("Propagating", WAITING)
    assert soon.message == f"The identity {words} in {REGISTRY}{YET}"
    assert late is not None
    assert (late.reason, late.outlook) == ("AccessDenied", STALLED)
    assert late.message == f"The identity {words} in {REGISTRY}{ADVICE_ON_DENIAL}"


def test_the_right_to_sign_addresses_is_named() -> None:
    key = "The identity may not sign addresses with a user delegation key of storage account gitlabstore"

    soon, late = signing_refused(MISMATCH, FRESH), signing_refused(MISMATCH, LATER)

    assert (soon.reason, soon.outlook, soon.message) == ("Propagating", WAITING, f"{key}{YET}")
    assert (late.reason, late.outlook, late.message) == ("AccessDenied", STALLED, f"{key}{ADVICE_ON_DENIAL}")
    assert signing_refused(blob("ServerBusy", 503), LATER).message == (
        "Azure could not ask for a user delegation key of storage account gitlabstore just now: ServerBusy (503): "
        "Azure's words. It is tried again."
    )


NETWORK = "Allow the cluster's subnet, or use a private endpoint: docs/troubleshooting.md#networkblocked."
FIREWALL = replace(FRESH, account=replace(ACCOUNT, firewall=True))
PRIVATE = replace(FRESH, account=replace(ACCOUNT, public=False, private_endpoints=True))


@pytest.mark.parametrize(
    ("error", "attempt", "reason", "outlook", "message"),
    [
        (
            blob("ContainerNotFound", 404),
            FRESH,
            "ContainerNotFound",
            STALLED,
            (
                "There is no container registry of storage account gitlabstore. Create it: az storage container create "
                "--auth-mode login --account-name gitlabstore --name registry"
            ),
        ),
        (
            blob("AuthorizationFailure"),
            FRESH,
            "NetworkBlocked",
            STALLED,
            (
                f"Storage account gitlabstore refused to let the operator list {REGISTRY}: Azure's words. Its network rules keep "
                f"the cluster out. {NETWORK}"
            ),
        ),
        (
            blob("AuthorizationFailure"),
            FIREWALL,
            "NetworkBlocked",
            STALLED,
            (
                f"Storage account gitlabstore refused to let the operator list {REGISTRY}: Azure's words. Its firewall admits "
                f"only the networks that its rules name. {NETWORK}"
            ),
        ),
        (
            AzureError("ServiceRequestError", 0, "no such host"),
            FRESH,
            "NetworkBlocked",
            TRANSIENT,
            (
                "Could not reach storage account gitlabstore: no such host. Check its name, DNS and the cluster's egress: "
                "docs/troubleshooting.md#networkblocked."
            ),
        ),
        (
            AzureError("ServiceRequestError", 0, "no answer in time"),
            PRIVATE,
            "NetworkBlocked",
            TRANSIENT,
            (
                "Could not reach storage account gitlabstore: no answer in time. Its public network access is disabled: only a "
                "private endpoint reaches it. Check its name, DNS and the cluster's egress: "
                "docs/troubleshooting.md#networkblocked."
            ),
        ),
        (
            AzureError("InvalidAuthenticationInfo", 401, "Issuer validation failed. Issuer did not match."),
            FRESH,
            "AccessDenied",
            STALLED,
            (
                "Storage account gitlabstore does not accept tokens of the managed identity's tenant: Issuer validation failed. "
                "Issuer did not match. Use an account whose subscription belongs to that tenant."
            ),
        ),
        (
            blob("InvalidAuthenticationInfo", 401),
            FRESH,
            "AccessDenied",
            STALLED,
            f"Azure refused to list {REGISTRY}: InvalidAuthenticationInfo (401): Azure's words. {UNKNOWN}",
        ),
        (
            blob("AccountIsDisabled"),
            FRESH,
            "AccessDenied",
            STALLED,
            f"Azure refused to list {REGISTRY}: AccountIsDisabled (403): Azure's words. {UNKNOWN}",
        ),
        (
            blob("NobodyKnows"),
            FRESH,
            "Propagating",
            WAITING,
            f"Azure refused to list {REGISTRY}: NobodyKnows (403): Azure's words. {SPREADS}",
        ),
        (
            blob(""),
            LATER,
            "AccessDenied",
            STALLED,
            f"Azure refused to list {REGISTRY}: status 403: Azure's words. {NOT_AZURES}",
        ),
        (
            blob("InvalidHeaderValue", 400),
            FRESH,
            "RefusedByAzure",
            STALLED,
            f"Azure refused to list {REGISTRY}: InvalidHeaderValue (400): Azure's words. {UNKNOWN}",
        ),
        (
            blob("ResourceNotFound", 404),
            FRESH,
            "RefusedByAzure",
            STALLED,
            f"Azure refused to list {REGISTRY}: ResourceNotFound (404): Azure's words. {UNKNOWN}",
        ),
        (
            blob("", 302),
            FRESH,
            "RefusedByAzure",
            STALLED,
            f"Azure refused to list {REGISTRY}: status 302: Azure's words. {NOT_AZURES}",
        ),
        (
            blob("ContainerBeingDeleted", 409),
            LATER,
            "OperationInProgress",
            WAITING,
            f"Azure could not list {REGISTRY} just now: ContainerBeingDeleted (409): Azure's words. It is tried again.",
        ),
        (
            blob("ServerBusy", 503),
            FRESH,
            "AzureUnavailable",
            TRANSIENT,
            f"Azure could not list {REGISTRY} just now: ServerBusy (503): Azure's words. It is tried again.",
        ),
        (
            blob("Fault429", 429),
            FRESH,
            "Throttled",
            TRANSIENT,
            (
                "Azure limits the rate of requests, and did not list container registry of storage account gitlabstore: Fault429 "
                "(429): Azure's words. It is tried again."
            ),
        ),
    ],
)
def test_blob_storage_refuses(
    error: AzureError, attempt: AccessAttempt, reason: str, outlook: Outlook, message: str
) -> None:
    failure = container_refused(answers(*Right, error=error), attempt, "registry")

    assert failure is not None
    assert (failure.reason, failure.outlook, failure.message) == (reason, outlook, message)


def test_another_cause_than_a_missing_right_comes_first() -> None:
    """A container that does not exist has no rights to complain about."""
    failure = container_refused({**answers(Right.LIST), Right.WRITE: blob("ContainerNotFound", 404)}, LATER, "registry")

    assert failure is not None
    assert failure.reason == "ContainerNotFound"


CREATE = "az storage container create --auth-mode login --account-name gitlabstore --name"


@pytest.mark.parametrize(
    ("absent", "existing", "message"),
    [
        (["tmp"], [], f"There is no container tmp of storage account gitlabstore. Create it: {CREATE} tmp"),
        (
            ["gitlab-artifacts", "tmp"],
            ["gitlab-artefacts", "logs"],
            (
                "There are no containers gitlab-artifacts, tmp of storage account gitlabstore. For gitlab-artifacts, did you "
                f"mean gitlab-artefacts? Create them: {CREATE} gitlab-artifacts && {CREATE} tmp"
            ),
        ),
        # a container that another purpose uses was not meant
        (
            ["gitlab-packages"],
            ["gitlab-backups", "gitlab-uploads", "registry"],
            f"There is no container gitlab-packages of storage account gitlabstore. Create it: {CREATE} gitlab-packages",
        ),
    ],
)
def test_containers_that_are_missing(absent: list[str], existing: list[str], message: str) -> None:
    failure = containers_missing(absent, LATER, existing)

    assert (failure.reason, failure.outlook, failure.message) == ("ContainerNotFound", STALLED, message)


NEW = CreateContainer("gitlabstore.blob.core.windows.net", "tmp", "gitlabstore")


@pytest.mark.parametrize(
    ("error", "attempt", "reason", "outlook", "start"),
    [
        (
            AzureError("AuthorizationPermissionMismatch", 403, "No."),
            FRESH,
            "Propagating",
            WAITING,
            "The identity may not create container tmp of storage account gitlabstore yet. ",
        ),
        (
            AzureError("AuthorizationPermissionMismatch", 403, "No."),
            LATER,
            "AccessDenied",
            STALLED,
            "The identity may not create container tmp of storage account gitlabstore, though the roles are assigned. ",
        ),
        (
            AzureError("ContainerBeingDeleted", 409, "No."),
            LATER,
            "BeingDeleted",
            WAITING,
            "Could not create container tmp of storage account gitlabstore yet, since one of that name is being deleted.",
        ),
        (
            AzureError("ServerBusy", 503, "No."),
            LATER,
            "AzureUnavailable",
            TRANSIENT,
            "Azure could not create container tmp of storage account gitlabstore just now",
        ),
    ],
)
def test_a_container_that_was_not_created(
    error: AzureError, attempt: AccessAttempt, reason: str, outlook: Outlook, start: str
) -> None:
    failure = container_not_created(error, attempt, NEW)

    assert (failure.reason, failure.outlook) == (reason, outlook)
    assert failure.message.startswith(start)


def test_a_container_that_existed_before_may_be_restored() -> None:
    failure = containers_missing(["tmp", "registry"], replace(LATER, existed={"tmp"}))

    assert failure.message == (
        "There are no containers tmp, registry of storage account gitlabstore. tmp existed before: restore what soft delete "
        f"keeps, which a new container of the name would prevent. Create them: {CREATE} tmp && {CREATE} registry"
    )
