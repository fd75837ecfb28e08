"""Properties of every plan, for every world: it comes to rest, it may be stopped anywhere, and it changes nothing of others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gitlab_azure_identity.api import ADOPT_ANNOTATION, CLIENT_ID_ANNOTATION, CREATED_BY_ANNOTATION, OWNER_LABEL
from gitlab_azure_identity.api.conditions import PLANNED
from gitlab_azure_identity.api.reasons import Reason
from gitlab_azure_identity.domain import naming
from gitlab_azure_identity.domain.changes import Change, Revocation
from gitlab_azure_identity.domain.desired import Credential, Desired
from gitlab_azure_identity.domain.findings import Failure, Outlook
from gitlab_azure_identity.domain.goal import Goal, Mode
from gitlab_azure_identity.domain.judge import PassRecord, judge
from gitlab_azure_identity.domain.missing import missing
from gitlab_azure_identity.domain.observed import Assignment, ClusterObject, Identity, Observed
from gitlab_azure_identity.domain.plan import plan
from gitlab_azure_identity.domain.roles import STORAGE_BLOB_DATA_CONTRIBUTOR

from .interpreter import after
from .worlds import CLIENT, ISSUER, MANAGER, STORAGE, assignment, deletion, goal, identity, standing, wanted

ROUNDS = 5  # the plans of a pass
quickly = settings(max_examples=20, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
Thing = TypeVar("Thing")

OFF = {"management": "Disabled"}
OBSERVE = {"management": "Observe"}
SPECS: list[dict[str, Any]] = [
    {},
    {"azure": {"tags": {"team": "platform"}}},
    {"storage": {"accountName": "gitlabstore", "roleScope": "Container", "containers": {"tmp": OFF, "lfs": OFF}}},
    {"serviceAccounts": [{"name": "gitlab"}, {"name": "runner"}, {"name": "web", "management": "Annotate"}]},
    {"serviceAccounts": [{"name": f"sa-{number}"} for number in range(20)]},
    {"secrets": {"registry": {"name": "s"}, "objectStorage": {"name": "s"}, "backups": OFF}},
    {"identity": OBSERVE, "azure": {"tags": {"team": "platform"}}},
    {"roleAssignments": OBSERVE, "storage": {"accountName": "gitlabstore", "roleScope": "Container"}},
    {"identity": OBSERVE, "roleAssignments": OBSERVE, "serviceAccounts": [{"name": "gitlab"}, {"name": "runner"}]},
]
DESIRED = [wanted(spec) for spec in SPECS]
PREFIX = naming.credential_prefix(ISSUER, "gitlab", "gitlab")
OTHER_ISSUER = ISSUER.replace("7d3a6d5e", "00000000")
OWNER = DESIRED[0].owner
KEY = "azure_storage_access_key: 'a2V5'"
FOREIGN_TAGS = {"gitlabazure-cluster": "lab", "gitlabazure-namespace": "other", "gitlabazure-resource": "gitlab"}


def credential(name: str, account: str, namespace: str = "gitlab", issuer: str = ISSUER) -> Credential:
    return Credential(name, issuer, f"system:serviceaccount:{namespace}:{account}", "api://AzureADTokenExchange")


FOREIGN_CREDENTIALS = [
    credential("hand-made", "old"),
    credential(f"{PREFIX}forged-issuer", "gitlab", issuer=OTHER_ISSUER),
    credential(f"{PREFIX}forged-subject", "gitlab", namespace="gitlab-2"),
    credential(naming.credential_name(ISSUER, "gitlab", "gitlab-2", "x"), "x"),
    # trusts our subject, under another name; and the same for another audience
    credential("hand-made-for-us", "gitlab"),
    replace(credential("hand-made-for-others", "runner"), audience="api://other"),
    *(credential(f"filler-{number}", f"app-{number}", "apps") for number in range(19)),
]
OUR_OLD_CREDENTIALS = [credential(f"{PREFIX}{name}", name) for name in ("retired", "former")]
FOREIGN_ASSIGNMENTS = [
    assignment(f"{STORAGE}/otherstore", STORAGE_BLOB_DATA_CONTRIBUTOR),
    assignment(f"{STORAGE}/x", STORAGE_BLOB_DATA_CONTRIBUTOR, owner=f"{OWNER.description}-2"),
    replace(assignment(f"{STORAGE}/gitlabstore", STORAGE_BLOB_DATA_CONTRIBUTOR), name="by-hand"),
]
OUR_OLD_ASSIGNMENTS = [
    assignment(f"{STORAGE}/oldstore", STORAGE_BLOB_DATA_CONTRIBUTOR, owner=OWNER.description),
    assignment(f"{STORAGE}/gitlabstore", STORAGE_BLOB_DATA_CONTRIBUTOR, principal="former", owner=OWNER.description),
]


@dataclass(frozen=True)
class Case:
    """A goal, and a world to start from."""

    goal: Goal
    have: Observed


def some(draw: st.DrawFn, things: list[Thing]) -> list[Thing]:
    return [thing for thing in things if draw(st.booleans())]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Any world that Azure and the API server can have, and any goal."""
    desired = draw(st.sampled_from(DESIRED))
    whole = standing(desired)
    found = draw(st.sampled_from([None, identity(desired), identity(desired, tags=FOREIGN_TAGS)]))
    have = Observed(
        identity=replace(found, tags={**found.tags, "cost-centre": "7"}) if found else None,
        credentials=_credentials(draw, desired) if found else (),
        assignments=_assignments(draw, whole),
        objects={one.key: one for one in _objects(draw, whole)},
    )
    to = draw(
        st.sampled_from(
            [
                goal(desired),
                replace(goal(desired), proven=True),
                goal(desired, may_adopt=True),
                goal(desired, may_create=False),
                deletion(desired),
            ]
        )
    )
    return Case(to, have)


