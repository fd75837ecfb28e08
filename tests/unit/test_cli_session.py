"""What the API server refuses a person, in their words: what is broken, and the next step."""

from __future__ import annotations

import pytest

from gitlab_azure_identity.cli.session import of_cluster
from gitlab_azure_identity.kube.client import ClusterError

SERVER = "the cluster of context prod"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        pytest.param(
            ClusterError(0, "ClientConnectorError", "Connection refused"),
            "The cluster of context prod does not answer: Connection refused. Check the network, and that the cluster runs.",
            id="no cluster",
        ),
        pytest.param(
            ClusterError(401, "Unauthorized", "Unauthorized"),
            "The cluster of context prod does not accept your login: Unauthorized. Log in to the cluster again.",
            id="an expired login",
        ),
        pytest.param(
            ClusterError(403, "Forbidden", 'User "x" cannot list resource.'),
            'You may not read a/b: User "x" cannot list resource. Ask for that right in the cluster of context prod.',
            id="no rights",
        ),
        pytest.param(
            ClusterError(403, "Forbidden", 'User "system:anonymous" cannot list resource.'),
            "The cluster of context prod does not know you, since the kubeconfig has no login for it: "
            'User "system:anonymous" cannot list resource. Log in to the cluster again.',
            id="no login",
        ),
        pytest.param(
            ClusterError(404, "Unknown", "404 page not found"),
            "The cluster of context prod does not know GitLabAzureIdentity. Check the context, or install the operator's "
            "chart: README.md.",
            id="no CRD",
        ),
        pytest.param(
            ClusterError(404, "NotFound", 'pods "gai-doctor-x" not found'),
            'Could not read a/b in the cluster of context prod: pods "gai-doctor-x" not found.',
            id="an object that is gone",
        ),
        pytest.param(
            ClusterError(404, "NotFound", "the server could not find the requested resource"),
            "The cluster of context prod does not know GitLabAzureIdentity. Check the context, or install the operator's "
            "chart: README.md.",
            id="another version of the CRD",
        ),
        pytest.param(
            ClusterError(500, "InternalError", "etcd is\naway"),
            "Could not read a/b in the cluster of context prod: etcd is away.",
            id="a failing API server",
        ),
    ],
)  # fmt: skip
def test_a_refusal_names_what_is_broken_and_the_next_step(error: ClusterError, said: str) -> None:
    told = of_cluster(error, "read a/b", SERVER)

    assert told.message == said
    assert told.exit_code == 2
