"""Who else writes a secret, by the marks that each tool leaves on it."""

from __future__ import annotations

from typing import Any

import pytest

from gitlab_azure_identity.domain.observed import ClusterObject
from gitlab_azure_identity.domain.writers import Writer, other_writer

ESO = "reconcile.external-secrets.io"
CASES: dict[str, tuple[dict[str, Any], Writer | None]] = {
    "an ExternalSecret owns it": (
        {"owners": (("ExternalSecret", "storage"),), "labels": {f"{ESO}/managed": "true"}},
        Writer("ExternalSecret storage", "in ExternalSecret storage"),
    ),
    "an ExternalSecret merges into it": (
        {
            "annotations": {f"{ESO}/data-hash": "x"},
            "managers": frozenset({"externalsecrets.external-secrets.io/storage"}),
        },
        Writer("External Secrets Operator", "in ExternalSecret storage"),
    ),
    "an ExternalSecret that is not named": (
        {"labels": {f"{ESO}/managed": "true"}},
        Writer("External Secrets Operator", "in its ExternalSecret"),
    ),
    "a SealedSecret": (
        {"owners": (("SealedSecret", "storage"),)},
        Writer("SealedSecret storage", "in SealedSecret storage"),
    ),
    "the Secrets Store CSI driver, which AKS has as an add-on": (
        {
            "owners": (("ReplicaSet", "gitlab-webservice-default-7d4b9c6f5"),),
            "labels": {"secrets-store.csi.k8s.io/managed": "true"},
        },
        Writer("the Secrets Store CSI driver", "in the key vault that its SecretProviderClass names"),
    ),
    "another operator": (
        {"owners": (("VaultStaticSecret", "v"),)},
        Writer("VaultStaticSecret v", "in VaultStaticSecret v"),
    ),
    "a Flux Kustomization": (
        {
            "labels": {
                "kustomize.toolkit.fluxcd.io/name": "apps",
                "kustomize.toolkit.fluxcd.io/namespace": "flux-system",
            }
        },
        Writer("Flux, by Kustomization apps", "in the source of Kustomization apps"),
    ),
    "a Flux HelmRelease": (
        {"labels": {"helm.toolkit.fluxcd.io/name": "gitlab"}, "annotations": {"meta.helm.sh/release-name": "gitlab"}},
        Writer("Flux, by HelmRelease gitlab", "in the source of HelmRelease gitlab"),
    ),
    "Flux, whose labels were removed": (
        {"managers": frozenset({"kustomize-controller"})},
        Writer("Flux", "in its source"),
    ),
    "Argo CD by annotation": (
        {"annotations": {"argocd.argoproj.io/tracking-id": "gitlab:/Secret:gitlab/storage"}},
        Writer("Argo CD, for application gitlab", "in the application's source"),
    ),
    "Argo CD by its own label": (
        {"labels": {"argocd.argoproj.io/instance": "gitlab"}},
        Writer("Argo CD, for application gitlab", "in the application's source"),
    ),
    "Argo CD by the common label, when it wrote it": (
        {"labels": {"app.kubernetes.io/instance": "gitlab"}, "managers": frozenset({"argocd-controller"})},
        Writer("Argo CD, for application gitlab", "in the application's source"),
    ),
    "Argo CD without a label": (
        {"managers": frozenset({"argocd-controller"})},
        Writer("Argo CD", "in the application's source"),
    ),
    "a Helm release": (
        {"annotations": {"meta.helm.sh/release-name": "secrets"}},
        Writer("Helm, by release secrets", "in the chart of release secrets"),
    ),
    "the common label alone": ({"labels": {"app.kubernetes.io/instance": "gitlab"}}, None),
    "a person, by kubectl": (
        {"managers": frozenset({"kubectl-client-side-apply"}), "annotations": {"gitlabazure.io/adopt-by": "gitlab"}},
        None,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_tool_that_writes_a_secret(name: str) -> None:
    marks, writer = CASES[name]

    assert (
        other_writer(ClusterObject("Secret", "storage", "uid", "1", **{"labels": {}, "annotations": {}} | marks))
        == writer
    )
