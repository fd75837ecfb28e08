"""The plan: a world in, changes out. The cases read like the documentation."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import pytest

from gitlab_azure_identity.api import ADOPT_ANNOTATION, CLIENT_ID_ANNOTATION, OWNER_LABEL, TENANT_ID_ANNOTATION
from gitlab_azure_identity.api.reasons import Reason
from gitlab_azure_identity.api.status import ContainerStatus, Status, StorageStatus
from gitlab_azure_identity.domain import naming
from gitlab_azure_identity.domain.changes import (
    Change,
    DeleteAssignment,
    DeleteCredential,
    PutAssignment,
    PutIdentity,
    Stage,
)
from gitlab_azure_identity.domain.desired import Credential, Desired
from gitlab_azure_identity.domain.findings import Failure, Outlook
from gitlab_azure_identity.domain.goal import Goal, Mode
from gitlab_azure_identity.domain.observed import ClusterObject, Observation, Observed
from gitlab_azure_identity.domain.plan import former_assignments, nothing_to_grant, plan, plan_containers
from gitlab_azure_identity.domain.roles import STORAGE_BLOB_DATA_CONTRIBUTOR, STORAGE_BLOB_DELEGATOR, Role

from .worlds import (
    ANNOTATIONS,
    CLIENT,
    ISSUER,
    MANAGER,
    PRINCIPAL,
    STORAGE,
    account,
    assignment,
    deletion,
    goal,
    identity,
    standing,
    wanted,
    with_object,
)

WANT = wanted()
HAVE = standing()
MANAGED = goal(wanted({"storage": {"accountName": "gitlabstore", "containers": {"tmp": {"management": "Manage"}}}}))
STORE = f"{STORAGE}/gitlabstore"
OWNER = WANT.owner.description
PREFIX = naming.credential_prefix(ISSUER, "gitlab", "gitlab")
OTHER_ISSUER = ISSUER.replace("7d3a6d5e", "00000000")
AUDIENCE = "api://AzureADTokenExchange"


def lines(changes: Iterable[Change]) -> list[str]:
    """Each change as its kind and its words: `PutIdentity: managed identity x`."""
    return [f"{type(change).__name__}: {change}" for change in changes]


def credential(name: str, account: str = "old", namespace: str = "gitlab", issuer: str = ISSUER) -> Credential:
    return Credential(name, issuer, f"system:serviceaccount:{namespace}:{account}", AUDIENCE)


def hand_made(count: int) -> tuple[Credential, ...]:
    return tuple(credential(f"hand-{number}", f"app-{number}", "apps") for number in range(count))


def secret(**changed: Any) -> Observed:
    return with_object(HAVE, "Secret", "gitlab-object-storage", **changed)


def service_account(**changed: Any) -> Observed:
    return with_object(HAVE, "ServiceAccount", "gitlab", **changed)


IDENTITY = "PutIdentity: managed identity lab-gitlab-gitlab"
CREDENTIAL = "PutCredential: federated credential for system:serviceaccount:gitlab:gitlab"
ASSIGNMENT = 'PutAssignment: role assignment "Storage Blob Data Contributor" at storage account gitlabstore'
ACCOUNT = "ApplyServiceAccount: service account gitlab"
REGISTRY = "ApplyObject: secret gitlab-registry-storage"
OBJECTS = "ApplyObject: secret gitlab-object-storage"
BACKUPS = "ApplyObject: secret gitlab-azure-backup-conf"
VALUES = "ApplyObject: config map gitlab-gitlab-values"
ALL_BUT_IDENTITY = [CREDENTIAL, ASSIGNMENT, ACCOUNT, BACKUPS, OBJECTS, REGISTRY, VALUES]


@pytest.mark.parametrize(
    ("have", "changes"),
    [
        (HAVE, []),
        # the identity comes first, alone: everything else needs its ids
        (Observed(), [IDENTITY]),
        (Observed(identity=identity()), ALL_BUT_IDENTITY),
        # each thing that is missing, and nothing else
        (replace(HAVE, credentials=()), [CREDENTIAL]),
        (replace(HAVE, assignments=()), [ASSIGNMENT]),
        (HAVE.without_object("ServiceAccount", "gitlab"), [ACCOUNT]),
        (HAVE.without_object("Secret", "gitlab-registry-storage"), [REGISTRY]),
        (HAVE.without_object("Secret", "gitlab-object-storage"), [OBJECTS]),
        (HAVE.without_object("Secret", "gitlab-azure-backup-conf"), [BACKUPS]),
        (HAVE.without_object("ConfigMap", "gitlab-gitlab-values"), [VALUES]),
        # drift of each of our fields
        (replace(HAVE, credentials=(replace(WANT.credentials[0], issuer=ISSUER[:-1]),)), [CREDENTIAL]),
        (replace(HAVE, credentials=(replace(WANT.credentials[0], audience="api://other"),)), [CREDENTIAL]),
        (replace(HAVE, credentials=(replace(WANT.credentials[0], subject="system:serviceaccount:x:y"),)), [CREDENTIAL]),
        (service_account(annotations={**ANNOTATIONS, CLIENT_ID_ANNOTATION: "another"}), [ACCOUNT]),
        (service_account(annotations={**ANNOTATIONS, TENANT_ID_ANNOTATION: "another"}), [ACCOUNT]),
        (service_account(annotations={CLIENT_ID_ANNOTATION: CLIENT}), [ACCOUNT]),
        (service_account(annotations={}), [ACCOUNT]),
        (service_account(automount=True), [ACCOUNT]),
        (service_account(automount=None), [ACCOUNT]),
        (secret(data={"connection": "provider: AWS"}), [f"{OBJECTS} (key connection)"]),
        (secret(data={}), [f"{OBJECTS} (key connection)"]),
        # tags, keys, annotations and labels that others added to our objects stay
        (replace(HAVE, identity=identity(tags={**WANT.owner.tags, "cost-centre": "7"})), []),
        (secret(data={**HAVE.objects["Secret", "gitlab-object-storage"].data, "more": "x"}), []),
        (service_account(annotations={**ANNOTATIONS, "note": "x"}), []),
        (service_account(labels={**WANT.owner.labels, "team": "x"}), []),
    ],
)
def test_an_object_that_is_missing_or_differs_is_restored(have: Observed, changes: list[str]) -> None:
    assert lines(plan(goal(), have)) == changes


def test_tag_names_ignore_case_as_azure_does() -> None:
    desired = wanted({"azure": {"tags": {"team": "platform", "stage": "prod"}}})
    have = replace(standing(desired), identity=identity(tags={**WANT.owner.tags, "Team": "platform", "Stage": "test"}))

    (change,) = plan(goal(desired), have)

    assert isinstance(change, PutIdentity)
    assert change.tags == {**WANT.owner.tags, "Team": "platform", "stage": "prod"}


def test_a_tag_that_azure_spells_otherwise_is_found_beside_a_similar_one() -> None:
    """Azure has two tags that are one to us: ours is one of them, and neither is changed."""
    desired = wanted({"azure": {"tags": {"straße": "a"}}})
    have = replace(standing(desired), identity=identity(tags={**WANT.owner.tags, "Straße": "a", "STRASSE": "b"}))

    assert plan(goal(desired), have) == ()


def test_tags_are_merged_into_an_identity_of_ours() -> None:
    desired = wanted({"azure": {"tags": {"team": "platform"}}})
    have = replace(standing(desired), identity=identity(tags={**WANT.owner.tags, "cost-centre": "7", "team": "old"}))

    (change,) = plan(goal(desired), have)

    assert isinstance(change, PutIdentity)
    assert change.missing == ("team",)
    assert str(change) == "tags team of managed identity lab-gitlab-gitlab"
    assert change.tags == {**WANT.owner.tags, "cost-centre": "7", "team": "platform"}


def test_a_tag_of_the_spec_does_not_replace_ours() -> None:
    """The definition refuses such tags. If one is admitted all the same, ours override it."""
    desired = wanted({"azure": {"tags": {"gitlabazure-cluster": "prod"}}})

    (change,) = plan(goal(desired), Observed())

    assert isinstance(change, PutIdentity)
    assert change.tags["gitlabazure-cluster"] == "lab"


FOREIGN = {"gitlabazure-cluster": "lab", "gitlabazure-namespace": "other", "gitlabazure-resource": "gitlab"}


@pytest.mark.parametrize(
    "tags",
    [
        {},
        {"team": "x"},
        FOREIGN,
        {**WANT.owner.tags, "gitlabazure-cluster": "prod"},
        {key: value for key, value in WANT.owner.tags.items() if key != "gitlabazure-resource"},
    ],
)
def test_an_identity_that_is_not_ours_is_left_alone(tags: dict[str, str]) -> None:
    assert plan(goal(), Observed(identity=identity(tags=tags))) == ()


def test_an_identity_that_policy_does_not_let_be_created_is_not_created() -> None:
    assert plan(goal(may_create=False), Observed()) == ()


@pytest.mark.parametrize("tags", [{}, FOREIGN])
def test_an_adopted_identity_gets_everything_but_tags(tags: dict[str, str]) -> None:
    desired = wanted({"azure": {"tags": {"team": "platform"}}})

    changes = plan(goal(desired, may_adopt=True), Observed(identity=identity(tags=tags)))

    assert lines(changes) == ALL_BUT_IDENTITY


# Credentials of others on the same identity: hand-made, of another cluster, of another resource, and forged ones of ours.
NOT_OURS = (
    credential("hand-made"),
    credential(naming.credential_name(OTHER_ISSUER, "gitlab", "gitlab", "old"), issuer=OTHER_ISSUER),
    credential(naming.credential_name(ISSUER, "gitlab", "gitlab-2", "old")),
    credential(naming.credential_name(ISSUER, "other", "gitlab", "old"), namespace="other"),
    credential(f"{PREFIX}forged-issuer", issuer=OTHER_ISSUER),
    credential(f"{PREFIX}forged-subject", namespace="other"),
    credential(f"{PREFIX}forged-prefix-of-namespace", namespace="gitlab-2"),
    Credential(f"{PREFIX}no-service-account", ISSUER, "repo:org/project:ref:main", AUDIENCE),
)


@pytest.mark.parametrize("present", NOT_OURS, ids=lambda present: present.name)
def test_credentials_of_others_stay(present: Credential) -> None:
    """A name alone can be forged. A credential is ours by its name, its issuer and a subject in our own namespace: all three."""
    have = replace(HAVE, credentials=(*HAVE.credentials, present))

    assert plan(goal(may_adopt=True), have) == ()
    deleted = [change.credential for change in plan(deletion(), have) if isinstance(change, DeleteCredential)]
    assert deleted == list(WANT.credentials)


def test_the_credential_of_a_former_service_account_is_removed() -> None:
    old = credential(f"{PREFIX}old")
    have = replace(HAVE, credentials=(*HAVE.credentials, old))

    assert lines(plan(goal(), have)) == ["DeleteCredential: federated credential for system:serviceaccount:gitlab:old"]


def test_credentials_with_a_former_issuer_are_removed() -> None:
    """The record alone names the former issuer: another cluster's resource of the same name may share an adopted identity."""
    before = "https://before.example/"
    prefix = naming.credential_prefix(before, "gitlab", "gitlab")
    old = Credential(f"{prefix}gitlab", before, "system:serviceaccount:gitlab:gitlab", AUDIENCE)
    have = replace(HAVE, credentials=(*HAVE.credentials, old))

    assert plan(goal(), have) == ()
    changed = replace(goal(), former_issuers=(before,))
    assert lines(plan(changed, have)) == [
        "DeleteCredential: federated credential for system:serviceaccount:gitlab:gitlab"
    ]
    assert plan(replace(changed, settled=False), have) == ()  # the present issuer is not proven yet
    deleted = [
        c.credential for c in plan(replace(changed, mode=Mode.FINALIZE), have) if isinstance(c, DeleteCredential)
    ]
    assert deleted == [*HAVE.credentials, old]


