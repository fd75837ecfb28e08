"""The effect of a change in Azure and the API server: the world after it, as they return it. It is written from their
documentation and from recorded traffic, and decides nothing."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import Enum

from gitlab_azure_identity.api import (
    CLIENT_ID_ANNOTATION,
    CONTENT_CHANGED_ANNOTATION,
    CONTENT_HASH_ANNOTATION,
    CREATED_BY_ANNOTATION,
    LAST_APPLIED_ANNOTATION,
    TENANT_ID_ANNOTATION,
)
from gitlab_azure_identity.domain.changes import (
    ApplyObject,
    ApplyServiceAccount,
    Change,
    DeleteAssignment,
    DeleteCredential,
    DeleteIdentity,
    DeleteObject,
    ForgetApplied,
    PutAssignment,
    PutCredential,
    PutIdentity,
    ReleaseObject,
)
from gitlab_azure_identity.domain.observed import Assignment, ClusterObject, Identity, Observed
from gitlab_azure_identity.domain.ownership import Owner

from .worlds import MANAGER

LIMIT = 20
NEW_PRINCIPAL = "aaaaaaaa-0000-4000-8000-00000000ffff"


def ordinal(text: str) -> str:
    """Each letter as its capital, as .NET's OrdinalIgnoreCase compares. Letters whose capital has two letters stay, as do the two
    letters whose capital is ASCII."""
    return "".join(letter if len(letter.upper()) > 1 or letter in "\u0131\u017f" else letter.upper() for letter in text)


def invariant(text: str) -> str:
    """As .NET's InvariantCultureIgnoreCase compares: `é` is one letter, whether it is written as one character or as two, and `ß`
    is `ss`. Azure's own code has dictionaries of this kind (azure-powershell, Collections/InsensitiveDictionary.cs)."""
    return unicodedata.normalize("NFC", ordinal(text).replace("ß", "SS").replace("ẞ", "SS"))


class Kept(Enum):
    """The key that Azure keeps of several that it takes for one."""

    FIRST = "first"
    LAST = "last"
    FORMER = "former"  # the new value, under the key as it was spelled before


@dataclass(frozen=True)
class Azure:
    """How Azure changes what it is given.

    The keys of tags: "Tag names are case-insensitive for operations. A tag with a tag name, regardless of the casing, is updated
    or retrieved. However, the resource provider might keep the casing you provide for the tag name. Tag values are
    case-sensitive." (Microsoft Learn, "Use tags to organize your Azure resources".) Of {"key": …, "KEY": …} it stores one pair
    (MicrosoftDocs/azure-docs#57888). No page says which one, or how it folds letters outside ASCII. Blanks around keys and values
    stay (kubernetes-sigs/cloud-provider-azure#8119)."""

    fold: Callable[[str], str] = invariant
    kept: Kept = Kept.LAST
    spell_group: Callable[[str], str] = str  # Azure returns a resource group's name as it was spelled at its creation

    def tags(self, sent: Mapping[str, str], before: Mapping[str, str]) -> dict[str, str]:
        spelled = {self.fold(key): key for key in before} if self.kept is Kept.FORMER else {}
        found: dict[str, tuple[str, str]] = {}
        for key, value in sent.items():
            folded = self.fold(key)
            if folded not in found or self.kept is not Kept.FIRST:
                found[folded] = (spelled.get(folded, key), value)
        return dict(reversed(found.values()))

    def arm_id(self, sent: str) -> str:
        """`resourcegroups` in lower case, whatever was sent (recorded traffic of real Azure)."""
        _, subscriptions, subscription, _, group, *rest = sent.split("/")
        return "/".join(["", subscriptions, subscription, "resourcegroups", self.spell_group(group), *rest])


USUAL = Azure()


class RefusedError(Exception):
    """Azure or the API server would refuse that."""


