"""From the goal and what was observed to a finding for each link of the chain. The findings are true at any time: before a plan
is carried out, after it, and when nobody carries it out."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from gitlab_azure_identity.api import OWNER_LABEL
from gitlab_azure_identity.api.conditions import PLANNED, Link
from gitlab_azure_identity.api.reasons import Reason
from gitlab_azure_identity.api.spec import MAX_SERVICE_ACCOUNTS
from gitlab_azure_identity.domain.access_keys import handover_obstacle, written_elsewhere
from gitlab_azure_identity.domain.causes import commands
from gitlab_azure_identity.domain.changes import Change, Revocation, words
from gitlab_azure_identity.domain.desired import Credential
from gitlab_azure_identity.domain.findings import Failure, Finding, Outlook, blocked, failed, good, worst
from gitlab_azure_identity.domain.gitlab.notes import about_the_values
from gitlab_azure_identity.domain.gitlab.versions import unusable
from gitlab_azure_identity.domain.goal import Goal
from gitlab_azure_identity.domain.missing import how_to_add, missing
from gitlab_azure_identity.domain.observed import Assignment, ClusterObject, Identity, Observed
from gitlab_azure_identity.domain.ownership import claimed, handed_to
from gitlab_azure_identity.domain.plan import (
    conflicting_credential,
    former_assignments,
    is_wanted,
    missing_credentials,
    missing_grants,
    plan,
)
from gitlab_azure_identity.domain.policy import adoption

LISTED = 3  # things that a sentence names at most


@dataclass(frozen=True)
class PassRecord:
    """The failures of a pass: while it observed, by link; while it applied changes; and of former storage accounts that could not
    be read, by the key of their ARM id. It is empty when nothing was carried out."""

    observing: Mapping[Link, Failure] = field(default_factory=dict)
    applying: Sequence[tuple[Change, Failure]] = ()
    former: Mapping[str, Failure] = field(default_factory=dict)

    @property
    def lingering(self) -> tuple[tuple[Revocation, Failure], ...]:
        """The removals that failed. What should be gone does not make a link bad: everything that is wanted may stand."""
        return tuple((change, failure) for change, failure in self.applying if isinstance(change, Revocation))

    def failures(self, link: Link) -> list[Failure]:
        found = [
            failure for change, failure in self.applying if change.link is link and not isinstance(change, Revocation)
        ]
        return found + ([self.observing[link]] if link in self.observing else [])


def judge(goal: Goal, have: Observed, record: PassRecord) -> tuple[Finding, ...]:
    """One finding for each link except AccessVerified, which only a live attempt can establish.

    No link is good while the plan holds a change for it, but for a removal that was tried and failed. Its finding names the
    obstacle, or else the failure, or else the broken link that it waits for, or else the change that is not done yet."""
    usable = goal.may_use(have)
    links = PLANNED if usable else (Link.IDENTITY,)
    failures = {link: failure for link in links if (failure := _failure(link, goal, have, record)) is not None}
    broken = next(iter(failures), None)
    lingers = {change.link for change, _ in record.lingering}
    pending = {
        change.link: change
        for change in reversed(plan(goal, have))
        if not (change.link in lingers and isinstance(change, Revocation))
    }

    def finding(link: Link) -> Finding:
        if link in failures:
            return failed(link, failures[link])
        if link not in links:
            return blocked(link, Link.IDENTITY)
        if link not in pending:
            return _holds(link, goal, have, record)
        if broken is not None:
            return blocked(link, broken)
        return failed(link, Failure(Reason.PROGRESSING, f"Not done yet: {pending[link]}.", Outlook.WAITING))

    return tuple(finding(link) for link in PLANNED)


def _failure(link: Link, goal: Goal, have: Observed, record: PassRecord) -> Failure | None:
    """Why a link cannot be established: the obstacle that was seen, or else the failure. What an unmanaged link lacks is only
    known when it could be seen."""
    if link in goal.desired.unmanaged and link in record.observing:
        return record.observing[link]
    obstacle = OBSTACLES[link](goal, have) if link in OBSTACLES else None
    if obstacle is not None:
        return obstacle
    failures = record.failures(link)
    identity = have.identity
    if link is Link.IDENTITY and identity and not goal.owns(identity) and not have.credentials_seen:
        failures += record.failures(Link.CREDENTIALS)  # it is unknown whom an adopted identity trusts
    return worst(failures) if failures else None


def _identity_obstacle(goal: Goal, have: Observed) -> Failure | None:
    want, identity = goal.desired.identity, have.identity
    if identity is None:
        if goal.may_create:
            return None
        if Link.IDENTITY in goal.desired.unmanaged:
            sentence = f"Managed identity {want.name} does not exist in resource group {want.id.resource_group}"
            return _not_added(Link.IDENTITY, goal, have, sentence)
        message = (
            f"Managed identity {want.name} does not exist, and the operator's policy does not let it be created in "
            f"resource group {want.id.resource_group}. Create it, or add the resource group to the policy."
        )
        return Failure(Reason.NOT_PERMITTED, message, Outlook.STALLED)
    if goal.owns(identity):
        return None
    if not goal.may_adopt:
        return _anothers(goal, identity)
    strangers = goal.strangers(have)
    return _shared(identity, strangers[0], _removal(goal, have, strangers[0])) if strangers else None


def _not_added(link: Link, goal: Goal, have: Observed, sentence: str) -> Failure:
    """The failure of an unmanaged link that lacks something, with what adds it. Without the identity everything that belongs to
    it is told at once, since whoever creates it will add that too."""
    lacking = [one for one in missing(goal, have) if link in (one.link, Link.IDENTITY)]
    field = "roleAssignments" if link is Link.ROLES else "identity"
    message = (
        f"{sentence}. spec.{field}.management is Observe: somebody else has to add what is missing. "
        f"{how_to_add(lacking, goal.owner)}"
    )
    return Failure(Reason.NOT_FOUND, message, Outlook.STALLED)


def _anothers(goal: Goal, identity: Identity) -> Failure:
    """The failure for an identity that this resource may not use. The message shows the rule that would let it be adopted only
    when no other resource claims the identity. Whoever can log in as that resource's identity would reach this storage too."""
    rename = "Delete this resource, and create it anew with another spec.identity.name, which cannot change"
    if owner := claimed(identity.tags):
        message = f"Managed identity {identity.name} exists and belongs to {owner}. {rename}."
    else:
        observed = Link.IDENTITY in goal.desired.unmanaged
        message = (
            f"Managed identity {identity.name} exists and does not carry this operator's tags. "
            f"{'If' if observed else f'{rename}. Or, if'} service accounts of namespace {goal.owner.namespace} may have every "
            f"right that the identity has, add to `policy` in the operator's settings: {adoption(goal.desired)}"
        )
    return Failure(Reason.NOT_OWNED, message, Outlook.STALLED)


