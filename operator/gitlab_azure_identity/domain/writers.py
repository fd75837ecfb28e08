"""Who else writes an object: tools that put back what somebody changes in it."""

from collections.abc import Iterator
from dataclasses import dataclass

from gitlab_azure_identity.domain.observed import ClusterObject

HELM_RELEASE = "meta.helm.sh/release-name"


@dataclass(frozen=True)
class Writer:
    """A tool that writes an object again and again. `place` is where a person changes what it writes."""

    who: str
    place: str


def other_writer(found: ClusterObject) -> Writer | None:
    """The tool that writes an object from elsewhere, or None when nobody is known to."""
    return next(_writers(found), None)


def _writers(found: ClusterObject) -> Iterator[Writer]:
    # The driver makes the ReplicaSet of the pod that mounts it the owner, where nobody can change anything
    # (secrets-store-csi-driver, controllers/secretproviderclasspodstatus_controller.go).
    if found.labels.get("secrets-store.csi.k8s.io/managed") == "true":
        yield Writer("the Secrets Store CSI driver", "in the key vault that its SecretProviderClass names")
    # An owner reference stands before a label: it names the object. External Secrets Operator, Sealed Secrets, and whatever else
    # creates secrets for an object of its own.
    for kind, name in found.owners:
        yield Writer(f"{kind} {name}", f"in {kind} {name}")
    labels, annotations = found.labels, found.annotations
    # external-secrets, apis/externalsecrets/v1/externalsecret_types.go; its field manager: externalsecret_controller.go.
    manager = next((one for one in found.managers if one.startswith("externalsecrets.external-secrets.io/")), None)
    if manager or any(key.startswith("reconcile.external-secrets.io/") for key in (*labels, *annotations)):
        place = f"in ExternalSecret {manager.rpartition('/')[2]}" if manager else "in its ExternalSecret"
        yield Writer("External Secrets Operator", place)
    # Flux: docs/spec of kustomize-controller and helm-controller.
    for group, kind in (("kustomize", "Kustomization"), ("helm", "HelmRelease")):
        if origin := labels.get(f"{group}.toolkit.fluxcd.io/name"):
            yield Writer(f"Flux, by {kind} {origin}", f"in the source of {kind} {origin}")
    if found.managers & {"kustomize-controller", "helm-controller"}:
        yield Writer("Flux", "in its source")
    # Argo CD: docs/user-guide/resource_tracking.md; its field manager: common/common.go. Many charts set the label
    # app.kubernetes.io/instance, so that alone says nothing.
    argo = annotations.get("argocd.argoproj.io/tracking-id") or labels.get("argocd.argoproj.io/instance")
    if argo or "argocd-controller" in found.managers:
        application = (argo or labels.get("app.kubernetes.io/instance", "")).partition(":")[0]
        yield Writer(
            f"Argo CD, for application {application}" if application else "Argo CD", "in the application's source"
        )
    if release := annotations.get(HELM_RELEASE):
        yield Writer(f"Helm, by release {release}", f"in the chart of release {release}")
