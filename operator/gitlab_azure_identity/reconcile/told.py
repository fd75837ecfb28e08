"""What refused requests mean, in words for whoever made them: the operator tells of itself, and a command of the person."""

from collections.abc import Callable
from dataclasses import dataclass

from gitlab_azure_identity.azure.errors import AzureError, Operation, classify
from gitlab_azure_identity.domain.findings import Failure
from gitlab_azure_identity.kube import errors as kube_errors
from gitlab_azure_identity.kube.client import ClusterError


@dataclass(frozen=True)
class Told:
    """The failures for a refusal by Azure, and for those by the API server: of what was to be done, in which namespace; and of a
    token for which service account, in which namespace."""

    azure: Callable[[AzureError, Operation], Failure]
    cluster: Callable[[ClusterError, str, str], Failure]
    token: Callable[[ClusterError, str, str], Failure]


OPERATOR = Told(classify, kube_errors.classify, kube_errors.token_refused)