def _credentials(draw: st.DrawFn, desired: Desired) -> tuple[Credential, ...]:
    """No two of one name, none with the issuer and subject of another, at most twenty."""
    few, many = FOREIGN_CREDENTIALS[:6], FOREIGN_CREDENTIALS[6:]
    fillers = many[: draw(st.sampled_from([0, 1, 13, 17, 18, 19]))]
    drifted = [replace(one, subject=f"{one.subject}-drifted") for one in desired.credentials[:1]]
    pool = some(draw, few) + some(draw, OUR_OLD_CREDENTIALS) + some(draw, drifted) + some(draw, [*desired.credentials])
    chosen: list[Credential] = []
    for one in fillers + pool:
        taken = {present.name for present in chosen} | {(present.issuer, present.subject) for present in chosen}
        if one.name not in taken and (one.issuer, one.subject) not in taken and len(chosen) < 20:
            chosen.append(one)
    return tuple(chosen)


def _assignments(draw: st.DrawFn, whole: Observed) -> tuple[Assignment, ...]:
    """One for each principal, role and scope."""
    pool = some(draw, FOREIGN_ASSIGNMENTS) + some(draw, OUR_OLD_ASSIGNMENTS) + some(draw, [*whole.assignments])
    return tuple({(one.principal_id, one.role_guid, one.scope): one for one in pool}.values())


def _objects(draw: st.DrawFn, whole: Observed) -> list[ClusterObject]:
    """The wanted ones and some former ones: absent, ours, somebody else's, handed over, or changed."""
    earlier = [ClusterObject(kind, "earlier", "uid", "1", {}, {}) for kind in ("ServiceAccount", "Secret", "ConfigMap")]
    changes: list[Callable[[ClusterObject], ClusterObject | None]] = [
        lambda _one: None,
        lambda one: one,
        lambda one: replace(one, labels=OWNER.labels, managers=frozenset({MANAGER})),
        lambda one: replace(one, labels={"app": "x"}, managers=frozenset({"helm"})),
        # ours, without its label; and one with our annotation that we never applied
        lambda one: replace(
            one, labels={}, annotations={CREATED_BY_ANNOTATION: "gitlab"}, managers=frozenset({MANAGER, "kubectl-edit"})
        ),
        lambda one: replace(
            one, labels={}, annotations={CREATED_BY_ANNOTATION: "gitlab"}, managers=frozenset({"helm"})
        ),
        lambda one: replace(one, labels={OWNER_LABEL: "other"}, managers=frozenset({"other"}), data={}),
        lambda one: replace(one, labels={}, annotations={ADOPT_ANNOTATION: "gitlab"}, managers=frozenset({"helm"})),
        lambda one: replace(one, labels=OWNER.labels, annotations={CLIENT_ID_ANNOTATION: "x"}, automount=True, data={}),
        # handed over, with an access key; that of the registry has two drivers then
        lambda one: replace(
            one,
            labels={},
            annotations={ADOPT_ANNOTATION: "gitlab"},
            managers=frozenset({"helm"}),
            data={key: f"{text}{KEY}\n" for key, text in one.data.items()},
        ),
    ]
    found = [draw(st.sampled_from(changes))(one) for one in [*whole.objects.values(), *earlier]]
    return [one for one in found if one is not None]


