"""Ownership in Azure and in the cluster: the marks that the operator sets, and how it reads them."""

from collections.abc import Mapping
from dataclasses import dataclass

from gitlab_azure_identity.api import ADOPT_ANNOTATION, CREATED_BY_ANNOTATION, OWNER_LABEL

CLUSTER_TAG = "gitlabazure-cluster"
NAMESPACE_TAG = "gitlabazure-namespace"
RESOURCE_TAG = "gitlabazure-resource"
OWNER_TAGS = (CLUSTER_TAG, NAMESPACE_TAG, RESOURCE_TAG)


@dataclass(frozen=True)
class Owner:
    """One resource of one cluster. It has no uid: a resource that is created again under its name finds its own objects."""

    cluster: str
    namespace: str
    name: str

    @property
    def tags(self) -> dict[str, str]:
        """Tags of a managed identity that this owner created."""
        return {CLUSTER_TAG: self.cluster, NAMESPACE_TAG: self.namespace, RESOURCE_TAG: self.name}

    def owns_identity(self, tags: Mapping[str, str]) -> bool:
        return all(tags.get(key) == value for key, value in self.tags.items())

    @property
    def description(self) -> str:
        """Description of a role assignment that this owner created: role assignments have no tags."""
        return f"gitlabazure.io/owner={self.cluster}/{self.namespace}/{self.name}"

    @property
    def labels(self) -> dict[str, str]:
        """Labels of an object in the cluster that this owner creates."""
        return {OWNER_LABEL: self.name}

    @property
    def annotations(self) -> dict[str, str]:
        """Annotations of an object in the cluster that this owner creates. They still say so when the label is removed."""
        return {CREATED_BY_ANNOTATION: self.name}

    def labelled(self, labels: Mapping[str, str]) -> bool:
        return labels.get(OWNER_LABEL) == self.name

    def created(self, labels: Mapping[str, str], annotations: Mapping[str, str]) -> bool:
        """Whether this owner created an object in the cluster: by its label, or else by its annotation."""
        creator = labels.get(OWNER_LABEL) or annotations.get(CREATED_BY_ANNOTATION)
        return creator == self.name


def handed_to(annotations: Mapping[str, str]) -> str | None:
    """The resource that the object was handed over to, by somebody who may edit it, or None."""
    return annotations.get(ADOPT_ANNOTATION)


def claimed(tags: Mapping[str, str]) -> str | None:
    """The resource that a managed identity was created for, as `cluster/namespace/name`. None when no operator created it."""
    if CLUSTER_TAG not in tags:
        return None
    return "/".join(tags.get(tag, "?") for tag in OWNER_TAGS)
