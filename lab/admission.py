"""The registration of the pod webhook with the API server, as in the chart of azure-workload-identity 1.6."""

import base64
from pathlib import Path
from typing import Any


def configuration(url: str, ca_file: Path) -> dict[str, Any]:
    """The MutatingWebhookConfiguration. Its failurePolicy is Fail: no labelled pod is created without its variables."""
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": "azure-wi-webhook-mutating-webhook-configuration"},
        "webhooks": [
            {
                "name": "mutation.azure-workload-identity.io",
                "admissionReviewVersions": ["v1", "v1beta1"],
                "sideEffects": "None",
                "failurePolicy": "Fail",
                "matchPolicy": "Equivalent",
                "reinvocationPolicy": "IfNeeded",
                "objectSelector": {"matchLabels": {"azure.workload.identity/use": "true"}},
                "rules": [
                    {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]},
                ],
                "clientConfig": {"url": url, "caBundle": base64.b64encode(ca_file.read_bytes()).decode()},
            }
        ],
    }
