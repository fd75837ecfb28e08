"""What Azure and the API server refuse a person who only looks, in words for that person."""

from gitlab_azure_identity.api.reasons import Reason
from gitlab_azure_identity.azure.errors import AzureError, Operation, classify, sanitize
from gitlab_azure_identity.cli.session import of_cluster
from gitlab_azure_identity.domain.findings import Failure, Outlook
from gitlab_azure_identity.kube import errors as kube_errors
from gitlab_azure_identity.kube.client import ClusterError
from gitlab_azure_identity.reconcile.told import Told

RIGHT = "Ask for the role Reader there."
# Reasons that are about the caller of a request, who is another one here, and not about the object.
OF_THE_CALLER = {
    Reason.AUTHORIZATION_FAILED,
    Reason.AUTHENTICATION_FAILED,
    Reason.DENY_ASSIGNMENT,
    Reason.WRONG_TENANT,
    Reason.THROTTLED,
    Reason.AZURE_UNAVAILABLE,
    Reason.REFUSED_BY_AZURE,
    Reason.INVALID_AZURE_REQUEST,
    Reason.FORBIDDEN,
    Reason.CLUSTER_UNAVAILABLE,
}


def about_the_caller(failure: Failure) -> bool:
    """Whether a failure only says that this person could not look. Otherwise it is what they saw."""
    return failure.reason in OF_THE_CALLER


def told(server: str) -> Told:
    """The words for a person's refused requests. `server` is what messages call the cluster."""

    def azure(error: AzureError, operation: Operation) -> Failure:
        known = classify(error, operation)
        if error.login:
            text = f"You are not logged in to Azure: {sanitize(error.detail)} Log in: az login"
            return Failure(Reason.AUTHENTICATION_FAILED, text, Outlook.STALLED)
        if not about_the_caller(known):
            return known
        said = sanitize(error.detail)
        match known.reason:
            case Reason.AUTHORIZATION_FAILED:
                text = f"You may not {operation.doing}. {RIGHT} Azure: {said}"
            case Reason.AUTHENTICATION_FAILED:
                text = f"Azure did not accept your login: {said} Log in again: az login"
            case Reason.WRONG_TENANT:
                text = (
                    f"You are logged in to another tenant than that of the subscription: {said} Log in to it: az login"
                )
            case Reason.AZURE_UNAVAILABLE if error.status == 0:
                text = f"Azure could not be reached to {operation.doing}: {said} Check the network."
            case _:
                text = f"Azure did not let you {operation.doing}: {said}"
        return Failure(known.reason, text, known.outlook, known.retry_after)

    def cluster(error: ClusterError, doing: str, namespace: str) -> Failure:
        known = kube_errors.classify(error, doing, namespace)
        text = of_cluster(error, doing, server).message
        return Failure(known.reason, text, known.outlook) if about_the_caller(known) else known

    def token(error: ClusterError, service_account: str, namespace: str) -> Failure:
        return cluster(error, f"create tokens for service account {service_account}", namespace)

    return Told(azure, cluster, token)