@pytest.mark.parametrize(("accounts", "changes"), [(10, ["PutCredential"]), (11, ["DeleteCredential"])])
def test_credentials_with_two_issuers_exist_side_by_side_while_an_identity_takes_both(
    accounts: int, changes: list[str]
) -> None:
    """An identity takes 20. With more than ten service accounts the former credentials are removed first."""
    before = "https://before.example/"
    desired = wanted({"serviceAccounts": [{"name": f"sa-{number}"} for number in range(accounts)]})
    old = [
        replace(c, name=naming.credential_name(before, "gitlab", "gitlab", c.subject.rpartition(":")[2]), issuer=before)
        for c in desired.credentials
    ]
    have = replace(standing(desired), credentials=tuple(old))
    to = replace(goal(desired), former_issuers=(before,), settled=False)

    assert [type(change).__name__ for change in plan(to, have)] == changes * accounts


def test_a_hand_made_credential_that_trusts_the_same_tokens_is_used() -> None:
    """Azure allows one such pair of issuer and subject."""
    theirs = replace(WANT.credentials[0], name="hand-made")

    assert plan(goal(), replace(HAVE, credentials=(theirs,))) == ()


def test_a_hand_made_credential_for_another_audience_is_an_obstacle() -> None:
    theirs = replace(WANT.credentials[0], name="hand-made", audience="api://other")

    assert plan(goal(), replace(HAVE, credentials=(theirs,))) == ()


