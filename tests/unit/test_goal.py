"""Who owns an object, and who may use it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gitlab_azure_identity.api import ADOPT_ANNOTATION, CREATED_BY_ANNOTATION, OWNER_LABEL
from gitlab_azure_identity.api.conditions import Link
from gitlab_azure_identity.api.reasons import Reason
from gitlab_azure_identity.api.resource import Resource
from gitlab_azure_identity.domain import naming
from gitlab_azure_identity.domain.arm_ids import IdentityId
from gitlab_azure_identity.domain.clouds import CLOUDS
from gitlab_azure_identity.domain.desired import Credential, Defaults
from gitlab_azure_identity.domain.findings import CannotProceed, Outlook
from gitlab_azure_identity.domain.goal import Mode, Terms, finalize_goal, reconcile_goal
from gitlab_azure_identity.domain.observed import ClusterObject
from gitlab_azure_identity.domain.policy import PolicyRule

from .worlds import DEFAULTS, GROUP, ISSUER, MANAGER, STORAGE, goal, identity, resource, standing, wanted

WANT = wanted()
HAVE = standing()
AUDIENCE = "api://AzureADTokenExchange"
ELSEWHERE = "https://elsewhere.example.com/"
FORMER = "https://former.example.com/"
OWN = "system:serviceaccount:gitlab:gitlab"
GUID = "99999999-0000-4000-8000-000000000001"


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
        # the policy names them
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
    # our own identity is created for this resource alone: somebody who adds a credential to it has rights in Azure already
    assert to.may_use(replace(have, identity=identity()))


def test_an_adopted_identity_is_not_used_while_it_is_unknown_whom_it_trusts() -> None:
    have = replace(HAVE, identity=identity(tags={}), credentials=())

    assert goal(may_adopt=True).may_use(have)
    assert goal(may_adopt=True).strangers(replace(have, identity=None)) == ()
    assert not goal(may_adopt=True).may_use(replace(have, credentials_seen=False))


PREFIX_ELSEWHERE = naming.credential_prefix(ELSEWHERE, "gitlab", "gitlab")


@pytest.mark.parametrize(
    ("theirs", "another"),
    [
        (Credential("by-hand", ELSEWHERE, OWN, AUDIENCE), True),
        (Credential(f"{PREFIX_ELSEWHERE}web", ELSEWHERE, "system:serviceaccount:gitlab:web", AUDIENCE), True),
        (Credential("by-hand", ELSEWHERE, "system:serviceaccount:gitlab:web", AUDIENCE), False),
        (Credential("by-hand", ISSUER, OWN, "api://other"), False),
        (Credential("by-hand", FORMER, OWN, AUDIENCE), False),
        (Credential("by-hand", "https://issuer.example.com/", "anybody", AUDIENCE), False),
    ],
)
def test_a_credential_shows_another_cluster_of_the_same_name(theirs: Credential, another: bool) -> None:
    to = replace(goal(), former_issuers=(FORMER,))
    have = replace(HAVE, credentials=(*WANT.credentials, theirs))

    assert to.of_another_cluster(have) == (theirs if another else None)
    assert to.of_another_cluster(replace(have, identity=identity(tags={}))) is None


def secret(labels: dict[str, str], annotations: dict[str, str], *managers: str) -> ClusterObject:
    return ClusterObject("Secret", "s", "uid", "1", labels, annotations, managers=frozenset(managers))


@pytest.mark.parametrize(
    ("found", "created", "ours", "may_write", "unlabelled"),
    [
        (secret({OWNER_LABEL: "gitlab"}, {CREATED_BY_ANNOTATION: "gitlab"}, MANAGER), True, True, True, False),
        # created before the annotation was known
        (secret({OWNER_LABEL: "gitlab"}, {}, MANAGER), True, True, True, False),
        # the label was removed: the annotation says that we created it, and the field manager proves it
        (secret({}, {CREATED_BY_ANNOTATION: "gitlab"}, MANAGER, "kubectl-label"), True, True, True, True),
        (secret({}, {CREATED_BY_ANNOTATION: "gitlab"}, "kubectl-edit"), False, False, False, False),
        # a label counts more than the created-by annotation
        (secret({OWNER_LABEL: "other"}, {CREATED_BY_ANNOTATION: "gitlab"}, MANAGER), False, False, False, False),
        # handed over to us, and then no longer: we never created it
        (secret({}, {}, MANAGER, "kubectl-create"), False, False, False, False),
        (secret({}, {ADOPT_ANNOTATION: "gitlab"}, MANAGER, "kubectl-create"), False, False, True, False),
        # handed over to another
        (secret({OWNER_LABEL: "gitlab"}, {ADOPT_ANNOTATION: "other"}, MANAGER), True, False, False, False),
    ],
)
def test_the_owner_of_an_object(
    found: ClusterObject, created: bool, ours: bool, may_write: bool, unlabelled: bool
) -> None:
    to = goal()

    assert to.created(found) is created
    assert to.owns_object(found) is ours
    assert to.may_write(found) is may_write
    assert to.unlabelled(found) is unlabelled


# from a resource to its goal

CLOUD = CLOUDS["AzurePublic"]
RULE = PolicyRule.model_validate(
    {
        "namespaces": ["gitlab"],
        "identities": {"resourceGroups": [GROUP], "adopt": [str(WANT.identity.id)], "sharedWith": ["runners"]},
        "storage": [{"account": f"{STORAGE}/*"}],
    }
)
TERMS = Terms("lab", CLOUD, DEFAULTS, [RULE])


def test_a_goal_has_what_policy_allows() -> None:
    to = reconcile_goal(resource(), TERMS, ISSUER)

    assert (to.mode, to.desired) == (Mode.RECONCILE, WANT)
    assert (to.may_create, to.may_adopt, to.shared_with) == (True, True, ("runners",))
    assert to.owner == TERMS.owner(resource())


@pytest.mark.parametrize(
    ("one", "terms", "reason"),
    [
        (resource(namespace="evil"), TERMS, Reason.NOT_PERMITTED),
        (resource(), Terms("lab", CLOUD, Defaults(), [RULE]), Reason.NOT_CONFIGURED),
        (resource({"verification": "Perhaps"}), TERMS, Reason.INVALID_SPEC),
    ],
)
def test_without_a_goal_a_pass_cannot_proceed(one: Resource, terms: Terms, reason: Reason) -> None:
    with pytest.raises(CannotProceed) as stop:
        reconcile_goal(one, terms, ISSUER)

    assert (stop.value.link, stop.value.failure.reason) == (Link.IDENTITY, reason)
    assert stop.value.failure.outlook is Outlook.STALLED
    assert str(stop.value).startswith(f"IdentityReady: {reason}: ")


def test_a_spec_that_cannot_be_read_is_reported_with_its_field() -> None:
    with pytest.raises(CannotProceed) as stop:
        reconcile_goal(resource({"verification": "Perhaps"}), TERMS, ISSUER)

    assert stop.value.failure.message.startswith("The spec does not fit this operator's schema: spec.verification: ")


def test_a_deletion_goes_by_what_can_be_read_of_a_spec_and_asks_no_policy() -> None:
    unreadable = resource({"verification": "Perhaps", "identity": {"name": "own-name"}}, namespace="evil")

    to = finalize_goal(unreadable, TERMS, ISSUER)

    assert to.mode is Mode.FINALIZE
    assert to.desired.identity.name == "own-name"
    assert (to.credentials, to.grants, to.service_accounts, to.objects) == ((), (), (), ())


def test_a_deletion_aims_at_the_identity_where_it_was_found() -> None:
    pin = IdentityId.parse(str(WANT.identity.id).replace("rg-gitlab", "rg-old"))

    assert finalize_goal(resource(), TERMS, ISSUER, pin).desired.identity.id == pin


@pytest.mark.parametrize(
    ("status", "former"),
    [
        ({}, ()),
        ({"issuer": ISSUER}, ()),
        ({"issuer": FORMER}, (FORMER,)),
        ({"issuer": FORMER, "formerIssuers": [ELSEWHERE, ISSUER]}, (ELSEWHERE, FORMER)),
    ],
)
def test_the_former_issuers_of_a_cluster(status: dict[str, Any], former: tuple[str, ...]) -> None:
    assert reconcile_goal(resource(status=status), TERMS, ISSUER).former_issuers == former
    assert finalize_goal(resource(status=status), TERMS, ISSUER).former_issuers == former


def proven(
    kind: str,
    status: str = "True",
    issuer: str = ISSUER,
    generation: int = 1,
    scope: str = f"{STORAGE}/gitlabstore",
    name: str = GUID,
) -> dict[str, Any]:
    """The status of a resource after a pass that proved access, or did not."""
    condition = {
        "type": kind,
        "status": status,
        "observedGeneration": generation,
        "lastTransitionTime": "2026-03-01T12:00:00Z",
        "reason": "Verified",
        "message": "…",
    }
    assignment = {"name": name, "role": "Storage Blob Data Contributor", "scope": scope}
    return {"issuer": issuer, "conditions": [condition], "roleAssignments": [assignment]}


@pytest.mark.parametrize(
    ("spec", "status", "settled"),
    [
        ({}, {}, False),
        ({}, proven("AccessVerified"), True),
        ({}, proven("AccessVerified", "False"), False),
        ({}, proven("AccessVerified", issuer=FORMER), False),  # by the former issuer
        ({}, proven("AccessVerified", generation=0), False),  # of what was wanted before
        (
            {},
            proven("AccessVerified", scope=f"{STORAGE}/former"),
            False,
        ),  # of the account that the settings named before
        ({}, proven("AccessVerified", name=""), False),  # the role was only about to be assigned
        ({}, proven("Ready"), False),
        # access is never tried: Ready is the only proof
        ({"verification": "Disabled"}, proven("Ready"), True),
        ({"verification": "Disabled"}, proven("AccessVerified"), False),
    ],
)
def test_what_is_replaced_may_go_after_access_by_what_is_wanted_was_proven(
    spec: dict[str, Any], status: dict[str, Any], settled: bool
) -> None:
    assert reconcile_goal(resource(spec, status=status), TERMS, ISSUER).settled is settled
