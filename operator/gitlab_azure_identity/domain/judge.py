"""From the world as it stands after a pass to a finding for each link of the chain. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gitlab_azure_identity.api import ADOPT_ANNOTATION, OWNER_LABEL
from gitlab_azure_identity.api.conditions import (
    CREDENTIALS_FEDERATED,
    IDENTITY_READY,
    LINKS,
    ROLES_ASSIGNED,
    SECRETS_WRITTEN,
    SERVICE_ACCOUNTS_ANNOTATED,
)
from gitlab_azure_identity.api.spec import MAX_SERVICE_ACCOUNTS
from gitlab_azure_identity.domain.changes import (
    ApplyObject,
    ApplyServiceAccount,
    Change,
    DeleteAssignment,
    DeleteCredential,
    DeleteIdentity,
    DeleteObject,
    PutAssignment,
    PutCredential,
    PutIdentity,
    ReleaseObject,
    place,
    words,
)
from gitlab_azure_identity.domain.desired import Credential
from gitlab_azure_identity.domain.findings import Failure, Finding, Outlook, blocked, failed, good, worst
from gitlab_azure_identity.domain.goal import Goal
from gitlab_azure_identity.domain.observed import ClusterObject, Identity, Observed
from gitlab_azure_identity.domain.ownership import claimed, handed_to
from gitlab_azure_identity.domain.plan import missing_credentials, missing_grants, twin
from gitlab_azure_identity.domain.policy import adoption


@dataclass(frozen=True)
class Failures:
    """What went wrong in a pass: while looking, by link, and while changing. `pending` is what is still to be done after it,
    and `former` says which storage accounts of before could not be looked at."""

    looking: Mapping[str, Failure] = field(default_factory=dict)
    changing: tuple[tuple[Change, Failure], ...] = ()
    pending: tuple[Change, ...] = ()
    former: Mapping[str, Failure] = field(default_factory=dict)

    def of(self, condition: str) -> list[Failure]:
        found = [failure for change, failure in self.changing if link(change) == condition]
        return found + ([self.looking[condition]] if condition in self.looking else [])


def link(change: Change) -> str:
    """The link of the chain that a change belongs to."""
    match change:
        case PutIdentity() | DeleteIdentity():
            return IDENTITY_READY
        case PutCredential() | DeleteCredential():
            return CREDENTIALS_FEDERATED
        case PutAssignment() | DeleteAssignment():
            return ROLES_ASSIGNED
        case ApplyServiceAccount():
            return SERVICE_ACCOUNTS_ANNOTATED
        case ApplyObject():
            return SECRETS_WRITTEN
        case DeleteObject() | ReleaseObject():
            return SERVICE_ACCOUNTS_ANNOTATED if change.found.kind == "ServiceAccount" else SECRETS_WRITTEN


def judge(goal: Goal, have: Observed, failures: Failures) -> tuple[Finding, ...]:
    """A finding for each link of a resource that is kept but AccessVerified, which only an attempt can tell."""
    identity = _identity(goal, have, failures)
    if not goal.may_use(have):
        return (identity, *(blocked(later, IDENTITY_READY) for later in LINKS[1:-1]))
    findings = (
        identity,
        _credentials(goal, have, failures),
        _roles(goal, have, failures),
        _service_accounts(goal, have, failures),
        _objects(goal, have, failures),
    )
    broken = first_broken(findings)
    waiting = {link(change) for change in failures.pending} if broken else set()
    return tuple(
        blocked(finding.condition, broken.condition)
        if broken and finding.condition in waiting and finding.outlook is Outlook.GOOD
        else finding
        for finding in findings
    )


def stop(condition: str, failure: Failure) -> tuple[Finding, ...]:
    """Findings when a pass ends at one link: all others wait, those before it too, since nothing was looked at."""
    return tuple(failed(one, failure) if one == condition else blocked(one, condition) for one in LINKS)


def first_broken(findings: Sequence[Finding]) -> Finding | None:
    """The first link that does not hold, and without which an attempt at access would say nothing; None to go on."""
    return next((finding for finding in findings if finding.outlook is not Outlook.GOOD), None)


def _identity(goal: Goal, have: Observed, failures: Failures) -> Finding:
    want, identity, condition = goal.desired, have.identity, IDENTITY_READY
    if problems := failures.of(condition):
        return failed(condition, worst(problems))
    if identity is None:
        message = (
            f"Managed identity {want.identity.name} does not exist, and the operator's policy does not let it be created in "
            f"resource group {want.identity.resource_group}. Create it, or add the resource group to the policy."
        )
        return failed(condition, Failure("NotPermitted", message, Outlook.STALLED))
    if goal.owns(identity):
        return good(condition, "Created", f"Managed identity {identity.name} exists and is ours.")
    if goal.may_adopt:
        if not have.credentials_seen:
            return failed(condition, failures.looking[CREDENTIALS_FEDERATED])
        if strangers := goal.strangers(have):
            return failed(condition, _shared(identity, strangers[0]))
        return good(
            condition, "Adopted", f"Managed identity {identity.name} is used by permission of the operator's policy."
        )
    return failed(condition, _anothers(goal, identity))


def _anothers(goal: Goal, identity: Identity) -> Failure:
    """An identity that is not ours to use. The rule that would lend it is shown only where no resource claims the identity:
    whom that resource has the identity trust would reach this resource's storage too."""
    rename = "Delete this resource, and create it anew with another spec.identity.name, which cannot change"
    if owner := claimed(identity.tags):
        message = f"Managed identity {identity.name} exists and belongs to {owner}. {rename}."
    else:
        message = (
            f"Managed identity {identity.name} exists and does not carry this operator's tags. {rename}. Or, if service accounts "
            f"of namespace {goal.owner.namespace} may have every right that the identity has, add to `policy` in the operator's "
            f"settings: {adoption(goal.desired)}"
        )
    return Failure("NotOwned", message, Outlook.STALLED)