def _shared(identity: Identity, credential: Credential, removal: str) -> Failure:
    """The failure for an adopted identity that also trusts somebody else. `removal` is the command against it."""
    message = (
        f"Managed identity {identity.name} also trusts {credential.subject}, by its federated credential {credential.name}, and "
        "whoever that is would reach this resource's storage. Nothing is granted to the identity. If "
        f"{credential.trusts} may reach the storage, add it to identities.sharedWith in the rule of the operator's policy that "
        f"adopts the identity: docs/settings.md#policy. Otherwise delete that credential: {removal}"
    )
    return Failure(Reason.SHARED_IDENTITY, message, Outlook.STALLED)


def _credentials_obstacle(goal: Goal, have: Observed) -> Failure | None:
    name = goal.desired.identity.name
    lacking = missing_credentials(goal, have)
    for credential in lacking:
        if other := conflicting_credential(credential, have):
            message = (
                f"Federated credential {other.name} of managed identity {name} already trusts subject "
                f"{credential.subject}, but for audience {other.audience} instead of {credential.audience}. Remove it: "
                f"{_removal(goal, have, other)}"
            )
            return Failure(Reason.CONFLICT, message, Outlook.STALLED)
    names = {credential.name for credential in have.credentials} | {credential.name for credential in lacking}
    if lacking and len(names) > MAX_SERVICE_ACCOUNTS:
        message = (
            f"Managed identity {name} would need {len(names)} federated credentials, and Azure allows "
            f"{MAX_SERVICE_ACCOUNTS}. Use fewer service accounts, or another identity."
        )
        return Failure(Reason.LIMIT_EXCEEDED, message, Outlook.STALLED)
    if lacking and Link.CREDENTIALS in goal.desired.unmanaged:
        return _not_federated(goal, have, lacking)
    return None


