"""The environment of a pod, as the kubelet would set it."""

from pathlib import Path
from typing import Any

import pytest

from lab.errors import LabError
from lab.pods import environment

MOUNT = "/var/run/secrets/azure/wi/token"


def pod(audience: str = "api://AzureADTokenExchange", seconds: int = 7200) -> dict[str, Any]:
    """A pod as the webhook of azure-workload-identity 1.6 changes it."""
    token = {"audience": audience, "expirationSeconds": seconds, "path": "azure-identity-token"}
    return {
        "metadata": {"namespace": "gitlab", "name": "toolbox"},
        "spec": {
            "containers": [
                {"name": "plain"},
                {
                    "name": "toolbox",
                    "env": [
                        {"name": "AZURE_CLIENT_ID", "value": "client"},
                        {"name": "AZURE_FEDERATED_TOKEN_FILE", "value": f"{MOUNT}/azure-identity-token"},
                        {"name": "OTHER", "value": "not ours"},
                    ],
                    "volumeMounts": [{"name": "own", "mountPath": "/own"}, {"name": "azure", "mountPath": MOUNT}],
                },
            ],
            "volumes": [
                {"name": "own", "emptyDir": {}},
                {"name": "azure", "projected": {"sources": [{"configMap": {}}, {"serviceAccountToken": token}]}},
            ],
        },
    }


def test_the_token_is_requested_as_the_volume_says_and_written_to_a_real_file(tmp_path: Path) -> None:
    variables = environment(pod(), tmp_path, lambda audience, seconds: f"token for {audience} for {seconds}")

    file = tmp_path / "azure-identity-token"
    assert variables == {"AZURE_CLIENT_ID": "client", "AZURE_FEDERATED_TOKEN_FILE": str(file)}
    assert file.read_text() == "token for api://AzureADTokenExchange for 7200"


def test_a_pod_that_the_webhook_left_alone_is_reported_with_the_label_it_lacks(tmp_path: Path) -> None:
    plain = pod()
    plain["spec"]["containers"][1]["env"] = []
    with pytest.raises(LabError, match=r'Pod gitlab/toolbox has no .* azure.workload.identity/use: "true"'):
        environment(plain, tmp_path, lambda _audience, _seconds: "")


def test_a_token_file_that_no_volume_projects_is_reported(tmp_path: Path) -> None:
    unmounted = pod()
    unmounted["spec"]["volumes"] = [{"name": "azure", "emptyDir": {}}]
    with pytest.raises(LabError, match="no projected token"):
        environment(unmounted, tmp_path, lambda _audience, _seconds: "")
