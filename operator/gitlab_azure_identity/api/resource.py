"""The resource as the operator reads it: its metadata, its spec, and the status last written."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic import TypeAdapter, ValidationError

from gitlab_azure_identity.api import (
    ABANDON_ANNOTATION,
    FINALIZER,
    FLUX_REQUESTED_AT_ANNOTATION,
    REQUESTED_AT_ANNOTATION,
)
from gitlab_azure_identity.api.spec import (
    DeletionPolicy,
    IdentitySpec,
    Management,
    RoleAssignmentsSpec,
    Spec,
    StorageSpec,
)
from gitlab_azure_identity.api.status import Status


@dataclass(frozen=True, order=True)
class Key:
    """Namespace and name of a resource. A lock for each key keeps its passes and deletions apart."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


NO_ACCOUNT = "unreadable"  # in place of a storage account's name that cannot be read; no request is made for it
CAUTIOUS = {"deletion_policy": DeletionPolicy.RETAIN, "suspend": True}
MANAGED: dict[str, type[IdentitySpec | RoleAssignmentsSpec]] = {
    "identity": IdentitySpec,
    "role_assignments": RoleAssignmentsSpec,
}


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
    spec: Spec | None  # None when a field does not fit the schema: a former CRD may have admitted it
    legible: Spec  # what can be read of the spec: for the levers, and for a deletion
    status: Status
    unreadable: str = ""  # the fields that do not fit, and why

    @classmethod
    def parse(cls, body: Mapping[str, Any]) -> "Resource":
        """Read the object as the API server gives it. A status that does not fit counts as lost."""
        metadata = body["metadata"]
        given = body.get("spec") or {}
        spec: Spec | None = None
        unreadable = ""
        try:
            spec = legible = Spec.model_validate_json(json.dumps(given), strict=True)
        except ValidationError as error:
            legible = _legible(given)
            unreadable = "; ".join(f"spec.{'.'.join(map(str, f['loc']))}: {f['msg']}" for f in error.errors())
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
            legible=legible,
            status=status,
            unreadable=unreadable,
        )

    def without_identity(self) -> "Resource":
        """The resource, without the managed identity in its status."""
        return replace(self, status=self.status.model_copy(update={"identity": None}))

    @property
    def has_finalizer(self) -> bool:
        """Whether the resource has our finalizer. Without it, its deletion would leave behind what is created now."""
        return FINALIZER in self.finalizers

    @property
    def requested_at(self) -> str | None:
        return requested_at(self.annotations)

    @property
    def abandoned(self) -> bool:
        return self.annotations.get(ABANDON_ANNOTATION) == "true"


def _legible(given: Any) -> Spec:
    """The fields of a spec that can be read, and defaults for the others. A lever that cannot be read gets the value that
    removes nothing."""
    fields: dict[str, Any] = {"storage": StorageSpec(account_name=NO_ACCOUNT)}
    for name, field in Spec.model_fields.items():
        key = field.alias or name
        if isinstance(given, dict) and key in given:
            try:
                fields[name] = TypeAdapter[Any](field.annotation or Any).validate_python(given[key])
            except ValidationError:
                if name in CAUTIOUS:
                    fields[name] = CAUTIOUS[name]
                if name in MANAGED:
                    fields[name] = MANAGED[name](management=_management(given[key]))
    return Spec(**fields)


def _management(given: Any) -> Management:
    """The management of a part that cannot be read otherwise: Manage only where it says so, or says nothing."""
    chosen = given.get("management", Management.MANAGE) if isinstance(given, dict) else Management.OBSERVE
    return Management.MANAGE if chosen == Management.MANAGE else Management.OBSERVE


def news(metadata: Mapping[str, Any]) -> tuple[object, ...]:
    """The parts of an object whose change starts a pass: its uid, its generation, and requests by annotation. A change of its
    status, its finalizers or its other annotations starts none."""
    annotations = metadata.get("annotations") or {}
    requests = (REQUESTED_AT_ANNOTATION, FLUX_REQUESTED_AT_ANNOTATION, ABANDON_ANNOTATION)
    return (metadata["uid"], metadata["generation"], *(annotations.get(name) for name in requests))


def deleting(metadata: Mapping[str, Any]) -> bool:
    """Whether an object is being deleted. It exists until its last finalizer is removed."""
    return "deletionTimestamp" in metadata


def let_go(metadata: Mapping[str, Any]) -> bool:
    """Whether an object is being deleted and no longer has our finalizer."""
    return deleting(metadata) and FINALIZER not in (metadata.get("finalizers") or ())


def requested_at(annotations: Mapping[str, str]) -> str | None:
    """The value of our annotation or of Flux's. With both, it is one value that changes with either."""
    values = [
        annotations[name] for name in (REQUESTED_AT_ANNOTATION, FLUX_REQUESTED_AT_ANNOTATION) if name in annotations
    ]
    return " ".join(values) or None
