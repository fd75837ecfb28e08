"""One error of each kind: what passes by itself is waited for, what is definite is told with its own words, and what cannot be
removed breaks nothing. Codes and texts are those of real Azure, where they were recorded or reported."""

import base64
import json
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from lab.azure.certificates import Certificates
from lab.running import ToolError

from .behind import create_store, patch, reasons, remove, until
from .operating import STORAGE
from .owner import condition, stalled
from .resources import GitLab
from .watching import Object

IDENTITY = "PUT */userassignedidentities/lab*"
CREDENTIAL = "PUT */federatedidentitycredentials/*"
ASSIGNMENT = "PUT */roleassignments/*"
REVOCATION = "DELETE */roleassignments/*"
LOGIN = "POST login.microsoftonline.com/*"
GRAPH = "MS Graph resource not found during Federated Identity Credential creation."
LOCKED = (
    "The scope 'x' cannot perform delete operation because following scope(s) are locked: 'x'. Please remove the lock and try "
    "again."
)


def said(gitlab: GitLab, kind: str, reason: str) -> list[str]:
    """The messages that a condition has had with this reason, while it was Unknown."""
    found = (
        condition(one, kind) for one in gitlab.watch.versions(gitlab.namespace) if "conditions" in one.get("status", {})
    )
    return [str(one["message"]) for one in found if (one["status"], one["reason"]) == ("Unknown", reason)]


def events_of(gitlab: GitLab, reason: str) -> list[Object]:
    return [event for event in gitlab.events() if event["reason"] == reason]


# What passes by itself


@pytest.mark.parametrize(
    ("match", "status", "code", "text", "kind", "reason"),
    [
        (CREDENTIAL, 404, "NotFound", GRAPH, "CredentialsFederated", "NotKnownYet"),
        (CREDENTIAL, 404, "ParentResourceNotFound", "The parent resource was not found.", "CredentialsFederated", "NotKnownYet"),
        (CREDENTIAL, 404, "SomethingNew", "It is not there.", "CredentialsFederated", "NotKnownYet"),
        (ASSIGNMENT, 404, "ResourceNotFound", "The resource was not found.", "RolesAssigned", "NotKnownYet"),
        (ASSIGNMENT, 409, "SomethingNew", "Not now.", "RolesAssigned", "OperationInProgress"),
        (CREDENTIAL, 412, "SomethingNew", "It has changed.", "CredentialsFederated", "OperationInProgress"),
        (IDENTITY, 409, "ResourceGroupBeingDeleted", "The group is in deprovisioning state.", "IdentityReady", "BeingDeleted"),
        (
            IDENTITY,
            409,
            "MissingRegistrationForLocation",
            "The subscription is not registered for the resource type in the location.",
            "IdentityReady",
            "MissingSubscriptionRegistration",
        ),
    ],
)  # fmt: skip
def test_what_passes_by_itself_is_waited_for(
    gitlab: GitLab, match: str, status: int, code: str, text: str, kind: str, reason: str
) -> None:
    gitlab.lab.controls.add_fault(match, status=status, code=code, message=text, times=2)

    gitlab.apply().ready()

    assert text in said(gitlab, kind, reason)[0]
    assert [event for event in gitlab.events() if event["type"] == "Warning"] == []


@pytest.mark.parametrize(
    ("code", "status", "text", "reason"),
    [
        ("AADSTS50166", 400, "Request to External OIDC endpoint failed.", "IssuerUnreachable"),
        ("AADSTS90061", 400, "Request to External OIDC endpoint failed.", "IssuerUnreachable"),
        ("AADSTS7000272", 401, "The certificate used to sign could not be found.", "SigningKeyUnknown"),
        ("AADSTS90033", 400, "A transient error has occurred.", "AzureUnavailable"),
    ],
)
def test_entras_own_trouble_is_waited_for(gitlab: GitLab, code: str, status: int, text: str, reason: str) -> None:
    gitlab.lab.controls.add_fault(LOGIN, status=status, code=code, message=text, times=2)

    gitlab.apply().ready()

    assert f"{code}: {text}" in said(gitlab, "AccessVerified", reason)[0]


# What is definite


