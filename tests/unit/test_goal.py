"""Whose a thing is, and who may use it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gitlab_azure_identity.api import ADOPT_ANNOTATION, CREATED_BY_ANNOTATION, OWNER_LABEL
from gitlab_azure_identity.domain import naming
from gitlab_azure_identity.domain.desired import Credential
from gitlab_azure_identity.domain.observed import ClusterObject

from .worlds import ISSUER, MANAGER, goal, identity, standing, wanted

WANT = wanted()
HAVE = standing()
AUDIENCE = "api://AzureADTokenExchange"
ELSEWHERE = "https://elsewhere.example.com/"
FORMER = "https://former.example.com/"
OWN = "system:serviceaccount:gitlab:gitlab"


@pytest.mark.parametrize(
    ("issuer", "subject", "shared_with", "strange"),
    [
        (ISSUER, OWN, (), False),
        (FORMER, OWN, (), False),
        (ISSUER, "system:serviceaccount:evil:gitlab", (), True),
        (ISSUER, "system:serviceaccount:gitlab-2:gitlab", (), True),
        # the same namespace of another cluster is somebody else's
        (ELSEWHERE, OWN, (), True),
        ("https://token.actions.githubusercontent.com", "repo:org/app:ref:refs/heads/main", (), True),
        # the policy knows of them
        (ISSUER, "system:serviceaccount:runners:gitlab", ("runners",), False),
        (ISSUER, "system:serviceaccount:ci-7:gitlab", ("runners", "ci-*"), False),
        (ISSUER, "system:serviceaccount:evil:gitlab", ("runners",), True),
        (ELSEWHERE, OWN, ("gitlab",), False),
        ("https://token.actions.githubusercontent.com", "repo:org/app:ref:refs/heads/main", ("repo:org/app:*",), False),
    ],
)
def test_whom_an_adopted_identity_may_trust(
    issuer: str, subject: str, shared_with: tuple[str, ...], strange: bool
) -> None:
    to = replace(goal(may_adopt=True), shared_with=shared_with, former_issuers=(FORMER,))
    theirs = Credential("theirs", issuer, subject, AUDIENCE)
    have = replace(HAVE, identity=identity(tags={}), credentials=(theirs,))

    assert to.strangers(have) == ((theirs,) if strange else ())
    assert to.may_use(have) is not strange
    # our own identity is created for this resource alone: whoever adds a credential to it has rights in Azure himself
    assert to.may_use(replace(have, identity=identity()))


def test_an_adopted_identity_is_not_used_while_nobody_knows_whom_it_trusts() -> None:
    have = replace(HAVE, identity=identity(tags={}), credentials=())

    assert goal(may_adopt=True).may_use(have)
    assert not goal(may_adopt=True).may_use(replace(have, credentials_seen=False))


PREFIX_ELSEWHERE = naming.credential_prefix(ELSEWHERE, "gitlab", "gitlab")


@pytest.mark.parametrize(
    ("theirs", "twin"),
    [
        (Credential("by-hand", ELSEWHERE, OWN, AUDIENCE), True),
        (Credential(f"{PREFIX_ELSEWHERE}web", ELSEWHERE, "system:serviceaccount:gitlab:web", AUDIENCE), True),
        (Credential("by-hand", ELSEWHERE, "system:serviceaccount:gitlab:web", AUDIENCE), False),
        (Credential("by-hand", ISSUER, OWN, "api://other"), False),
        (Credential("by-hand", FORMER, OWN, AUDIENCE), False),
        (Credential("by-hand", "https://issuer.example.com/", "anybody", AUDIENCE), False),
    ],
)
def test_a_credential_tells_of_another_cluster_of_the_same_name(theirs: Credential, twin: bool) -> None:
    to = replace(goal(), former_issuers=(FORMER,))
    have = replace(HAVE, credentials=(*WANT.credentials, theirs))

    assert to.of_another_cluster(have) == (theirs if twin else None)
    assert to.of_another_cluster(replace(have, identity=identity(tags={}))) is None


def secret(labels: dict[str, str], annotations: dict[str, str], *managers: str) -> ClusterObject:
    return ClusterObject("Secret", "s", "uid", "1", labels, annotations, managers=frozenset(managers))


@pytest.mark.parametrize(
    ("found", "created", "ours", "may_write", "unlabelled"),
    [
        (secret({OWNER_LABEL: "gitlab"}, {CREATED_BY_ANNOTATION: "gitlab"}, MANAGER), True, True, True, False),
        # created before the annotation was known
        (secret({OWNER_LABEL: "gitlab"}, {}, MANAGER), True, True, True, False),
        # the label was taken off: the annotation says that we created it, and the field manager that we really did
        (secret({}, {CREATED_BY_ANNOTATION: "gitlab"}, MANAGER, "kubectl-label"), True, True, True, True),
        (secret({}, {CREATED_BY_ANNOTATION: "gitlab"}, "kubectl-edit"), False, False, False, False),
        # a label says more than an annotation
        (secret({OWNER_LABEL: "other"}, {CREATED_BY_ANNOTATION: "gitlab"}, MANAGER), False, False, False, False),
        # adopted, and then no longer: it never was ours
        (secret({}, {}, MANAGER, "kubectl-create"), False, False, False, False),
        (secret({}, {ADOPT_ANNOTATION: "gitlab"}, MANAGER, "kubectl-create"), False, False, True, False),
        # handed over to another
        (secret({OWNER_LABEL: "gitlab"}, {ADOPT_ANNOTATION: "other"}, MANAGER), True, False, False, False),
    ],
)
def test_whose_an_object_is(found: ClusterObject, created: bool, ours: bool, may_write: bool, unlabelled: bool) -> None:
    to = goal()

    assert to.created(found) is created
    assert to.owns_object(found) is ours
    assert to.may_write(found) is may_write
    assert to.unlabelled(found) is unlabelled