@pytest.mark.parametrize(
    ("present", "accounts", "written"),
    [
        (18, 2, 2),
        (19, 1, 1),
        # only the whole set is of use: none is written
        (19, 2, 0),
        (20, 1, 0),
        (0, 20, 20),
    ],
)
def test_an_identity_takes_twenty_credentials(present: int, accounts: int, written: int) -> None:
    desired = wanted({"serviceAccounts": [{"name": f"sa-{number}"} for number in range(accounts)]})
    have = replace(standing(desired), credentials=hand_made(present))

    assert len(plan(goal(desired, may_adopt=True), have)) == written


def test_former_credentials_are_removed_first_to_make_room() -> None:
    have = replace(HAVE, credentials=(*hand_made(19), credential(f"{PREFIX}old")))

    assert lines(plan(goal(), have)) == ["DeleteCredential: federated credential for system:serviceaccount:gitlab:old"]
    assert lines(plan(goal(), have.without_credential(f"{PREFIX}old"))) == [CREDENTIAL]


def granted(*assignments: Any) -> Observed:
    return replace(HAVE, assignments=assignments)


OURS = assignment(STORE, STORAGE_BLOB_DATA_CONTRIBUTOR, owner=OWNER)
OLD_PRINCIPAL = "aaaaaaaa-0000-4000-8000-00000000dead"