def _shared(identity: Identity, credential: Credential) -> Failure:
    """An adopted identity that lets somebody else in."""
    message = (
        f"Managed identity {identity.name} also trusts {credential.subject}, by its federated credential {credential.name}, and "
        "whoever that is would reach this resource's storage. Nothing is granted to the identity. Delete that credential. Or, if "
        f"{credential.trusts} may reach the storage, add it to identities.sharedWith in the rule of the operator's policy that "
        "adopts the identity: docs/settings.md#policy."
    )
    return Failure("SharedIdentity", message, Outlook.STALLED)


def _credentials(goal: Goal, have: Observed, failures: Failures) -> Finding:
    want, condition = goal.desired, CREDENTIALS_FEDERATED
    missing = missing_credentials(goal, have)
    for credential in missing:
        if other := twin(credential, have):
            message = (
                f"Federated credential {other.name} of managed identity {want.identity.name} already trusts subject "
                f"{credential.subject}, but for audience {other.audience} instead of {credential.audience}. Remove it."
            )
            return failed(condition, Failure("Conflict", message, Outlook.STALLED))
    names = {credential.name for credential in have.credentials} | {credential.name for credential in missing}
    if missing and len(names) > MAX_SERVICE_ACCOUNTS:
        message = (
            f"Managed identity {want.identity.name} would need {len(names)} federated credentials, and Azure allows "
            f"{MAX_SERVICE_ACCOUNTS}. Use fewer service accounts, or another identity."
        )
        return failed(condition, Failure("LimitExceeded", message, Outlook.STALLED))
    if problems := failures.of(condition):
        return failed(condition, worst(problems))
    count = len(want.credentials)
    told = f"{_count(count, 'service account')} trusted through issuer {want.issuer}."
    return good(condition, "Federated", " ".join([told, *another_cluster(goal, have)]))


def another_cluster(goal: Goal, have: Observed) -> tuple[str, ...]:
    """What is said of an identity of ours that another cluster's operator uses as its own; nothing where there is none."""
    twin = goal.of_another_cluster(have)
    if twin is None:
        return ()
    told = (
        f"Its federated credential {twin.name} trusts {twin.subject} through issuer {twin.issuer}: another cluster calls itself "
        f"{goal.owner.cluster} too, and both use this managed identity. The operator's setting `cluster` must be "
        "unique."
    )
    return (told,)


def _roles(goal: Goal, have: Observed, failures: Failures) -> Finding:
    condition = ROLES_ASSIGNED
    if problems := failures.of(condition):
        return failed(condition, worst(problems))
    if missing := missing_grants(goal, have):
        grant = missing[0]
        message = f'Role "{grant.role.name}" at {place(grant.scope)} is not assigned yet.'
        return failed(condition, Failure("Progressing", message, Outlook.WAITING))
    listed = "; ".join(f'"{grant.role.name}" at {place(grant.scope)}' for grant in goal.grants[:3])
    more = f"; and {len(goal.grants) - 3} more" if len(goal.grants) > 3 else ""  # noqa: PLR2004 - a line that still reads
    beside = "".join(f" What was assigned before stays on record: {why.message}" for why in failures.former.values())
    return good(condition, "Assigned", f"{listed}{more}.{beside}")


def _service_accounts(goal: Goal, have: Observed, failures: Failures) -> Finding:
    condition = SERVICE_ACCOUNTS_ANNOTATED
    for account in goal.service_accounts:
        found = have.objects.get(("ServiceAccount", account.name))
        if found is None and not account.managed:
            message = (
                f"Service account {account.name} does not exist. With management: Annotate somebody else creates it, such as "
                "the GitLab chart; with management: Manage the operator does."
            )
            return failed(condition, Failure("NotFound", message, Outlook.STALLED))
        if found is not None and account.managed and not goal.may_write(found):
            return failed(condition, not_owned(goal, found))
    if problems := failures.of(condition):
        return failed(condition, worst(problems))
    count = _count(len(goal.service_accounts), "service account")
    return good(condition, "Annotated", f"{count} annotated with the client ID.")


def _objects(goal: Goal, have: Observed, failures: Failures) -> Finding:
    condition = SECRETS_WRITTEN
    for wanted in goal.objects:
        found = have.objects.get((wanted.kind, wanted.name))
        if found is not None and not goal.may_write(found):
            return failed(condition, not_owned(goal, found))
    if problems := failures.of(condition):
        return failed(condition, worst(problems))
    return good(condition, "Written", f"{', '.join(wanted.name for wanted in goal.objects)}.")


def not_owned(goal: Goal, found: ClusterObject) -> Failure:
    """An object that stands in the way, with the line that hands it over."""
    owner = handed_to(found.annotations) or found.labels.get(OWNER_LABEL)
    kind = words(found.kind)
    theirs = f"belongs to GitLabAzureIdentity {owner}. Choose another name here, or take it from that one"
    message = (
        f"{kind.capitalize()} {found.name} exists and "
        + (theirs if owner else "was not made by this operator")
        + ". To hand it over: "
        f"kubectl annotate {found.kind.lower()} -n {goal.owner.namespace} {found.name} "
        f"{ADOPT_ANNOTATION}={goal.owner.name}" + (" --overwrite" if handed_to(found.annotations) else "")
    )
    return Failure("NotOwned", message, Outlook.STALLED)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{' is' if number == 1 else 's are'}"
