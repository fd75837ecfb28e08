"""The resource as the operator handles it: what identifies it, its spec, and the status last written."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from gitlab_azure_identity.api import (
    ABANDON_ANNOTATION,
    FINALIZER,
    FLUX_REQUESTED_AT_ANNOTATION,
    REQUESTED_AT_ANNOTATION,
)
from gitlab_azure_identity.api.spec import Spec, StorageSpec
from gitlab_azure_identity.api.status import Status


@dataclass(frozen=True, order=True)
class Key:
    """Namespace and name: what one loop and one lock belong to."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


NO_SPEC = Spec(storage=StorageSpec(account_name="unreadable"))


@dataclass(frozen=True)
class Resource:
    """One GitLabAzureIdentity."""

    key: Key
    uid: str
    resource_version: str
    generation: int
    annotations: Mapping[str, str]
    finalizers: tuple[str, ...]
    deleting: bool
    spec: Spec
    status: Status
    invalid: str | None = None  # what does not fit the schema, as when an older CRD let it in; `spec` then says nothing

    @classmethod
    def parse(cls, body: Mapping[str, Any]) -> "Resource":
        """Read the object as the API server gives it. A status that does not fit counts as lost."""
        metadata = body["metadata"]
        invalid: str | None = None
        try:
            spec = Spec.model_validate(body.get("spec") or {})
        except ValidationError as error:
            spec, invalid = NO_SPEC, "; ".join(f"{'.'.join(map(str, f['loc']))}: {f['msg']}" for f in error.errors())
        try:
            status = Status.model_validate(body.get("status") or {})
        except ValidationError:
            status = Status()
        return cls(
            key=Key(metadata["namespace"], metadata["name"]),
            uid=metadata["uid"],
            resource_version=metadata["resourceVersion"],
            generation=metadata["generation"],
            annotations=dict(metadata.get("annotations") or {}),
            finalizers=tuple(metadata.get("finalizers") or ()),
            deleting=deleting(metadata),
            spec=spec,
            status=status,
            invalid=invalid,
        )

    def without_identity(self) -> "Resource":
        """The resource as if its status did not say which managed identity it has."""
        return replace(self, status=self.status.model_copy(update={"identity": None}))

    @property
    def held(self) -> bool:
        """Whether deletion is sure to pass by us, so that nothing made now can be left behind."""
        return FINALIZER in self.finalizers

    @property
    def requested_at(self) -> str | None:
        return requested_at(self.annotations)

    @property
    def abandoned(self) -> bool:
        return self.annotations.get(ABANDON_ANNOTATION) == "true"


def news(metadata: Mapping[str, Any]) -> tuple[object, ...]:
    """What about an object calls for a look when it changes: who it is, its generation, and a request by annotation. Its
    status, its finalizers and its other annotations do not."""
    annotations = metadata.get("annotations") or {}
    requests = (REQUESTED_AT_ANNOTATION, FLUX_REQUESTED_AT_ANNOTATION, ABANDON_ANNOTATION)
    return (metadata["uid"], metadata["generation"], *(annotations.get(name) for name in requests))


def deleting(metadata: Mapping[str, Any]) -> bool:
    """Whether an object is being deleted: it stays until the last finalizer is off."""
    return "deletionTimestamp" in metadata


def let_go(metadata: Mapping[str, Any]) -> bool:
    """Whether an object is being deleted, and no longer held by us."""
    return deleting(metadata) and FINALIZER not in (metadata.get("finalizers") or ())


def requested_at(annotations: Mapping[str, str]) -> str | None:
    """What somebody asked for with our annotation or with Flux's; with both, one value that changes with either."""
    values = [
        annotations[name] for name in (REQUESTED_AT_ANNOTATION, FLUX_REQUESTED_AT_ANNOTATION) if name in annotations
    ]
    return " ".join(values) or None