@pytest.mark.parametrize(
    ("have", "changes"),
    [
        # one created by hand is as good as ours, whatever its name and case
        (granted(assignment(STORE.upper(), STORAGE_BLOB_DATA_CONTRIBUTOR)), []),
        (granted(replace(OURS, name="by-hand", description="")), []),
        # one for another principal, role or scope does not count
        (granted(assignment(STORE, STORAGE_BLOB_DATA_CONTRIBUTOR, principal=OLD_PRINCIPAL)), [ASSIGNMENT]),
        (granted(replace(OURS, role_guid="acdd72a7-3385-48ef-bd42-f606fba81ae7", description="")), [ASSIGNMENT]),
        (granted(assignment(f"{STORAGE}/otherstore", STORAGE_BLOB_DATA_CONTRIBUTOR)), [ASSIGNMENT]),
        # ours at a former scope is removed; somebody else's stays
        (
            granted(OURS, assignment(f"{STORAGE}/oldstore", STORAGE_BLOB_DATA_CONTRIBUTOR, owner=OWNER)),
            ["DeleteAssignment: role assignment … at storage account oldstore"],
        ),
        (granted(OURS, assignment(f"{STORAGE}/oldstore", STORAGE_BLOB_DATA_CONTRIBUTOR)), []),
        (granted(OURS, assignment(f"{STORAGE}/x", STORAGE_BLOB_DATA_CONTRIBUTOR, owner=f"{OWNER}-2")), []),
        # the identity was created again under its name: assignments of its former principal are of no use
        (
            granted(assignment(STORE, STORAGE_BLOB_DATA_CONTRIBUTOR, principal=OLD_PRINCIPAL, owner=OWNER)),
            [ASSIGNMENT, "DeleteAssignment: role assignment … at storage account gitlabstore"],
        ),
    ],
)
def test_role_assignments(have: Observed, changes: list[str]) -> None:
    found = [
        line.replace(line.split()[3], "…") if line.startswith("DeleteAssignment") else line
        for line in lines(plan(goal(), have))
    ]

    assert found == changes


NO_ACCOUNT = Failure(Reason.ACCOUNT_NOT_FOUND, "There is no storage account gitlabstore.", Outlook.STALLED)