def _removal(goal: Goal, have: Observed, credential: Credential) -> str:
    """The command that removes a federated credential of the identity."""
    place = have.identity.id if have.identity else goal.desired.identity.id
    return commands.DELETE_CREDENTIAL.filled(
        subscription=place.subscription, group=place.resource_group, identity=place.name, credential=credential.name
    )


def _not_federated(goal: Goal, have: Observed, lacking: Sequence[Credential]) -> Failure:
    """The failure for service accounts that an observed identity does not trust. An issuer that is another one by a character is
    what people look at for hours, so the message shows it."""
    name, issuer = goal.desired.identity.name, lacking[0].issuer
    subjects = [credential.subject for credential in lacking]
    others = [one for one in have.credentials if one.subject in subjects and one.issuer != issuer]
    sentences = [
        f"Managed identity {name} has no federated credential for {_listed(subjects)} with issuer {issuer}",
        *(f"Its credential {one.name} trusts {one.subject} by issuer {one.issuer} instead" for one in others),
    ]
    return _not_added(Link.CREDENTIALS, goal, have, ". ".join(sentences))


def _roles_obstacle(goal: Goal, have: Observed) -> Failure | None:
    if Link.ROLES not in goal.desired.unmanaged:
        return None
    lacking = [f'"{grant.role.name}" at {grant.scope.words}' for grant in missing_grants(goal, have)]
    if not lacking:
        return None
    sentence = f"Managed identity {goal.desired.identity.name} does not have role {_listed(lacking)}"
    return _not_added(Link.ROLES, goal, have, sentence)


def _listed(things: Sequence[str]) -> str:
    """The first things of a list, and how many more there are."""
    more = f" and {len(things) - LISTED} more" if len(things) > LISTED else ""
    return f"{', '.join(things[:LISTED])}{more}"


def _service_accounts_obstacle(goal: Goal, have: Observed) -> Failure | None:
    for account in goal.service_accounts:
        found = have.objects.get(("ServiceAccount", account.name))
        if found is None and not account.managed:
            message = (
                f"Service account {account.name} does not exist. With management: Annotate somebody else creates it, such as "
                "the GitLab chart; with management: Manage the operator does."
            )
            return Failure(Reason.NOT_FOUND, message, Outlook.STALLED)
        if found is not None and account.managed and not goal.may_write(found):
            return not_owned(goal, found)
    return None


def _objects_obstacle(goal: Goal, have: Observed) -> Failure | None:
    wanted = [(one, have.objects.get((one.kind, one.name))) for one in goal.objects]
    foreign = next((found for _, found in wanted if found is not None and not goal.may_write(found)), None)
    if foreign is not None:
        return (written_elsewhere(foreign) if foreign.kind == "Secret" else None) or not_owned(goal, foreign)
    if reasons := [known.message for known in unusable(goal.desired.use)]:
        message = f"{' '.join(reasons)} Then say the new version in spec.gitlab.version."
        return Failure(Reason.VERSION_UNSUPPORTED, message, Outlook.STALLED)
    obstacles = (handover_obstacle(goal, have, one, found) for one, found in wanted)
    return worst(found) if (found := [obstacle for obstacle in obstacles if obstacle is not None]) else None


OBSTACLES = {
    Link.IDENTITY: _identity_obstacle,
    Link.CREDENTIALS: _credentials_obstacle,
    Link.ROLES: _roles_obstacle,
    Link.SERVICE_ACCOUNTS: _service_accounts_obstacle,
    Link.SECRETS: _objects_obstacle,
}


