"""The API server's errors, classified: the reason, what comes next, and a message for a person."""

import re
from dataclasses import replace

from gitlab_azure_identity.api.reasons import Reason
from gitlab_azure_identity.domain.changes import ApplyServiceAccount
from gitlab_azure_identity.domain.findings import Failure, Outlook
from gitlab_azure_identity.domain.observed import ClusterObject
from gitlab_azure_identity.kube.client import ClusterError

_MANAGER = re.compile(r'conflict with "([^"]+)"')


def classify(error: ClusterError, doing: str, namespace: str) -> Failure:
    """What an error means for a person. `doing` completes the sentence `The operator may not …`."""
    match error.status:
        case 409 if error.field_conflict:
            return Failure(Reason.FIELD_CONFLICT, f"Could not {doing}: {_conflict(error)}", Outlook.STALLED)
        case 409:
            return Failure(
                Reason.PROGRESSING, f"Could not {doing}: it changed in the meantime; it is read again.", Outlook.WAITING
            )
        case 403 if error.terminating:
            return Failure(Reason.NAMESPACE_TERMINATING, f"Namespace {namespace} is being deleted.", Outlook.STALLED)
        case 403 | 422 if "ValidatingAdmissionPolicy" in error.message or "admission webhook" in error.message:
            return Failure(Reason.ADMISSION_REFUSED, f"Could not {doing}: {error.message}", Outlook.STALLED)
        case 403:
            message = (
                f"The operator may not {doing}. Add {namespace} to `namespaces` in the values of its Helm chart, "
                "and upgrade the chart."
            )
            return Failure(Reason.FORBIDDEN, message, Outlook.STALLED)
        case 404:
            return Failure(Reason.NOT_FOUND, f"Could not {doing}: {error.message}.", Outlook.STALLED)
        case 400 | 422:
            return Failure(Reason.INVALID, f"The API server refused to {doing}: {error.message}", Outlook.STALLED)
    text = f"The API server could not {doing} just now: {error.message}. It is tried again."
    return Failure(Reason.CLUSTER_UNAVAILABLE, text, Outlook.TRANSIENT)


def token_refused(error: ClusterError, service_account: str, namespace: str) -> Failure:
    """Why the API server gave no token for a service account. The chart's values can withhold this right alone."""
    doing = f"create tokens for service account {service_account}"
    known = classify(error, doing, namespace)
    if known.reason is not Reason.FORBIDDEN:
        return known
    advice = (
        f"In the values of its Helm chart, set verification.enabled to true and add {namespace} to `namespaces`; or set "
        "spec.verification to Disabled."
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