@pytest.mark.parametrize(
    ("have", "no_account", "reported"),
    [
        (replace(HAVE, assignments=()), NO_ACCOUNT, True),
        # a role of somebody else there says nothing of ours
        (granted(assignment(STORE, STORAGE_BLOB_DELEGATOR, principal=OLD_PRINCIPAL)), NO_ACCOUNT, True),
        (Observed(), NO_ACCOUNT, True),
        # a wanted assignment stands: the account exists, although Azure did not show it
        (HAVE, NO_ACCOUNT, False),
        (replace(HAVE, assignments=()), None, False),
    ],
)
def test_without_a_storage_account_there_is_nothing_to_grant(
    have: Observed, no_account: Failure | None, reported: bool
) -> None:
    found = nothing_to_grant(goal(), Observation(have, no_account=no_account))

    assert (found is NO_ACCOUNT) is reported


def test_an_identity_that_was_created_again_gives_its_service_accounts_a_new_client_id() -> None:
    have = replace(HAVE, identity=identity(number=2))

    assert ACCOUNT in lines(plan(goal(), have))


def test_an_assignment_for_a_new_principal_has_a_new_name() -> None:
    """Azure does not change the principal of an assignment: RoleAssignmentUpdateNotPermitted."""
    changes = [plan(goal(), replace(HAVE, identity=identity(number=number), assignments=())) for number in (1, 2)]
    names = {change.name for each in changes for change in each if isinstance(change, PutAssignment)}

    assert len(names) == 2


def test_from_account_to_container_scope_new_assignments_come_before_removals() -> None:
    containers = {p: {"management": "Disabled"} for p in ("artifacts", "uploads", "packages", "backups", "tmp")}
    storage = {"accountName": "gitlabstore", "roleScope": "Container", "containers": containers}
    desired = wanted({"storage": storage})
    have = replace(standing(desired), assignments=(OURS,))

    written = [
        'PutAssignment: role assignment "Storage Blob Delegator" at storage account gitlabstore',
        'PutAssignment: role assignment "Storage Blob Data Contributor" at container registry of storage account gitlabstore',
        'PutAssignment: role assignment "Storage Blob Data Contributor" at container git-lfs of storage account gitlabstore',
    ]
    removed = [f"DeleteAssignment: role assignment {OURS.name} at storage account gitlabstore"]
    assert lines(plan(goal(desired), have)) == written
    assert lines(plan(goal(desired), replace(have, assignments=(OURS, *standing(desired).assignments)))) == removed


ACCOUNT_SCOPE = f"{STORAGE}/gitlabstore"
REGISTRY, LFS, FORMER_CONTAINER = (
    f"{ACCOUNT_SCOPE}/blobServices/default/containers/{name}" for name in ("registry", "git-lfs", "former")
)
OFF = {p: {"management": "Disabled"} for p in ("artifacts", "uploads", "packages", "backups", "tmp")}
BY_ACCOUNT = {"accountName": "gitlabstore", "roleScope": "Account", "containers": OFF}
BY_CONTAINER = {"accountName": "gitlabstore", "roleScope": "Container", "containers": OFF}
AGES = {"old": 1000.0, "new": 3000.0, "unknown": None}
SPREAD_BY = 2000.0


