"""The API server's errors, classified: the reason, what comes next, and a message for a person."""

import re
from dataclasses import replace

from gitlab_azure_identity.api.reasons import Reason
from gitlab_azure_identity.domain.causes import commands
from gitlab_azure_identity.domain.changes import ApplyServiceAccount
from gitlab_azure_identity.domain.findings import Failure, Outlook
from gitlab_azure_identity.domain.observed import ClusterObject
from gitlab_azure_identity.kube.client import ClusterError

SETTLING = 300.0  # seconds; the API server's caches know a new object, and several writers of one object come to an end
EXCEPTION = "Change what that objects to, or make an exception there for the operator."
_MANAGER = re.compile(r'conflict with "([^"]+)"')
_IMMUTABLE = re.compile(r'^(?P<kind>\w+) "(?P<name>[^"]+)" is invalid: .*field is immutable', re.DOTALL)
# What the text says counts before the status: a webhook or a policy gives its refusal any status, and a denial without one is 400
# (apiserver, admission/plugin/webhook/errors/statuserror.go).
_ADMISSION = re.compile(
    r"admission webhook .* denied the request|ValidatingAdmissionPolicy .* denied request", re.DOTALL
)
# An authorizer's words (apiserver, endpoints/handlers/responsewriters/errors.go), or no words of the API server at all. Any other
# 403 is that of an admission plugin, such as a limit range.
_AUTHORIZER = re.compile(r'cannot \w+ (resource|path)|User "[^"]*" cannot|^(?!.*is forbidden:)', re.DOTALL)
_QUOTA = re.compile(r"(exceeded|failed|insufficient) quota", re.IGNORECASE)
# The API server has just started (admission/initializer), or nobody has counted a new quota yet (quota/v1/resourcequota).
_NOT_READY = re.compile(r"not yet ready to handle request|status unknown for quota")


def classify(error: ClusterError, doing: str, namespace: str) -> Failure:
    """What an error means for a person. `doing` completes the sentence `The operator may not …`."""
    said = _said(error)
    if _ADMISSION.search(error.message):
        return Failure(Reason.ADMISSION_REFUSED, f"Could not {doing}: {said} {EXCEPTION}", Outlook.STALLED)
    match error.status:
        case 403 if _NOT_READY.search(error.message):
            return _passing(error, doing, said)
        case 409 if error.field_conflict:
            return Failure(Reason.FIELD_CONFLICT, f"Could not {doing}: {_conflict(error)}", Outlook.STALLED)
        case 404 | 409:
            return _passing(error, doing, said)
        case 403:
            return _forbidden(error, doing, namespace, said)
        case 400 | 405 | 406 | 413 | 415 | 422:
            return _invalid(error, doing, namespace, said)
        case 401:
            text = f"The API server did not accept the operator's own token, and so did not {doing}: {said} It is tried again."
        case _:
            text = f"The API server could not {doing} just now: {said} It is tried again."
    return Failure(Reason.CLUSTER_UNAVAILABLE, text, Outlook.TRANSIENT)


def _forbidden(error: ClusterError, doing: str, namespace: str, said: str) -> Failure:
    """The failure for a 403: of a namespace that is being deleted, a quota, an authorizer, or another admission plugin."""
    if error.terminating:
        reason, message = (
            Reason.NAMESPACE_TERMINATING,
            f"Namespace {namespace} is being deleted. The API server: {said}",
        )
    elif _QUOTA.search(error.message):
        reason = Reason.QUOTA_EXCEEDED
        message = f"Could not {doing}: {said} Raise the quota of namespace {namespace}, or remove what is not used."
    elif _AUTHORIZER.search(error.message):
        reason = Reason.FORBIDDEN
        message = (
            f"The operator may not {doing}. Add {namespace} to `namespaces` in the values of its Helm chart, "
            f"and upgrade the chart. The API server: {said}"
        )
    else:
        reason, message = Reason.ADMISSION_REFUSED, f"Could not {doing}: {said} {EXCEPTION}"
    return Failure(reason, message, Outlook.STALLED)


def _invalid(error: ClusterError, doing: str, namespace: str, said: str) -> Failure:
    """The failure for a request that cannot succeed as it is."""
    if found := _IMMUTABLE.search(error.message):
        delete = commands.DELETE_OBJECT.filled(namespace=namespace, kind=found["kind"].lower(), object=found["name"])
        message = f"Could not {doing}: {said} Delete it, and the operator creates it again: {delete}"
        return Failure(Reason.IMMUTABLE, message, Outlook.STALLED)
    message = f"The API server refused to {doing}: {said} Compare the field that it names with the spec."
    return Failure(Reason.INVALID, message, Outlook.STALLED)


def _passing(error: ClusterError, doing: str, said: str) -> Failure:
    """The failure when an object changed, was deleted or appeared meanwhile, or when the API server cannot say yet. It is read
    again."""
    reason, advice = {
        404: (Reason.NOT_FOUND, "Find out who deletes it."),
        409: (Reason.CONFLICT, "Find out who else changes it."),
    }.get(error.status, (Reason.CLUSTER_UNAVAILABLE, "Check the API server and its controllers."))
    message = f"Could not {doing}: {said} It is read again."
    overdue = f"For 5 minutes the operator could not {doing}: {said} {advice}"
    return Failure(reason, message, Outlook.WAITING, None, SETTLING, overdue)


def _said(error: ClusterError) -> str:
    """The API server's text, ended with a full stop."""
    text = " ".join(error.message.split()) or error.reason
    return text if text.endswith((".", "!", "?")) else f"{text}."


def token_refused(error: ClusterError, service_account: str, namespace: str) -> Failure:
    """Why the API server gave no token for a service account. The chart's values can withhold this right alone."""
    doing = f"create tokens for service account {service_account}"
    known = classify(error, doing, namespace)
    if known.reason is not Reason.FORBIDDEN:
        return known
    advice = (
        f"In the values of its Helm chart, set verification.enabled to true and add {namespace} to `namespaces`; or set "
        f"spec.verification to Disabled. The API server: {_said(error)}"
    )
    return replace(known, message=f"The operator may not {doing}. {advice}")


def _conflict(error: ClusterError) -> str:
    causes = "; ".join(error.causes) or error.message
    return f"{causes}. Another field manager owns this field. Remove it there; the operator does not overwrite it."


def annotation_conflict(error: ClusterError, change: ApplyServiceAccount, found: ClusterObject | None) -> Failure:
    """Another field manager set an annotation of a service account that the operator does not own. The message says which
    manager, to which value, and which value the operator needs."""
    managers = sorted({name for cause in error.causes for name in _MANAGER.findall(cause)})
    there = found.annotations if found else {}
    differing = [key for key, value in change.annotations.items() if there.get(key, value) != value]
    key = (differing or list(change.annotations))[0]
    message = (
        f"Service account {change.name} has annotation {key}: {there.get(key) or 'another value'}, set by field manager "
        f"{' and '.join(managers) or 'unknown'}. The operator needs {change.annotations[key]}. Remove or correct it there, for "
        "example in the values of the chart that creates the service account."
    )
    return Failure(Reason.FIELD_CONFLICT, message, Outlook.STALLED)