def after(  # noqa: C901, PLR0911 - one flat case a change
    change: Change, have: Observed, owner: Owner, azure: Azure = USUAL
) -> Observed:
    """The world after one change. A new entry comes first in its list, since Azure's lists have no order to rely on.

    Raises RefusedError for what Azure refuses: a 21st credential, a second one for the same issuer and subject, a second
    assignment of one role at one scope."""
    match change:
        case PutIdentity():
            return replace(have, identity=_identity(change, have.identity, azure))
        case PutCredential():
            return _with_credential(change, have)
        case PutAssignment():
            return _with_assignment(change, have)
        case ApplyServiceAccount():
            return have.with_object(_applied_account(change, have.objects.get(("ServiceAccount", change.name)), owner))
        case ApplyObject():
            found = have.objects.get((change.kind, change.name))
            blank = ClusterObject(change.kind, change.name, "uid-new", "1", {}, {})
            before = found or blank
            return have.with_object(
                replace(
                    before,
                    labels={**before.labels, **change.labels},
                    annotations={
                        **before.annotations,
                        **(owner.annotations if change.labels else {}),
                        **change.content,
                    },
                    data={k: v for k, v in before.data.items() if k not in before.applied_keys} | dict(change.data),
                    managers=before.managers | {MANAGER},
                    applied_keys=frozenset(change.data),
                )
            )
        case ForgetApplied():
            annotations = {k: v for k, v in change.found.annotations.items() if k != LAST_APPLIED_ANNOTATION}
            return have.with_object(replace(change.found, annotations=annotations))
        case DeleteAssignment():
            return have.without_assignment(change.assignment)
        case DeleteCredential():
            return have.without_credential(change.credential.name)
        case DeleteIdentity():
            return replace(have, identity=None, credentials=())
        case ReleaseObject():
            return have.with_object(_released(change.found, owner))
        case DeleteObject():
            return have.without_object(*change.found.key)


def _identity(change: PutIdentity, before: Identity | None, azure: Azure) -> Identity:
    if before is not None:
        return replace(before, tags=azure.tags(change.tags, before.tags))
    return Identity(
        azure.arm_id(str(change.identity.id)),
        change.identity.name,
        change.identity.location,
        azure.tags(change.tags, {}),
        "cccccccc-0000-4000-8000-00000000ffff",
        NEW_PRINCIPAL,
        "tenant",
    )


def _with_credential(change: PutCredential, have: Observed) -> Observed:
    put = change.credential
    others = [present for present in have.credentials if present.name != put.name]
    if len(others) >= LIMIT:
        raise RefusedError("a 21st credential")
    if any((other.issuer, other.subject) == (put.issuer, put.subject) for other in others):
        raise RefusedError("issuer and subject are taken")
    return replace(have, credentials=(put, *others))


def _with_assignment(change: PutAssignment, have: Observed) -> Observed:
    grant = change.grant
    same = (grant.role.guid, ordinal(str(grant.scope)), change.principal_id)
    for present in have.assignments:
        if (
            present.role_guid,
            ordinal(str(present.scope)),
            present.principal_id,
        ) == same and present.name != change.name:
            raise RefusedError("RoleAssignmentExists")
        if present.name == change.name and present.principal_id != change.principal_id:
            raise RefusedError("RoleAssignmentUpdateNotPermitted")
    made = Assignment(change.name, grant.role.guid, grant.scope, change.principal_id, change.description)
    others = have.without_assignment(made).assignments
    return replace(have, assignments=(made, *others))


def _applied_account(change: ApplyServiceAccount, found: ClusterObject | None, owner: Owner) -> ClusterObject:
    """Server-side apply: a field that our field manager owned and no longer applies is removed."""
    before = found or ClusterObject("ServiceAccount", change.name, "uid-new", "1", {}, {})
    labels = {key: value for key, value in before.labels.items() if (key, value) not in owner.labels.items()}
    return replace(
        before,
        labels={**labels, **change.labels},
        annotations={
            **{key: value for key, value in before.annotations.items() if key != CREATED_BY_ANNOTATION},
            **(owner.annotations if change.labels else {}),
            **change.annotations,
        },
        automount=False if change.owned else None,
        managers=before.managers | {MANAGER},
    )


def _released(found: ClusterObject, owner: Owner) -> ClusterObject:
    """Our marks are removed: the label, and the annotation of a service account. Fields of others stay, and so does the data of a
    secret."""
    return replace(
        found,
        labels={key: value for key, value in found.labels.items() if (key, value) not in owner.labels.items()},
        annotations={
            key: value
            for key, value in found.annotations.items()
            if key
            not in (
                CLIENT_ID_ANNOTATION,
                TENANT_ID_ANNOTATION,
                CREATED_BY_ANNOTATION,
                CONTENT_HASH_ANNOTATION,
                CONTENT_CHANGED_ANNOTATION,
            )
        },
        managers=found.managers - {MANAGER},
    )