def settled(to: Goal, have: Observed) -> Observed:
    """The world after as many plans as a pass makes. The last of them must be empty."""
    for _ in range(ROUNDS):
        changes = plan(to, have)
        if not changes:
            return have
        for change in changes:
            have = after(change, have, to.owner)
    raise AssertionError(f"still wants {[str(change) for change in plan(to, have)]}")


def view(have: Observed) -> object:
    """A world without the order of its lists."""
    return have.identity, set(have.credentials), set(have.assignments), dict(have.objects)


@quickly
@given(cases())
def test_a_plan_comes_to_rest(case: Case) -> None:
    """Azure refuses none of the changes (the interpreter would raise), and the world after them needs no more changes."""
    rest = settled(case.goal, case.have)

    assert plan(case.goal, rest) == ()


@quickly
@given(cases(), st.integers(0, 30))
def test_a_plan_may_be_stopped_after_any_change(case: Case, stop: int) -> None:
    """The next pass plans from what it sees, and ends in the same world."""
    have = case.have
    for change in plan(case.goal, have)[:stop]:
        have = after(change, have, case.goal.owner)

    assert view(settled(case.goal, have)) == view(settled(case.goal, case.have))


@quickly
@given(cases(), st.randoms(use_true_random=False))
def test_changes_of_one_stage_may_run_in_any_order(case: Case, random: Any) -> None:
    changes = list(plan(case.goal, case.have))
    random.shuffle(changes)
    have = case.have
    for change in sorted(changes, key=_stage):
        have = after(change, have, case.goal.owner)

    assert view(settled(case.goal, have)) == view(settled(case.goal, case.have))


def _stage(change: Change) -> int:
    return change.stage


@quickly
@given(cases())
def test_what_is_not_ours_stays_as_it_is(case: Case) -> None:
    have, rest = case.have, settled(case.goal, case.have)

    if have.identity is not None and not _ours(have.identity):
        assert rest.identity == have.identity
    assert set(FOREIGN_CREDENTIALS).intersection(have.credentials) <= set(rest.credentials) or rest.identity is None
    assert set(FOREIGN_ASSIGNMENTS).intersection(have.assignments) <= set(rest.assignments)
    for key, found in have.objects.items():
        if _touchable(found):
            continue
        now = rest.objects[key]
        if key in {("ServiceAccount", a.name) for a in case.goal.service_accounts if not a.managed}:
            # Annotate: only the annotation
            assert (_others(now.annotations), now.labels, now.uid) == (
                _others(found.annotations),
                found.labels,
                found.uid,
            )
        else:
            assert now == found


def _others(annotations: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in annotations.items() if key != CLIENT_ID_ANNOTATION}


def _ours(found: Identity) -> bool:
    return all(found.tags.get(key) == value for key, value in OWNER.tags.items())


def _touchable(found: ClusterObject) -> bool:
    return (
        found.labels.get(OWNER_LABEL) == "gitlab"
        or found.annotations.get(ADOPT_ANNOTATION) == "gitlab"
        or MANAGER in found.managers
    )


@quickly
@given(cases())
def test_an_access_key_goes_only_in_a_pass_that_has_proven_access(case: Case) -> None:
    def holding(have: Observed) -> set[tuple[str, str]]:
        return {key for key, found in have.objects.items() if KEY in "".join(found.data.values())}

    theirs = {key for key in holding(case.have) if ADOPT_ANNOTATION in case.have.objects[key].annotations}
    rest = settled(case.goal, case.have)

    assert case.goal.proven or theirs <= holding(rest)
    assert holding(rest) <= holding(case.have)


@quickly
@given(cases())
def test_after_a_deletion_nothing_of_ours_is_left(case: Case) -> None:
    """Except an identity that another cluster of our name uses too: it stays, with its roles."""
    to = deletion()
    theirs = to.of_another_cluster(case.have)

    rest = settled(to, case.have)

    assert rest.identity is None or not _ours(rest.identity) or theirs is not None
    assert not [one for one in rest.credentials if to.owns_credential(one)]
    kept = rest.identity.principal_id if theirs and rest.identity else None
    assert not [one for one in rest.assignments if one.description == OWNER.description and one.principal_id != kept]
    assert not [one for one in rest.objects.values() if MANAGER in one.managers]
    assert CLIENT not in {one.annotations.get(CLIENT_ID_ANNOTATION) for one in rest.objects.values() if _touchable(one)}