@pytest.mark.parametrize(
    ("storage", "former", "age", "settled", "stays"),
    [
        # the account's role gives everything that the roles at the containers give, so a proof may have succeeded by it
        (BY_CONTAINER, (ACCOUNT_SCOPE, STORAGE_BLOB_DATA_CONTRIBUTOR), "new", True, True),
        (BY_CONTAINER, (ACCOUNT_SCOPE, STORAGE_BLOB_DATA_CONTRIBUTOR), "old", True, False),
        (BY_CONTAINER, (ACCOUNT_SCOPE, STORAGE_BLOB_DATA_CONTRIBUTOR), "unknown", True, False),
        (BY_CONTAINER, (ACCOUNT_SCOPE, STORAGE_BLOB_DATA_CONTRIBUTOR), "old", False, True),
        (BY_ACCOUNT, (ACCOUNT_SCOPE, STORAGE_BLOB_DELEGATOR), "new", True, True),
        (BY_ACCOUNT, (REGISTRY, STORAGE_BLOB_DATA_CONTRIBUTOR), "new", True, True),
        (BY_ACCOUNT, (REGISTRY, STORAGE_BLOB_DATA_CONTRIBUTOR), "old", True, False),
        # it gives nothing that is still needed: only a proof of the new is wanted
        (BY_CONTAINER, (FORMER_CONTAINER, STORAGE_BLOB_DATA_CONTRIBUTOR), "new", True, False),
        (BY_CONTAINER, (FORMER_CONTAINER, STORAGE_BLOB_DATA_CONTRIBUTOR), "old", False, True),
        (BY_ACCOUNT, (f"{STORAGE}/former", STORAGE_BLOB_DATA_CONTRIBUTOR), "new", True, False),
        (BY_ACCOUNT, (f"{STORAGE}/former", STORAGE_BLOB_DATA_CONTRIBUTOR), "old", False, True),
    ],
)
def test_a_role_goes_only_when_what_replaces_it_works_by_itself(
    storage: dict[str, Any], former: tuple[str, Role], age: str, settled: bool, stays: bool
) -> None:
    desired = wanted({"storage": storage})
    old = assignment(*former, owner=desired.owner.description)
    new = (replace(one, created_on=AGES[age]) for one in standing(desired).assignments)
    have = replace(standing(desired), assignments=(old, *new))
    to = replace(goal(desired), settled=settled, spread_by=SPREAD_BY)

    assert lines(plan(to, have)) == ([] if stays else [f"DeleteAssignment: {DeleteAssignment(old)}"])
    assert former_assignments(to, have) == ((old,) if stays else ())


@pytest.mark.parametrize(
    "other",
    [
        {"principal_id": "aaaaaaaa-0000-4000-8000-000000000002"},  # it gives the present identity nothing
        {"condition": "@Resource[...] StringEquals 'x'"},  # it may give less than its role
    ],
)
def test_a_role_stays_while_what_replaces_it_may_give_less(other: dict[str, Any]) -> None:
    desired = wanted({"storage": BY_CONTAINER})
    old = assignment(ACCOUNT_SCOPE, STORAGE_BLOB_DATA_CONTRIBUTOR, owner=desired.owner.description)
    new = (replace(one, created_on=AGES["old"], **other) for one in standing(desired).assignments)
    have = replace(standing(desired), assignments=(old, *new))
    to = replace(goal(desired), settled=True, spread_by=SPREAD_BY)

    assert former_assignments(to, have) == (old,)
    assert DeleteAssignment(old) not in plan(to, have)


def test_an_account_that_was_not_seen_counts_as_missing_unless_a_wanted_role_stands_there() -> None:
    absent = Failure(Reason.ACCOUNT_NOT_FOUND, "There is no such account.", Outlook.STALLED)

    assert nothing_to_grant(goal(), Observation(replace(HAVE, assignments=()), no_account=absent)) == absent
    assert nothing_to_grant(goal(), Observation(HAVE, no_account=absent)) is None
    assert nothing_to_grant(goal(), Observation(replace(HAVE, assignments=()))) is None


def test_a_deletion_waits_for_no_proof() -> None:
    to = replace(deletion(), settled=False)

    assert DeleteAssignment(HAVE.assignments[0]) in plan(to, HAVE)


def test_a_role_of_a_former_principal_goes_at_once() -> None:
    """The identity was created again: nobody can log in as the former one."""
    former = replace(OURS, principal_id="aaaaaaaa-0000-4000-8000-000000000002", name="other")
    have = replace(HAVE, assignments=(*HAVE.assignments, former))

    assert lines(plan(replace(goal(), settled=False), have)) == [f"DeleteAssignment: {DeleteAssignment(former)}"]
    assert former_assignments(replace(goal(), settled=False), have) == ()


ANNOTATE = wanted({"serviceAccounts": [{"name": "gitlab", "management": "Annotate"}]})
HELMS = ClusterObject("ServiceAccount", "gitlab", "uid", "1", {"app": "gitlab"}, {}, managers=frozenset({"helm"}))
ANNOTATION = "ApplyServiceAccount: annotations of service account gitlab"