def not_owned(goal: Goal, found: ClusterObject) -> Failure:
    """The failure for an object that is not ours, with the command that hands it over."""
    owner = handed_to(found.annotations) or found.labels.get(OWNER_LABEL)
    kind = words(found.kind)
    theirs = f"belongs to GitLabAzureIdentity {owner}. Choose another name here, or take it from that one"
    hand_over = commands.HAND_OVER.filled(
        namespace=goal.owner.namespace, kind=found.kind.lower(), object=found.name, name=goal.owner.name
    )
    whose = theirs if owner else "was not created by this operator"
    again = " --overwrite" if handed_to(found.annotations) else ""
    message = f"{kind.capitalize()} {found.name} exists and {whose}. To hand it over: {hand_over}{again}"
    return Failure(Reason.NOT_OWNED, message, Outlook.STALLED)


def _holds(link: Link, goal: Goal, have: Observed, record: PassRecord) -> Finding:
    """The finding of a link that holds."""
    match link:
        case Link.IDENTITY:
            return _usable(goal, have)
        case Link.CREDENTIALS:
            number = _count(len(goal.credentials), "service account")
            sentences = [f"{number} trusted through issuer {goal.desired.issuer}.", *another_cluster(goal, have)]
            return good(link, Reason.FEDERATED, " ".join(sentences))
        case Link.ROLES:
            grants = [f'"{grant.role.name}" at {grant.scope.words}' for grant in goal.grants]
            more = f"; and {len(grants) - LISTED} more" if len(grants) > LISTED else ""
            return good(
                link, Reason.ASSIGNED, " ".join([f"{'; '.join(grants[:LISTED])}{more}.", *_asides(goal, have, record)])
            )
        case Link.SERVICE_ACCOUNTS:
            number = _count(len(goal.service_accounts), "service account")
            return good(link, Reason.ANNOTATED, f"{number} annotated with client ID and tenant ID.")
    names = ", ".join(wanted.name for wanted in goal.objects)
    return good(link, Reason.WRITTEN, " ".join([f"{names}.", *about_the_values(goal.desired.use)]))


def _asides(goal: Goal, have: Observed, record: PassRecord) -> Iterator[str]:
    """Sentences about role assignments that the wanted ones do not tell."""
    for assignment in have.assignments:
        if assignment.condition and is_wanted(goal, assignment):
            yield (
                f"Role assignment {assignment.name} at {assignment.scope.words} has a condition, which somebody else wrote. "
                "AccessVerified says what it still lets GitLab do."
            )
    if Link.ROLES in goal.desired.unmanaged:
        left = [one for one in have.assignments if goal.owns_assignment(one) and not is_wanted(goal, one)]
        if left:
            yield (
                f"This resource assigned roles at {_scopes(left)} that are no longer wanted. They stay: "
                "roleAssignments.management is Observe."
            )
    elif former := former_assignments(goal, have):
        yield (f"Former role assignments at {_scopes(former)} stay until these are proven to work.")
    for failure in record.former.values():
        yield f"Former role assignments stay on record: {failure.message}"


def _scopes(assignments: Sequence[Assignment]) -> str:
    return "; ".join(dict.fromkeys(one.scope.words for one in assignments))


def _usable(goal: Goal, have: Observed) -> Finding:
    name = have.identity.name if have.identity else goal.desired.identity.name
    if have.identity and goal.owns(have.identity) and Link.IDENTITY in goal.desired.unmanaged:
        return good(Link.IDENTITY, Reason.OBSERVED, f"Managed identity {name} exists and is ours. It is only observed.")
    if have.identity and goal.owns(have.identity):
        return good(Link.IDENTITY, Reason.CREATED, f"Managed identity {name} exists and is ours.")
    if Link.IDENTITY in goal.desired.unmanaged:
        return good(Link.IDENTITY, Reason.OBSERVED, f"Managed identity {name} exists. It is only observed.")
    message = f"Managed identity {name} is used by permission of the operator's policy."
    return good(Link.IDENTITY, Reason.ADOPTED, message)


def another_cluster(goal: Goal, have: Observed) -> tuple[str, ...]:
    """The sentence about another cluster's operator that uses our identity as its own. Empty when there is no such operator."""
    theirs = goal.of_another_cluster(have)
    if theirs is None:
        return ()
    sentence = (
        f"Its federated credential {theirs.name} trusts {theirs.subject} through issuer {theirs.issuer}: another cluster calls "
        f"itself {goal.owner.cluster} too, and both use this managed identity. The operator's setting `cluster` must be "
        "unique."
    )
    return (sentence,)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{' is' if number == 1 else 's are'}"