@quickly
@given(cases())
def test_a_link_that_somebody_else_manages_is_never_written(case: Case) -> None:
    """Neither while the resource is kept nor when it is deleted, and whoever made what stands there."""
    unmanaged = case.goal.desired.unmanaged

    assert not [change for change in plan(case.goal, case.have) if change.link in unmanaged]


@quickly
@given(cases())
def test_what_such_a_link_lacks_is_told_whole(case: Case) -> None:
    """Whoever adds what is told, and nothing else, has added everything."""
    if case.goal.mode is Mode.FINALIZE or case.have.identity is None or not case.goal.may_use(case.have):
        return
    lacking = missing(case.goal, case.have)
    stalled = {one.link: one for one in judge(case.goal, case.have, PassRecord()) if one.outlook is Outlook.STALLED}

    assert {one.link for one in lacking} <= case.goal.desired.unmanaged & stalled.keys()
    for one in lacking:
        told = stalled[one.link]
        assert one.azure_cli in told.message or told.reason is not Reason.NOT_FOUND or "The first 3 of" in told.message


def incomplete(have: Observed) -> Iterator[Observed]:
    """The same world, each time without one of its objects. Without the identity its credentials are not seen either."""
    if have.identity is not None:
        yield replace(have, identity=None, credentials=())
    yield from (have.without_credential(one.name) for one in have.credentials)
    yield from (have.without_assignment(one) for one in have.assignments)
    yield from (have.without_object(*key) for key in have.objects)


@quickly
@given(cases())
def test_a_look_that_misses_something_takes_nothing_away_that_a_whole_look_would_keep(case: Case) -> None:
    """Azure's reads lag behind its writes. There is one exception: a deletion that misses another cluster's credential, since
    nothing else shows that the identity is used there too."""
    if case.goal.mode is not Mode.RECONCILE and case.goal.of_another_cluster(case.have):
        return
    removed = {str(change) for change in plan(case.goal, case.have) if isinstance(change, Revocation)}

    for seen in incomplete(case.have):
        assert {str(change) for change in plan(case.goal, seen) if isinstance(change, Revocation)} <= removed


@quickly
@given(cases())
def test_no_link_is_good_while_the_plan_holds_a_change_for_it(case: Case) -> None:
    """A caller that observes without writing may ask too: a change that was not made is not done."""
    if case.goal.mode is Mode.FINALIZE:
        return
    pending = {change.link for change in plan(case.goal, case.have)}

    findings = judge(case.goal, case.have, PassRecord())

    assert [finding.link for finding in findings] == list(PLANNED)
    assert not [finding.link for finding in findings if finding.outlook is Outlook.GOOD and finding.link in pending]


REFUSED = Failure(Reason.SCOPE_LOCKED, "A lock forbids it.", Outlook.STALLED)


@quickly
@given(cases())
def test_removals_that_fail_make_no_link_bad(case: Case) -> None:
    """The findings are those of a world in which nothing is to be removed."""
    if case.goal.mode is Mode.FINALIZE:
        return
    changes = plan(case.goal, case.have)
    refused = [(change, REFUSED) for change in changes if isinstance(change, Revocation)]
    needed = {change.link for change in changes if not isinstance(change, Revocation)}
    without = judge(case.goal, case.have, PassRecord())
    obstacles = {finding.link for finding in without if finding.outlook is Outlook.STALLED}

    findings = judge(case.goal, case.have, PassRecord({}, refused))

    bad = {finding.link for finding in findings if finding.outlook is not Outlook.GOOD}
    assert bad <= needed | obstacles | {finding.link for finding in without if finding.outlook is Outlook.BLOCKED}
    assert bad >= needed | obstacles


NOT_OURS = {
    Reason.NOT_OWNED,
    Reason.NOT_PERMITTED,
    Reason.SHARED_IDENTITY,
    Reason.CONFLICT,
    Reason.LIMIT_EXCEEDED,
    Reason.NOT_FOUND,
}


@quickly
@given(cases())
def test_without_a_planned_change_every_link_holds_or_needs_a_person(case: Case) -> None:
    if case.goal.mode is Mode.FINALIZE:
        return
    rest = settled(case.goal, case.have)

    findings = judge(case.goal, rest, PassRecord())

    bad = [finding for finding in findings if finding.outlook is not Outlook.GOOD]
    assert {finding.reason for finding in bad if finding.outlook is not Outlook.BLOCKED} <= NOT_OURS
    assert {finding.outlook for finding in bad} <= {Outlook.STALLED, Outlook.BLOCKED}
    assert not bad or bad[0].outlook is Outlook.STALLED