DENY = (
    "The client 'x' has permission to perform action 'write' on scope 'y'; however, the access is denied because of the deny "
    "assignment with name 'stack' and Id 'z' at scope 'y'."
)
TENANT = (
    "The access token is from the wrong issuer 'https://sts.windows.net/a/'. It must match the tenant "
    "'https://sts.windows.net/b/' associated with this subscription."
)
DISABLED = "The subscription 's' is disabled and therefore marked as read only."
ABAC = "The client 'x' does not have authorization or an ABAC condition not fulfilled to perform action 'y' over scope 'z'."


@pytest.mark.parametrize(
    ("match", "status", "code", "text", "reason", "advice"),
    [
        (ASSIGNMENT, 403, "DenyAssignmentAuthorizationFailed", DENY, "DenyAssignment", "to exclude the operator's"),
        (ASSIGNMENT, 403, "AuthorizationFailed", ABAC, "AuthorizationFailed", "its condition does not admit this"),
        (IDENTITY, 403, "RequestDisallowedByPolicy", "By policy 'p'.", "RequestDisallowedByPolicy", "Ask who assigned it."),
        (IDENTITY, 409, "ReadOnlyDisabledSubscription", DISABLED, "SubscriptionDisabled", "can enable it again."),
        (IDENTITY, 409, "ScopeLocked", "The scope 'g' is locked.", "ScopeLocked", "Remove the lock."),
        (CREDENTIAL, 400, "CredentialQuotaExceeded", "20 of 20 are used.", "LimitExceeded", "Remove what is not used"),
        (CREDENTIAL, 422, "SomethingNew", "What is that?", "RefusedByAzure", "SomethingNew (422): What is that?"),
        ("GET */userassignedidentities/lab*", 401, "InvalidAuthenticationTokenTenant", TENANT, "WrongTenant", "spec.azure"),
    ],
)  # fmt: skip
def test_what_is_definite_is_told_in_azures_words_with_the_next_step(
    gitlab: GitLab, match: str, status: int, code: str, text: str, reason: str, advice: str
) -> None:
    gitlab.lab.controls.add_fault(match, status=status, code=code, message=text, times=100)

    gitlab.apply()

    message = stalled(gitlab, reason)
    assert text in message
    assert advice in message
    assert "federated credential of the operator's own" not in message

    gitlab.lab.controls.clear_faults()
    gitlab.reconcile_now()
    gitlab.ready()


# What cannot be removed


def test_a_lock_that_keeps_a_former_role_leaves_ready_true(gitlab: GitLab) -> None:
    create_store(gitlab.lab, "storelock")
    gitlab.apply().ready()
    (former,) = gitlab.assignments()
    gitlab.lab.controls.add_fault(REVOCATION, status=409, code="ScopeLocked", message=LOCKED, times=1000)

    patch(gitlab, "gai", "gitlab", {"spec": {"storage": {"accountName": "storelock"}}})
    gitlab.ready()
    gitlab.reconcile_now()  # access at the new account was proven
    found = gitlab.until(lambda one: one["status"].get("lingering"))

    (entry,) = found["status"]["lingering"]
    assert (entry["kind"], entry["name"]) == ("RoleAssignment", former["name"])
    assert entry["message"] == (
        f"A lock forbids to remove role assignments on storage account gitlabstore: {LOCKED} Remove the lock. This "
        "shows those of the resource group: az lock list --resource-group rg-storage --output table"
    )
    assert condition(found, "Ready")["status"] == "True"
    assert {one["status"] for one in found["status"]["conditions"] if one["type"] != "WorkloadsReady"} == {"True"}

    gitlab.reconcile_now()
    gitlab.reconcile_now()
    assert gitlab.live()["status"]["lingering"] == [entry]  # pass after pass
    assert condition(gitlab.live(), "Ready")["status"] == "True"
    assert len(events_of(gitlab, "Lingering")) == 1

    gitlab.lab.controls.clear_faults()
    gitlab.reconcile_now()
    gitlab.until(lambda one: not one["status"].get("lingering"))
    assert gitlab.assignments("gitlabstore") == []
    assert [entry["scope"] for entry in gitlab.live()["status"]["roleAssignments"]] == [f"{STORAGE}/storelock"]


# In the cluster