@pytest.mark.parametrize(
    ("desired", "found", "changes"),
    [
        # Manage: one that somebody else created is theirs, until they hand it over
        (WANT, HELMS, []),
        (WANT, replace(HELMS, annotations=ANNOTATIONS), []),
        (WANT, replace(HELMS, annotations={ADOPT_ANNOTATION: "other"}), []),
        (WANT, replace(HELMS, annotations={ADOPT_ANNOTATION: "gitlab"}), [ACCOUNT]),
        (WANT, replace(HELMS, labels={OWNER_LABEL: "other"}), []),
        # Annotate: the annotation and nothing else
        (ANNOTATE, HELMS, [ANNOTATION]),
        (ANNOTATE, replace(HELMS, annotations={CLIENT_ID_ANNOTATION: "old"}), [ANNOTATION]),
        (ANNOTATE, replace(HELMS, annotations={CLIENT_ID_ANNOTATION: CLIENT}), [ANNOTATION]),
        (ANNOTATE, replace(HELMS, annotations=ANNOTATIONS), []),
        (ANNOTATE, replace(HELMS, annotations=ANNOTATIONS, automount=True), []),
        # from Manage to Annotate: our label is removed
        (ANNOTATE, account(WANT, "gitlab"), [ANNOTATION]),
        # Annotate: the operator does not create one
        (ANNOTATE, None, []),
    ],
)
def test_service_accounts_of_others(desired: Desired, found: ClusterObject | None, changes: list[str]) -> None:
    have = standing(desired).without_object("ServiceAccount", "gitlab")

    assert lines(plan(goal(desired), have.with_object(found) if found else have)) == changes


def test_a_key_that_we_no_longer_want_is_removed_and_those_of_others_stay() -> None:
    """Two entries shared a secret, and one of them was disabled."""
    key = ("Secret", "gitlab-object-storage")
    shared = replace(
        HAVE.objects[key],
        data={**HAVE.objects[key].data, "config": "ours", "theirs": "x"},
        applied_keys=frozenset({"connection", "config"}),
    )

    assert lines(plan(goal(), HAVE.with_object(shared))) == ["ApplyObject: secret gitlab-object-storage (key config)"]


def test_an_object_is_applied_with_the_uid_that_was_seen() -> None:
    """The API server then refuses to create it again if it was deleted in the meantime."""
    changed = plan(goal(ANNOTATE), standing(ANNOTATE).with_object(HELMS))
    made = plan(goal(), HAVE.without_object("ServiceAccount", "gitlab"))

    assert [getattr(change, "uid", "") for change in (*changed, *made)] == ["uid", None]


@pytest.mark.parametrize(
    ("changed", "changes"),
    [
        ({"labels": {}}, []),
        ({"labels": {OWNER_LABEL: "other"}, "data": {}}, []),
        ({"labels": {}, "annotations": {ADOPT_ANNOTATION: "other"}, "data": {}}, []),
        ({"labels": {}, "annotations": {ADOPT_ANNOTATION: "gitlab"}, "data": {}}, [f"{OBJECTS} (key connection)"]),
        ({"annotations": {ADOPT_ANNOTATION: "gitlab"}}, []),
    ],
)
def test_secrets_of_others(changed: dict[str, Any], changes: list[str]) -> None:
    assert lines(plan(goal(), secret(**changed))) == changes


def extra(kind: str, **changed: Any) -> ClusterObject:
    """An object under a former name, which we created."""
    made = ClusterObject(kind, "earlier", "uid", "1", WANT.owner.labels, {}, managers=frozenset({MANAGER}))
    return replace(made, **changed)


@pytest.mark.parametrize("kind", ["ServiceAccount", "Secret", "ConfigMap"])
@pytest.mark.parametrize("to", [goal(), deletion()], ids=["prune", "deletion"])
@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({}, "DeleteObject"),
        # handed over to us before: it stays, without our marks
        ({"annotations": {ADOPT_ANNOTATION: "gitlab"}}, "ReleaseObject"),
        ({"annotations": {ADOPT_ANNOTATION: "gitlab"}, "managers": frozenset({"helm"})}, "ReleaseObject"),
        # never written by us
        ({"labels": {}, "managers": frozenset({"helm"})}, None),
        ({"labels": {OWNER_LABEL: "other"}, "managers": frozenset({f"{MANAGER}-2"})}, None),
    ],
)
def test_objects_that_are_no_longer_wanted(kind: str, to: Goal, changed: dict[str, Any], what: str | None) -> None:
    found = extra(kind, **changed)
    have = HAVE.with_object(found) if to.mode is Mode.RECONCILE else Observed(objects={found.key: found})

    assert [type(change).__name__ for change in plan(to, have)] == ([what] if what else [])


