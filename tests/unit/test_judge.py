"""From the world after a pass to a finding for each link: every reason, with the message that a person reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from gitlab_azure_identity.api import OWNER_LABEL
from gitlab_azure_identity.api.conditions import CHAIN, PLANNED, Link
from gitlab_azure_identity.api.reasons import Reason
from gitlab_azure_identity.domain import naming
from gitlab_azure_identity.domain.changes import Change, PutCredential, Revocation
from gitlab_azure_identity.domain.desired import Credential
from gitlab_azure_identity.domain.findings import Failure, Finding, Outlook, blocked, first_broken, stopped, worst
from gitlab_azure_identity.domain.goal import Goal
from gitlab_azure_identity.domain.judge import PassRecord, judge
from gitlab_azure_identity.domain.observed import Observed
from gitlab_azure_identity.domain.plan import plan
from gitlab_azure_identity.domain.roles import STORAGE_BLOB_DATA_CONTRIBUTOR

from .worlds import GROUP, ISSUER, STORAGE, assignment, deletion, goal, identity, standing, wanted, with_object

WANT = wanted()
HAVE = standing()
NOTHING = PassRecord()
STRANGER = Credential("theirs", ISSUER, "system:serviceaccount:evil:gitlab", "api://AzureADTokenExchange")
FOREIGN = {"gitlabazure-cluster": "lab", "gitlabazure-namespace": "other", "gitlabazure-resource": "gitlab"}
IDENTITY_ID = f"{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/lab-gitlab-gitlab"
RENAME = "Delete this resource, and create it anew with another spec.identity.name, which cannot change"
ADOPT = f"{{namespaces: [gitlab], identities: {{adopt: [{WANT.identity.id}]}}}}"
DENIED = Failure(Reason.AUTHORIZATION_FAILED, "The operator may not do that.", Outlook.STALLED)
BUSY = Failure(Reason.AZURE_UNAVAILABLE, "Azure was busy.", Outlook.TRANSIENT, 7.0)
SOON = Failure(Reason.PRINCIPAL_NOT_FOUND, "Not known everywhere yet.", Outlook.WAITING)


def of(findings: Sequence[Finding], condition: str) -> Finding:
    return next(finding for finding in findings if finding.link == condition)


def secrets_written(spec: dict[str, Any]) -> Finding:
    """What SecretsWritten says when everything that this spec wants stands."""
    want = wanted(spec)
    return of(judge(goal(want), standing(want), NOTHING), Link.SECRETS)


def test_that_gitaly_offers_no_bundles_is_told_whatever_the_release() -> None:
    named = {"storage": {"accountName": "gitlabstore", "containers": {"gitalyBundles": {"name": "bundles"}}}}

    assert secrets_written(named).message.endswith(
        "gitlab-gitlab-values. Gitaly writes bundles, but offers none to clients: it signs their addresses only with an access "
        "key (Gitaly 18.9)."
    )


def test_what_the_values_cannot_do_is_told_where_the_secrets_are_written() -> None:
    off = {"storage": {"accountName": "gitlabstore", "containers": {"registry": {"management": "Disabled"}}}}
    found = secrets_written({**off, "gitlab": {"version": "19.2"}})

    assert (found.status, found.reason) == ("True", "Written")
    assert found.message == (
        "gitlab-azure-backup-conf, gitlab-object-storage, gitlab-gitlab-values. "
        "Your own values must have: registry.enabled: false. "
        "GitLab before 19.3, except the last patches of 19.2, is refused with 401 by the storage once its processes are a day or "
        "two old (gitlab-fog-azure-rm before 2.5.2). Upgrade it, or restart webservice and sidekiq daily."
    )
    assert secrets_written({**off, "gitlab": {"version": "19.3", "features": "Follow"}}).message == (
        "gitlab-azure-backup-conf, gitlab-object-storage, gitlab-gitlab-values."
    )


def test_a_release_that_cannot_use_the_identity() -> None:
    found = secrets_written({"gitlab": {"version": "8.8.7"}})

    assert (found.status, found.reason) == ("False", "VersionUnsupported")
    assert found.message == (
        "The chart before 8.9 (GitLab before 17.9) does not render without a storage key: upgrade it. "
        "Then say the new version in spec.gitlab.version."
    )


def test_all_is_well() -> None:
    findings = judge(goal(), HAVE, NOTHING)

    assert [(f.link, f.status, f.reason, f.message) for f in findings] == [
        (Link.IDENTITY, "True", "Created", "Managed identity lab-gitlab-gitlab exists and is ours."),
        (Link.CREDENTIALS, "True", "Federated", f"1 service account is trusted through issuer {ISSUER}."),
        (Link.ROLES, "True", "Assigned", '"Storage Blob Data Contributor" at storage account gitlabstore.'),
        (Link.SERVICE_ACCOUNTS, "True", "Annotated", "1 service account is annotated with client ID and tenant ID."),
        (
            Link.SECRETS,
            "True",
            "Written",
            "gitlab-azure-backup-conf, gitlab-object-storage, gitlab-registry-storage, gitlab-gitlab-values.",
        ),
    ]
    assert first_broken(findings) is None


def test_many_are_counted_and_not_all_listed() -> None:
    desired = wanted(
        {
            "serviceAccounts": [{"name": "gitlab"}, {"name": "runner"}],
            "storage": {"accountName": "gitlabstore", "roleScope": "Container"},
        }
    )

    findings = judge(goal(desired), standing(desired), NOTHING)

    assert of(findings, Link.CREDENTIALS).message == f"2 service accounts are trusted through issuer {ISSUER}."
    assert of(findings, Link.ROLES).message == (
        '"Storage Blob Delegator" at storage account gitlabstore; '
        '"Storage Blob Data Contributor" at container registry of storage account gitlabstore; '
        '"Storage Blob Data Contributor" at container gitlab-artifacts of storage account gitlabstore; and 5 more.'
    )


def test_whom_an_adopted_identity_trusts_must_be_known() -> None:
    have = replace(HAVE, identity=identity(tags={}), credentials=(), credentials_seen=False)
    failure = Failure(Reason.AZURE_UNAVAILABLE, "Azure could not read just now.", Outlook.TRANSIENT)

    first, *_ = judge(goal(may_adopt=True), have, PassRecord({Link.CREDENTIALS: failure}))

    assert (first.link, first.status, first.reason) == (Link.IDENTITY, "Unknown", "AzureUnavailable")


def test_another_cluster_of_the_same_name_is_named() -> None:
    theirs = replace(WANT.credentials[0], name="theirs", issuer="https://other.example.com/")

    found = of(judge(goal(), replace(HAVE, credentials=(*WANT.credentials, theirs)), NOTHING), Link.CREDENTIALS)

    assert found.status == "True"
    assert found.message.endswith(
        "Its federated credential theirs trusts system:serviceaccount:gitlab:gitlab through issuer https://other.example.com/: "
        "another cluster calls itself lab too, and both use this managed identity. The operator's setting `cluster` must be "
        "unique."
    )


def test_an_adopted_identity() -> None:
    found = of(judge(goal(may_adopt=True), replace(HAVE, identity=identity(tags={})), NOTHING), Link.IDENTITY)

    assert (found.status, found.reason) == ("True", "Adopted")
    assert found.message == "Managed identity lab-gitlab-gitlab is used by permission of the operator's policy."


@pytest.mark.parametrize(
    ("to", "have", "reason", "message"),
    [
        (
            goal(may_create=False),
            Observed(),
            "NotPermitted",
            (
                "Managed identity lab-gitlab-gitlab does not exist, and the operator's policy does not let it be created in "
                "resource group rg-gitlab. Create it, or add the resource group to the policy."
            ),
        ),
        (
            goal(),
            replace(HAVE, identity=identity(tags={})),
            "NotOwned",
            (
                f"Managed identity lab-gitlab-gitlab exists and does not carry this operator's tags. {RENAME}. Or, if service "
                "accounts of namespace gitlab may have every right that the identity has, add to `policy` in the operator's "
                f"settings: {ADOPT}"
            ),
        ),
        (
            goal(),
            replace(HAVE, identity=identity(tags=FOREIGN)),
            "NotOwned",
            # no rule is offered: whoever can log in as that resource's identity would reach this resource's storage
            f"Managed identity lab-gitlab-gitlab exists and belongs to lab/other/gitlab. {RENAME}.",
        ),
        (
            goal(may_adopt=True),
            replace(HAVE, identity=identity(tags={}), credentials=(*WANT.credentials, STRANGER)),
            "SharedIdentity",
            (
                "Managed identity lab-gitlab-gitlab also trusts system:serviceaccount:evil:gitlab, by its federated credential "
                "theirs, and whoever that is would reach this resource's storage. Nothing is granted to the identity. If "
                "evil may reach the storage, add it to identities.sharedWith in the rule of the operator's policy that adopts "
                "the identity: docs/settings.md#policy. Otherwise delete that credential: az identity federated-credential "
                "delete --subscription 11111111-2222-3333-4444-555555555555 --resource-group rg-gitlab --identity-name "
                "lab-gitlab-gitlab --name theirs --yes"
            ),
        ),
    ],
)
def test_without_an_identity_that_may_be_used_everything_else_waits(
    to: Goal, have: Observed, reason: str, message: str
) -> None:
    first, *others = judge(to, have, NOTHING)

    assert (first.status, first.reason, first.message, first.outlook) == ("False", reason, message, Outlook.STALLED)
    assert [finding.link for finding in others] == list(PLANNED[1:])
    for finding in others:
        assert (finding.status, finding.reason, finding.message) == ("Unknown", "Pending", "Waits for IdentityReady.")
        assert finding.outlook is Outlook.BLOCKED


def hand_made(count: int) -> tuple[Credential, ...]:
    return tuple(Credential(f"hand-{n}", "https://x/", f"repo:{n}", "api://x") for n in range(count))


def helms(kind: str, *names: str, **changed: Any) -> Observed:
    have = HAVE
    for name in names:
        have = with_object(have, kind, name, **{"labels": {"app": "x"}, "annotations": {}, **changed})
    return have


TWIN = replace(WANT.credentials[0], name="hand-made", audience="api://other")
ANNOTATE = wanted({"serviceAccounts": [{"name": "runner", "management": "Annotate"}]})


@pytest.mark.parametrize(
    ("to", "have", "condition", "reason", "message"),
    [
        (
            goal(),
            replace(HAVE, credentials=(TWIN,)),
            Link.CREDENTIALS,
            "Conflict",
            (
                "Federated credential hand-made of managed identity lab-gitlab-gitlab already trusts subject "
                "system:serviceaccount:gitlab:gitlab, but for audience api://other instead of api://AzureADTokenExchange. "
                "Remove it: az identity federated-credential delete --subscription 11111111-2222-3333-4444-555555555555 "
                "--resource-group rg-gitlab --identity-name lab-gitlab-gitlab --name hand-made --yes"
            ),
        ),
        (
            goal(),
            replace(HAVE, credentials=hand_made(20)),
            Link.CREDENTIALS,
            "LimitExceeded",
            (
                "Managed identity lab-gitlab-gitlab would need 21 federated credentials, and Azure allows 20. Use fewer "
                "service accounts, or another identity."
            ),
        ),
        (
            goal(ANNOTATE),
            standing(ANNOTATE).without_object("ServiceAccount", "runner"),
            Link.SERVICE_ACCOUNTS,
            "NotFound",
            (
                "Service account runner does not exist. With management: Annotate somebody else creates it, such as the GitLab "
                "chart; with management: Manage the operator does."
            ),
        ),
        (
            goal(),
            helms("ServiceAccount", "gitlab"),
            Link.SERVICE_ACCOUNTS,
            "NotOwned",
            (
                "Service account gitlab exists and was not created by this operator. To hand it over: kubectl -n gitlab "
                "annotate serviceaccount gitlab gitlabazure.io/adopt-by=gitlab"
            ),
        ),
        (
            goal(),
            helms("Secret", "gitlab-object-storage", labels={OWNER_LABEL: "other"}),
            Link.SECRETS,
            "NotOwned",
            (
                "Secret gitlab-object-storage exists and belongs to GitLabAzureIdentity other. Choose another name here, "
                "or take it from that one. To hand it over: kubectl "
                "-n gitlab annotate secret gitlab-object-storage gitlabazure.io/adopt-by=gitlab"
            ),
        ),
        (
            goal(),
            helms("Secret", "gitlab-object-storage", "gitlab-registry-storage"),
            Link.SECRETS,
            "NotOwned",
            (
                "Secrets gitlab-object-storage, gitlab-registry-storage exist and were not created by this operator. To hand "
                "them over: kubectl -n gitlab annotate secret gitlab-object-storage gitlab-registry-storage "
                "gitlabazure.io/adopt-by=gitlab"
            ),
        ),
        (
            goal(),
            helms("ConfigMap", "gitlab-gitlab-values"),
            Link.SECRETS,
            "NotOwned",
            (
                "Config map gitlab-gitlab-values exists and was not created by this operator. To hand it over: kubectl -n gitlab "
                "annotate configmap gitlab-gitlab-values gitlabazure.io/adopt-by=gitlab"
            ),
        ),
    ],
)
def test_findings_that_need_a_person(to: Goal, have: Observed, condition: str, reason: str, message: str) -> None:
    findings = judge(to, have, NOTHING)

    found = of(findings, condition)
    assert (found.status, found.reason, found.message, found.outlook) == ("False", reason, message, Outlook.STALLED)
    assert [f.link for f in findings if f.outlook is not Outlook.GOOD] == [condition]
    assert first_broken(findings) is found


def test_a_role_that_is_not_assigned_yet() -> None:
    found = of(judge(goal(), replace(HAVE, assignments=()), NOTHING), Link.ROLES)

    assert (found.status, found.reason, found.outlook) == ("Unknown", "Progressing", Outlook.WAITING)
    assert (
        found.message == 'Not done yet: role assignment "Storage Blob Data Contributor" at storage account gitlabstore.'
    )


@pytest.mark.parametrize("condition", PLANNED[1:])
@pytest.mark.parametrize(
    ("failure", "status"), [(DENIED, "False"), (BUSY, "Unknown"), (SOON, "Unknown")], ids=["denied", "busy", "soon"]
)
def test_a_failed_read_is_reported_at_its_link(condition: Link, failure: Failure, status: str) -> None:
    findings = judge(goal(), HAVE, PassRecord({condition: failure}))

    found = of(findings, condition)
    assert (found.status, found.reason, found.message) == (status, failure.reason, failure.message)
    assert (found.outlook, found.retry_after) == (failure.outlook, failure.retry_after)


def test_a_change_that_was_not_tried_waits_for_the_broken_link() -> None:
    """Nothing is written while there is no storage account. A change that is still planned does not count as done."""
    have = replace(HAVE, credentials=()).without_object("Secret", "gitlab-object-storage")
    nowhere = Failure(Reason.ACCOUNT_NOT_FOUND, "There is no storage account.", Outlook.STALLED)

    findings = judge(goal(), have, PassRecord({Link.ROLES: nowhere}))

    assert [(f.link, f.status, f.reason) for f in findings] == [
        (Link.IDENTITY, "True", "Created"),
        (Link.CREDENTIALS, "Unknown", "Pending"),
        (Link.ROLES, "False", "AccountNotFound"),
        (Link.SERVICE_ACCOUNTS, "True", "Annotated"),
        (Link.SECRETS, "Unknown", "Pending"),
    ]
    assert of(findings, Link.SECRETS).message == "Waits for RolesAssigned."


def test_a_former_storage_account_that_cannot_be_read_breaks_no_link_and_is_named() -> None:
    findings = judge(goal(), HAVE, PassRecord(former={"…/oldstore": DENIED}))

    assert first_broken(findings) is None
    assert of(findings, Link.ROLES).message == (
        '"Storage Blob Data Contributor" at storage account gitlabstore. Former role assignments stay on record: '
        "The operator may not do that."
    )


LINK_OF = {
    "PutIdentity": Link.IDENTITY,
    "DeleteIdentity": Link.IDENTITY,
    "PutCredential": Link.CREDENTIALS,
    "DeleteCredential": Link.CREDENTIALS,
    "PutAssignment": Link.ROLES,
    "DeleteAssignment": Link.ROLES,
    "ApplyServiceAccount": Link.SERVICE_ACCOUNTS,
    "ApplyObject": Link.SECRETS,
}
EVERY_CHANGE = (
    *plan(goal(), Observed()),
    *plan(goal(), Observed(identity=identity())),
    *plan(deletion(), HAVE),
)


@pytest.mark.parametrize("change", EVERY_CHANGE, ids=str)
def test_a_failed_write_is_reported_at_its_link(change: Change) -> None:
    kind = type(change).__name__
    expected = LINK_OF.get(kind) or (Link.SERVICE_ACCOUNTS if "service account" in str(change) else Link.SECRETS)

    assert change.link == expected
    found = of(judge(goal(), HAVE, PassRecord({}, ((change, DENIED),))), expected)
    assert found.reason == "AuthorizationFailed" or isinstance(change, Revocation)


OLD_ROLE = replace(HAVE.assignments[0], scope=replace(HAVE.assignments[0].scope, account="oldstore"))
FORMER = Credential(
    f"{naming.credential_prefix(ISSUER, 'gitlab', 'gitlab')}former",
    ISSUER,
    "system:serviceaccount:gitlab:former",
    "api://AzureADTokenExchange",
)
TOO_MUCH = replace(HAVE, assignments=(*HAVE.assignments, OLD_ROLE), credentials=(*HAVE.credentials, FORMER))


@pytest.mark.parametrize("failure", [DENIED, BUSY, SOON])
def test_failing_to_take_away_is_not_failing_to_give(failure: Failure) -> None:
    """A lock keeps a former role and a former credential. Everything that is wanted stands."""
    removals = plan(goal(), TOO_MUCH)
    assert {change.link for change in removals} == {Link.ROLES, Link.CREDENTIALS}

    findings = judge(goal(), TOO_MUCH, PassRecord({}, [(change, failure) for change in removals]))

    assert first_broken(findings) is None


def test_a_removal_that_was_not_tried_is_not_done_yet() -> None:
    found = of(judge(goal(), TOO_MUCH, NOTHING), Link.ROLES)

    assert (found.reason, found.outlook) == ("Progressing", Outlook.WAITING)


def test_what_is_wanted_and_missing_counts_beside_a_removal_that_failed() -> None:
    have = replace(TOO_MUCH, credentials=(FORMER,))
    removal = next(change for change in plan(goal(), have) if change.link is Link.ROLES)
    refusal = next(change for change in plan(goal(), have) if isinstance(change, PutCredential))

    findings = judge(goal(), have, PassRecord({}, [(removal, DENIED), (refusal, DENIED)]))

    assert {f.link for f in findings if f.outlook is not Outlook.GOOD} == {Link.CREDENTIALS}


def test_an_identity_whose_tag_cannot_be_written_does_not_hide_the_other_links() -> None:
    desired = wanted({"azure": {"tags": {"team": "storage"}}})
    have = standing()
    (change,) = plan(goal(desired), have)

    findings = judge(goal(desired), have, PassRecord({}, ((change, DENIED),)))

    assert of(findings, Link.IDENTITY).reason == "AuthorizationFailed"
    assert {finding.status for finding in findings[1:]} == {"True"}


def test_a_link_whose_change_is_not_made_yet_is_not_good() -> None:
    """A command line, or an operator that only observes, judges before anything is carried out."""
    have = replace(HAVE, credentials=()).without_object("Secret", "gitlab-object-storage")

    findings = judge(goal(), have, NOTHING)

    assert {f.link: (f.status, f.reason, f.message) for f in findings if f.outlook is not Outlook.GOOD} == {
        Link.CREDENTIALS: (
            "Unknown",
            "Progressing",
            "Not done yet: federated credential for system:serviceaccount:gitlab:gitlab.",
        ),
        Link.SECRETS: ("Unknown", "Progressing", "Not done yet: secret gitlab-object-storage."),
    }


def test_before_the_identity_exists_everything_waits_for_it() -> None:
    first, *others = judge(goal(), Observed(), NOTHING)

    assert (first.status, first.message) == ("Unknown", "Not done yet: managed identity lab-gitlab-gitlab.")
    assert {finding.message for finding in others} == {"Waits for IdentityReady."}


def test_of_several_failures_the_one_for_a_person_is_reported() -> None:
    assert worst([SOON, BUSY, DENIED]) is DENIED
    assert worst([SOON, BUSY]) is BUSY
    assert worst([SOON]) is SOON


def test_a_pass_that_stops_reports_it_at_one_link_and_the_others_wait() -> None:
    findings = stopped(Link.ROLES, DENIED)

    assert [finding.link for finding in findings] == list(CHAIN)
    assert {f.link: f.status for f in findings if f.outlook is not Outlook.BLOCKED} == {Link.ROLES: "False"}
    assert {f.message for f in findings if f.outlook is Outlook.BLOCKED} == {"Waits for RolesAssigned."}


def test_access_waits_for_the_first_link_that_does_not_hold() -> None:
    findings = judge(goal(), replace(HAVE, assignments=()), NOTHING)
    first = first_broken(findings)

    assert first is not None
    waits = blocked(Link.ACCESS, first.link)
    assert (waits.status, waits.reason, waits.message) == ("Unknown", "Pending", "Waits for RolesAssigned.")
    assert waits.outlook is Outlook.BLOCKED


def test_a_condition_of_a_wanted_assignment_is_told() -> None:
    """Azure takes no second assignment of the role. The attempt at access decides whether the condition is in the way."""
    (only,) = HAVE.assignments
    roles = of(judge(goal(), replace(HAVE, assignments=(replace(only, condition="(…)"),)), PassRecord()), Link.ROLES)

    assert (roles.status, roles.reason) == ("True", "Assigned")
    assert roles.message == (
        '"Storage Blob Data Contributor" at storage account gitlabstore. '
        f"Role assignment {only.name} at storage account gitlabstore has a condition, which somebody else wrote. AccessVerified "
        "says what it still lets GitLab do."
    )


def test_a_former_role_that_still_stays_is_told() -> None:
    former = assignment(f"{STORAGE}/former", STORAGE_BLOB_DATA_CONTRIBUTOR, owner=goal().owner.description)
    have = replace(HAVE, assignments=(*HAVE.assignments, former))
    roles = of(judge(replace(goal(), settled=False), have, PassRecord()), Link.ROLES)

    assert (roles.status, roles.reason) == ("True", "Assigned")
    assert roles.message == (
        '"Storage Blob Data Contributor" at storage account gitlabstore. '
        "Former role assignments at storage account former stay until these are proven to work."
    )


def test_an_observed_link_that_could_not_be_seen_lacks_nothing_that_is_known() -> None:
    """What was not seen may be there, so its finding is why it was not seen."""
    observe = {"management": "Observe"}
    desired = wanted({"identity": observe, "roleAssignments": observe})
    have = replace(standing(desired), credentials=(), assignments=())

    found = judge(goal(desired), have, PassRecord({Link.CREDENTIALS: BUSY, Link.ROLES: DENIED}))

    assert of(found, Link.CREDENTIALS).reason == "AzureUnavailable"
    assert of(found, Link.ROLES).reason == "AuthorizationFailed"


def test_roles_that_this_resource_assigned_before_they_were_only_observed_are_named() -> None:
    desired = wanted({"roleAssignments": {"management": "Observe"}})
    old = assignment(f"{STORAGE}/oldstore", STORAGE_BLOB_DATA_CONTRIBUTOR, owner=desired.owner.description)
    have = standing(desired)

    found = of(judge(goal(desired), replace(have, assignments=(*have.assignments, old)), NOTHING), Link.ROLES)

    assert found.status == "True"
    assert found.message.endswith(
        "This resource assigned roles at storage account oldstore that are no longer wanted. They stay: "
        "roleAssignments.management is Observe."
    )
