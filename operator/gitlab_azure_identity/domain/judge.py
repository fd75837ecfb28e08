"""From the goal and what was observed to a finding for each link of the chain. The findings are true at any time: before a plan
is carried out, after it, and when nobody carries it out."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from gitlab_azure_identity.api.conditions import PLANNED, Link
from gitlab_azure_identity.api.reasons import Reason
from gitlab_azure_identity.domain.changes import Change, Revocation
from gitlab_azure_identity.domain.findings import Failure, Finding, Outlook, blocked, failed, good, worst
from gitlab_azure_identity.domain.gitlab.notes import about_the_values
from gitlab_azure_identity.domain.goal import Goal
from gitlab_azure_identity.domain.observed import Assignment, Observed
from gitlab_azure_identity.domain.obstacles import LISTED, OBSTACLES
from gitlab_azure_identity.domain.plan import former_assignments, is_wanted, plan


@dataclass(frozen=True)
class PassRecord:
    """The failures of a pass: while it observed, by link; while it applied changes; and of former storage accounts that could not
    be read, by the key of their ARM id. It is empty when nothing was carried out."""

    observing: Mapping[Link, Failure] = field(default_factory=dict)
    applying: Sequence[tuple[Change, Failure]] = ()
    former: Mapping[str, Failure] = field(default_factory=dict)
    foreseen: bool = False  # nobody carries out the plan: what it would only take away is in nobody's way

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

    No link is good while the plan holds a change for it, but for a removal that was tried and failed, or that is only foreseen.
    Its finding names the obstacle, or else the failure, or else the broken link that it waits for, or else the change that is
    not done yet."""
    usable = goal.may_use(have)
    links = PLANNED if usable else (Link.IDENTITY,)
    failures = {link: failure for link in links if (failure := _failure(link, goal, have, record)) is not None}
    broken = next(iter(failures), None)
    lingers = {change.link for change, _ in record.lingering}
    pending = {
        change.link: change
        for change in reversed(plan(goal, have))
        if not (isinstance(change, Revocation) and (record.foreseen or change.link in lingers))
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