def quota(gitlab: GitLab, used: int) -> None:
    """A ResourceQuota for secrets. In the lab nobody counts, so the test says what is used."""
    hard = {"count/secrets": "1"}
    body: Any = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "team", "namespace": gitlab.namespace},
        "spec": {"hard": hard},
    }
    gitlab.lab.apply([body])
    status = json.dumps({"status": {"hard": hard, "used": {"count/secrets": str(used)}}})
    gitlab.lab.kubectl(
        "patch", "resourcequota", "-n", gitlab.namespace, "team", "--subresource=status", "--type=merge", "-p", status
    )


def test_a_quota_of_the_namespace(gitlab: GitLab) -> None:
    quota(gitlab, used=1)

    gitlab.apply()

    message = stalled(gitlab, "QuotaExceeded")
    assert (
        "exceeded quota: team, requested: count/secrets=1, used: count/secrets=1, limited: count/secrets=1" in message
    )
    assert f"Raise the quota of namespace {gitlab.namespace}, or remove what is not used." in message

    gitlab.lab.kubectl("delete", "resourcequota", "-n", gitlab.namespace, "team")
    gitlab.reconcile_now()
    gitlab.ready()


def test_an_immutable_secret(gitlab: GitLab) -> None:
    create_store(gitlab.lab, "storefixed")
    gitlab.apply().ready()
    patch(gitlab, "secret", "gitlab-registry-storage", {"immutable": True})

    patch(gitlab, "gai", "gitlab", {"spec": {"storage": {"accountName": "storefixed"}}})

    message = stalled(gitlab, "Immutable")
    assert "field is immutable when `immutable` is set" in message
    assert message.endswith(f"kubectl -n {gitlab.namespace} delete secret gitlab-registry-storage")

    remove(gitlab, "secret", "gitlab-registry-storage")
    gitlab.reconcile_now()
    gitlab.ready()
    until(lambda: "storefixed" in gitlab.secret("gitlab-registry-storage")["config"], "the secret is written anew")
    assert "Lingering" not in reasons(gitlab)


class Denial(BaseHTTPRequestHandler):
    """An admission webhook that denies everything without a code, as Kyverno does."""

    def do_POST(self) -> None:
        review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        answer = {"uid": review["request"]["uid"], "allowed": False, "status": {"message": "secrets need a label"}}
        body = json.dumps({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": answer}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the same
        """The tests' output is not for requests."""


@pytest.fixture
def denied(gitlab: GitLab, tmp_path: Path) -> Iterator[Callable[[], None]]:
    """A webhook that denies the secrets of this namespace. The yielded function ends that."""
    certificates = Certificates(tmp_path)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Denial)
    server.socket = certificates.server_context("127.0.0.1").wrap_socket(server.socket, server_side=True)
    thread = Thread(target=server.serve_forever)
    thread.start()
    name = f"deny-{gitlab.namespace}"
    webhook = {
        "name": "validate.example.com",
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        "failurePolicy": "Fail",
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": gitlab.namespace}},
        "rules": [
            {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["secrets"]}
        ],
        "clientConfig": {
            "url": f"https://127.0.0.1:{server.server_address[1]}/",
            "caBundle": base64.b64encode(certificates.ca_file.read_bytes()).decode(),
        },
    }
    kind = {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration"}
    gitlab.lab.apply([{**kind, "metadata": {"name": name}, "webhooks": [webhook]}])
    lifted = False

    def lift() -> None:
        nonlocal lifted
        if not lifted:
            gitlab.lab.kubectl("delete", "validatingwebhookconfiguration", name)
            lifted = True

    def refused() -> bool:
        """Whether the webhook is asked already, which takes the API server a moment."""
        try:
            gitlab.lab.kubectl("create", "secret", "generic", "probe", "-n", gitlab.namespace, "--dry-run=server")
        except ToolError as error:
            return "denied the request" in error.output
        return False

    until(refused, "the webhook is asked")
    yield lift
    lift()
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_webhook_that_denies_without_a_code(gitlab: GitLab, denied: Callable[[], None]) -> None:
    """The API server then answers 400."""
    gitlab.apply()

    message = stalled(gitlab, "AdmissionRefused")
    assert 'admission webhook "validate.example.com" denied the request: secrets need a label.' in message

    denied()
    gitlab.reconcile_now()
    gitlab.ready()
