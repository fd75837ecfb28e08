"""Service accounts, secrets and config maps: read by name, applied by a field manager, deleted only as they were seen."""

import base64
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from gitlab_azure_identity.api import (
    CONTENT_CHANGED_ANNOTATION,
    CONTENT_HASH_ANNOTATION,
    LAST_APPLIED_ANNOTATION,
)
from gitlab_azure_identity.clock import SYSTEM, Clock
from gitlab_azure_identity.domain.changes import ApplyObject, ApplyServiceAccount
from gitlab_azure_identity.domain.content import stamp
from gitlab_azure_identity.domain.naming import field_manager
from gitlab_azure_identity.domain.observed import ClusterObject
from gitlab_azure_identity.domain.ownership import Owner
from gitlab_azure_identity.kube.client import APPLY, MERGE, Cluster, ClusterError, Json

_PLURALS = {"ServiceAccount": "serviceaccounts", "Secret": "secrets", "ConfigMap": "configmaps"}


class Objects:
    """Reads and writes the objects of an owner, in its namespace. Every method raises ClusterError.

    With `rehearsing` each write is a dry run: the API server checks it as it would check the write, and changes nothing."""

    def __init__(self, cluster: Cluster, clock: Clock = SYSTEM, *, rehearsing: bool = False) -> None:
        self._cluster, self._clock = cluster, clock
        self._rehearsal = {"dryRun": "All"} if rehearsing else {}

    async def get(self, owner: Owner, kind: str, name: str) -> ClusterObject | None:
        """The object, or None when it does not exist."""
        found = await self._cluster.find(_path(owner.namespace, kind, name))
        return _object(owner, kind, found) if found else None

    async def version(self, namespace: str, kind: str, name: str) -> tuple[str, str] | None:
        """The uid and the resourceVersion of an object, or None when it does not exist. They may be seconds old."""
        found = await self._cluster.find_metadata(_path(namespace, kind, name))
        return (found["uid"], found["resourceVersion"]) if found else None

    async def apply_service_account(self, owner: Owner, change: ApplyServiceAccount) -> ClusterObject:
        """Apply a service account. On one that somebody else owns, apply only the annotations, and without force."""
        metadata: Json = {"annotations": {**change.annotations, **_created_by(owner, change)}}
        body: Json = {}
        if change.owned:
            metadata["labels"] = dict(change.labels)
            body["automountServiceAccountToken"] = False
        return await self._apply(
            owner, "ServiceAccount", change.name, body, metadata, uid=change.uid, force=change.owned
        )

    async def apply_object(self, owner: Owner, change: ApplyObject) -> ClusterObject:
        """Apply a secret or config map. A secret is applied by `data`: with `stringData` a removed key would stay."""
        data = dict(change.data)
        if change.kind == "Secret":
            data = {key: base64.b64encode(text.encode()).decode() for key, text in data.items()}
        annotations = {**_created_by(owner, change), **change.content}
        if change.changes_content:
            annotations[CONTENT_CHANGED_ANNOTATION] = stamp(self._clock.now())
        metadata: Json = {"labels": dict(change.labels), "annotations": annotations}
        if change.version:  # 409 when somebody has changed it since then (measured on 1.37)
            metadata["resourceVersion"] = change.version
        return await self._apply(owner, change.kind, change.name, {"data": data}, metadata, uid=change.uid, force=True)

    async def forget_applied(self, owner: Owner, found: ClusterObject) -> ClusterObject:
        """Remove the copy of an object that `kubectl apply` keeps in an annotation."""
        metadata = {
            "uid": found.uid,
            "resourceVersion": found.resource_version,
            "annotations": {LAST_APPLIED_ANNOTATION: None},
        }
        changed = await self._cluster.request(
            "PATCH",
            _path(owner.namespace, found.kind, found.name),
            {"metadata": metadata},
            query={"fieldManager": field_manager(owner.name), **self._rehearsal},
            content_type=MERGE,
        )
        return _object(owner, found.kind, changed)

    async def release(self, owner: Owner, found: ClusterObject) -> ClusterObject:
        """Remove our marks from an object. A service account loses every field of our field manager, the annotation too. A
        secret or config map loses only its owner's marks, since pods may still mount its data."""
        if found.kind == "ServiceAccount":
            return await self._apply(owner, found.kind, found.name, {}, {}, uid=found.uid, force=False)
        labels: dict[str, None] = dict.fromkeys(owner.labels)
        marks = (*owner.annotations, CONTENT_HASH_ANNOTATION, CONTENT_CHANGED_ANNOTATION)
        annotations: dict[str, None] = dict.fromkeys(marks)
        released = await self._cluster.request(
            "PATCH",
            _path(owner.namespace, found.kind, found.name),
            {"metadata": {"uid": found.uid, "labels": labels, "annotations": annotations}},
            query={"fieldManager": field_manager(owner.name), **self._rehearsal},
            content_type=MERGE,
        )
        return _object(owner, found.kind, released)

    async def delete(self, owner: Owner, found: ClusterObject) -> None:
        """Delete the object that was seen. The API server refuses it (409) for a changed object, or another of that name."""
        preconditions = {"uid": found.uid, "resourceVersion": found.resource_version}
        try:
            await self._cluster.request(
                "DELETE",
                _path(owner.namespace, found.kind, found.name),
                {"preconditions": preconditions},
                query=self._rehearsal,
            )
        except ClusterError as error:
            if not error.not_found:
                raise

    async def _apply(
        self, owner: Owner, kind: str, name: str, body: Json, metadata: Json, *, uid: str | None, force: bool
    ) -> ClusterObject:
        # With a uid the API server does not create an object that was deleted in the meantime (409; measured on 1.37).
        identity: Json = {"name": name, "namespace": owner.namespace} | ({"uid": uid} if uid else {})
        force_it = "true" if force and uid else "false"
        applied = await self._cluster.request(
            "PATCH",
            _path(owner.namespace, kind, name),
            {"apiVersion": "v1", "kind": kind, "metadata": identity | metadata} | body,
            query={"fieldManager": field_manager(owner.name), "force": force_it, **self._rehearsal},
            content_type=APPLY,
        )
        found = _object(owner, kind, applied)
        if uid is None and found.managers != {field_manager(owner.name)}:
            # It did not exist when it was read, and others have written to it: somebody created it in the meantime.
            await self.release(owner, found)
            raise ClusterError(409, "AlreadyExists", f"somebody else created {kind} {name} in the meantime")
        return found