def test_a_deletion_takes_everything_of_ours_in_the_order_that_leaves_no_orphans() -> None:
    """An assignment outlives its identity, and then belongs to nobody: it is removed first. The identity is removed last."""
    assert [(change.stage.name, type(change).__name__) for change in plan(deletion(), HAVE)] == [
        ("REVOKE_ROLES", "DeleteAssignment"),
        ("REVOKE_CLUSTER", "DeleteObject"),
        ("REVOKE_CLUSTER", "DeleteObject"),
        ("REVOKE_CLUSTER", "DeleteObject"),
        ("REVOKE_CLUSTER", "DeleteObject"),
        ("REVOKE_CLUSTER", "DeleteObject"),
        ("REVOKE_CREDENTIALS", "DeleteCredential"),
        ("REVOKE_IDENTITY", "DeleteIdentity"),
    ]


@pytest.mark.parametrize(
    ("have", "deleted"),
    [
        (Observed(), []),
        # an adopted identity stays, with the credentials and roles of others
        (
            replace(
                HAVE,
                identity=identity(tags=FOREIGN),
                credentials=(*WANT.credentials, *NOT_OURS),
                assignments=(OURS, assignment(f"{STORAGE}/x", STORAGE_BLOB_DATA_CONTRIBUTOR)),
                objects={},
            ),
            ["DeleteAssignment", "DeleteCredential"],
        ),
        # a service account of Helm's only loses our annotation
        (Observed(objects={("ServiceAccount", "gitlab"): account(WANT, "gitlab", managed=False)}), ["ReleaseObject"]),
        # an assignment that outlived its identity
        (Observed(assignments=(OURS,)), ["DeleteAssignment"]),
    ],
)
def test_a_deletion_takes_nothing_else(have: Observed, deleted: list[str]) -> None:
    assert [type(change).__name__ for change in plan(deletion(), have)] == deleted


@pytest.mark.parametrize(
    "to",
    [goal, lambda: goal(may_adopt=True), deletion],
    ids=["goal", "adopting", "deletion"],
)
def test_stages_never_go_backwards(to: Callable[[], Goal]) -> None:
    old = credential(f"{PREFIX}old")
    stale = assignment(f"{STORAGE}/x", STORAGE_BLOB_DATA_CONTRIBUTOR, owner=OWNER)
    have = Observed(identity(), (old,), (stale,), {("Secret", "earlier"): extra("Secret")})

    stages = [change.stage for change in plan(to(), have)]

    assert stages == sorted(stages)
    assert Stage.REVOKE_ROLES in stages


def test_the_principal_of_an_assignment_is_the_identitys() -> None:
    (change,) = plan(goal(), replace(HAVE, assignments=()))

    assert getattr(change, "principal_id", None) == PRINCIPAL
    assert getattr(change, "description", None) == "gitlabazure.io/owner=lab/gitlab/gitlab"


@pytest.mark.parametrize(
    ("to", "absent", "created"),
    [
        (MANAGED, ["tmp", "registry"], ["container tmp of storage account gitlabstore"]),
        (MANAGED, [], []),
        (goal(), ["tmp", "registry"], []),
        (deletion(MANAGED.desired), ["tmp"], []),
    ],
    ids=["one of two is managed", "none is missing", "none is managed", "a deletion"],
)
def test_the_containers_that_are_created(to: Goal, absent: list[str], created: list[str]) -> None:
    assert [str(change) for change in plan_containers(to, absent, Status())] == created


@pytest.mark.parametrize(
    ("endpoint", "name", "existed", "created"),
    [
        # somebody deleted it: it may be restored, while no other has its name
        ("https://gitlabstore.blob.core.windows.net/", "tmp", True, 0),
        ("https://gitlabstore.blob.core.windows.net/", "tmp", False, 1),
        ("https://gitlabstore.blob.core.windows.net/", "registry", True, 1),
        ("https://oldstore.blob.core.windows.net/", "tmp", True, 1),  # it existed in another account
        (None, "tmp", True, 1),
    ],
)
def test_a_container_that_existed_is_not_created_again(
    endpoint: str | None, name: str, existed: bool, created: int
) -> None:
    known = Status(
        storage=StorageStatus(blob_endpoint=endpoint) if endpoint else None,
        containers=[ContainerStatus(name=name, purpose="tmp", state="Unverified", existed=existed)],
    )

    assert len(plan_containers(MANAGED, ["tmp"], known)) == created