def _created_by(owner: Owner, change: ApplyServiceAccount | ApplyObject) -> dict[str, str]:
    """The annotation beside the owner label, on an object that this owner creates."""
    return owner.annotations if change.labels else {}


def _path(namespace: str, kind: str, name: str) -> str:
    return f"/api/v1/namespaces/{namespace}/{_PLURALS[kind]}/{name}"


def _object(owner: Owner, kind: str, found: Json) -> ClusterObject:
    metadata = found["metadata"]
    managed = metadata.get("managedFields") or ()
    applied = [entry.get("fieldsV1") or {} for entry in managed if entry.get("manager") == field_manager(owner.name)]
    return ClusterObject(
        kind=kind,
        name=metadata["name"],
        uid=metadata["uid"],
        resource_version=metadata["resourceVersion"],
        labels=metadata.get("labels") or {},
        annotations=metadata.get("annotations") or {},
        data=_texts(kind, found.get("data") or {}),
        automount=found.get("automountServiceAccountToken"),
        managers=frozenset(entry.get("manager", "") for entry in managed),
        owners=tuple((one["kind"], one["name"]) for one in metadata.get("ownerReferences") or ()),
        applied_keys=frozenset(key.removeprefix("f:") for fields in applied for key in fields.get("f:data") or ())
        - {"."},
        created=datetime.fromisoformat(metadata["creationTimestamp"]) if "creationTimestamp" in metadata else None,
        immutable=found.get("immutable") is True,
    )


def _texts(kind: str, data: Mapping[str, Any]) -> dict[str, str]:
    """The texts by key. A value that is no text becomes one that differs from every wanted text."""
    if kind != "Secret":
        return dict(data)
    return {key: base64.b64decode(value).decode(errors="replace") for key, value in data.items()}
