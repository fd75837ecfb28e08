"""Whether GitLab's pods carry what the chain needs: a judgement of each pod, a line for each component, and one finding.

It looks at the pods of one release that serve GitLab. Every sentence is about what a pod was started with, so it stays true until
somebody replaces the pod; a sentence about a cause that somebody has mended ends with the pod that has it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby

from gitlab_azure_identity.api.conditions import Link
from gitlab_azure_identity.api.gitlab import Restart
from gitlab_azure_identity.api.reasons import Reason
from gitlab_azure_identity.api.status import Status, WorkloadStatus
from gitlab_azure_identity.domain.causes import commands
from gitlab_azure_identity.domain.content import Content, content_of
from gitlab_azure_identity.domain.desired import WantedObject
from gitlab_azure_identity.domain.findings import Failure, Finding, Outlook, failed, good, not_asked
from gitlab_azure_identity.domain.gitlab.migration import Refused
from gitlab_azure_identity.domain.goal import Goal
from gitlab_azure_identity.domain.handover import handover
from gitlab_azure_identity.domain.observed import Observed
from gitlab_azure_identity.domain.pods import CLIENT_ID, TENANT_ID, USE_LABEL, Owner, Pod

LISTED = 3  # names that a sentence has at most


@dataclass(frozen=True)
class Carried:
    """What GitLab's pods are to carry."""

    name: str  # of the resource
    namespace: str
    release: str
    values: str  # the config map with the Helm values
    client_id: str
    tenant_id: str
    accounts: tuple[str, ...]
    components: tuple[str, ...]  # those that the values label
    contents: Mapping[str, Content] = field(default_factory=dict)  # by the secret's name, as far as it is known
    restarts: bool = False  # the operator restarts stale Deployments


def carried(goal: Goal, have: Observed) -> Carried | None:
    """What the pods of a resource are to carry, or None as long as there is no identity that they could be."""
    identity, desired = have.identity, goal.desired
    if identity is None or not goal.may_use(have):
        return None
    contents = {one.name: _content(goal, have, one) for one in goal.objects}
    return Carried(
        name=goal.owner.name,
        namespace=goal.owner.namespace,
        release=desired.gitlab.release,
        values=desired.values_config_map,
        client_id=identity.client_id,
        tenant_id=identity.tenant_id,
        accounts=tuple(account.name for account in desired.service_accounts),
        components=desired.use.components,
        contents={name: content for name, content in contents.items() if content is not None},
        restarts=desired.gitlab.restart is Restart.WHEN_STALE,
    )


def _content(goal: Goal, have: Observed, wanted: WantedObject) -> Content | None:
    """Since when a secret is as it is wanted, also one that keeps what somebody wrote."""
    found = have.objects.get((wanted.kind, wanted.name))
    try:
        return content_of(handover(goal, wanted, found).wanted, found)
    except Refused:
        return None


@dataclass(frozen=True)
class Problem:
    """What is wrong with a pod. Pods with the same problem share a sentence: `one` and `several` are its verb phrases. `cause`
    is the same text for the same cause, and another one for another. `unless` says why a restart may have been in vain."""

    reason: Reason
    one: str
    several: str
    cause: str = ""
    since: datetime | None = None  # when the cause came about, by the operator's clock
    unless: str = ""


# The first in order is the worst: what it lacks, the next ones build on.
ORDER = (Reason.NOT_LABELLED, Reason.WRONG_SERVICE_ACCOUNT, Reason.NOT_INJECTED, Reason.STALE_PODS)
REASONS = (*ORDER, Reason.CURRENT, Reason.NOT_DEPLOYED)


def problem(pod: Pod, want: Carried) -> Problem | None:
    """The first thing that keeps a pod from its blobs, in the order in which they build on each other. None when it has
    everything."""
    return next((found for check in CHECKS if (found := check(pod, want)) is not None), None)


def _label(pod: Pod, want: Carried) -> Problem | None:
    del want
    if pod.labelled:
        return None
    given = pod.labels.get(USE_LABEL)
    has = f' (it is "{given}")' if given is not None else ""
    what = f'the label {USE_LABEL}: "true"{has}, by which the webhook gives a pod its identity'
    return Problem(Reason.NOT_LABELLED, f"lacks {what}", f"lack {what}")


def _account(pod: Pod, want: Carried) -> Problem | None:
    if pod.service_account in want.accounts:
        return None
    what = f"as service account {pod.service_account}, which is not of this resource: it wants {words(want.accounts, 'or')}"
    return Problem(Reason.WRONG_SERVICE_ACCOUNT, f"runs {what}", f"run {what}")


def _injection(pod: Pod, want: Carried) -> Problem | None:
    if pod.injected:
        return None
    what = "the label and the service account, and none of the AZURE_ variables: the webhook did not change"
    return Problem(
        Reason.NOT_INJECTED,
        f"has {what} it when it was created",
        f"have {what} them when they were created",
        cause=f"identity {want.client_id}",
    )


def _client(pod: Pod, want: Carried) -> Problem | None:
    if pod.client_id == want.client_id:
        return None
    if not pod.client_id:
        account = f"service account {pod.service_account} was annotated, and"
        without = "no AZURE_CLIENT_ID"
        one, several = f"was created before {account} has {without}", f"were created before {account} have {without}"
    else:
        what = f"client ID {pod.client_id}, and the managed identity has {want.client_id}"
        one, several = f"has {what}", f"have {what}"
    cause = f"identity {want.client_id}"
    return Problem(Reason.STALE_PODS, one, several, cause=cause, unless=_set_by_hand(pod, CLIENT_ID))


def _tenant(pod: Pod, want: Carried) -> Problem | None:
    if pod.tenant_id == want.tenant_id:
        return None
    what = f"tenant {pod.tenant_id or 'none'}, and the managed identity is in {want.tenant_id}"
    cause = f"identity {want.client_id} in {want.tenant_id}"
    return Problem(Reason.STALE_PODS, f"has {what}", f"have {what}", cause=cause, unless=_set_by_hand(pod, TENANT_ID))


def _set_by_hand(pod: Pod, variable: str) -> str:
    """The webhook keeps a variable that a container has already (azure-workload-identity 1.6.0, pkg/webhook/webhook.go)."""
    if not pod.variable(variable):
        return ""
    return f"If GitLab's own values set {variable}, such as by extraEnv, take it out there: the webhook keeps it."


def _secrets(pod: Pod, want: Carried) -> Problem | None:
    for name in sorted(pod.secrets & want.contents.keys()):
        content = want.contents[name]
        if content.missed_by(pod, name):
            when = content.changed.strftime("%Y-%m-%dT%H:%M:%SZ")
            what = f"read secret {name} before its content changed, at {when}"
            return Problem(Reason.STALE_PODS, what, what, cause=f"secret {name} of {when}", since=content.changed)
    return None


CHECKS: tuple[Callable[[Pod, Carried], Problem | None], ...] = (
    _label,
    _account,
    _injection,
    _client,
    _tenant,
    _secrets,
)


@dataclass(frozen=True)
class Line:
    """What is to be said of one component: the worst problem of its pods, how many have it, and who made them."""

    component: str
    pods: int
    problem: Problem | None = None
    affected: tuple[Pod, ...] = ()
    makers: tuple[Owner, ...] = ()  # who made its pods, each once

    @property
    def owners(self) -> tuple[Owner, ...]:
        """Who made the affected pods, each once."""
        return tuple(dict.fromkeys(pod.owner for pod in self.affected if pod.owner))


def sentence(problem: Problem, lines: Sequence[Line]) -> str:
    """What is wrong with components of the same problem, without what to do."""
    pods, affected = sum(line.pods for line in lines), sum(len(line.affected) for line in lines)
    names = words([line.component for line in lines], "and")
    verb = problem.one if affected == 1 else problem.several
    if affected < pods:
        return f"{affected} of {pods} {names} pods {verb}."
    return f"The {names} pod{'s' * (pods > 1)} {verb}."


def judged(pods: Iterable[Pod], want: Carried) -> tuple[Line, ...]:
    """A line for each component that has pods: those that the values label, and others whose pods have the label and a service
    account of the resource. With another account they are somebody else's."""
    counted = sorted((pod for pod in pods if pod.counts), key=lambda pod: (pod.component, pod.name))
    lines = []
    for component, group in groupby(counted, key=lambda pod: pod.component):
        together = tuple(pod for pod in group if component in want.components or _is_ours(pod, want))
        if together:
            lines.append(_line(component, together, want))
    known = {component: place for place, component in enumerate(want.components)}
    return tuple(sorted(lines, key=lambda line: (known.get(line.component, len(known)), line.component)))


def _is_ours(pod: Pod, want: Carried) -> bool:
    return pod.labelled and pod.service_account in want.accounts


def _line(component: str, pods: tuple[Pod, ...], want: Carried) -> Line:
    makers = tuple(dict.fromkeys(pod.owner for pod in pods if pod.owner))
    found = [(pod, wrong) for pod in pods if (wrong := problem(pod, want)) is not None]
    if not found:
        return Line(component, len(pods), makers=makers)
    worst = min((wrong for _, wrong in found), key=lambda wrong: ORDER.index(wrong.reason))
    return Line(component, len(pods), worst, tuple(pod for pod, wrong in found if wrong == worst), makers)


def last_known(status: Status) -> Finding | None:
    """The finding that the status was written with, or None when it has none that can be read."""
    before = status.condition(Link.WORKLOADS)
    if before is None or before.reason not in REASONS:
        return None
    reason = Reason.named(before.reason)
    match before.status:
        case "True":
            return good(Link.WORKLOADS, reason, before.message)
        case "False":
            return failed(Link.WORKLOADS, Failure(reason, before.message, Outlook.STALLED))
    return not_asked(Link.WORKLOADS, reason, before.message)


def statuses(lines: Sequence[Line], want: Carried) -> list[WorkloadStatus]:
    """The lines as the status has them."""
    return [
        WorkloadStatus(
            component=line.component,
            state=line.problem.reason if line.problem else Reason.CURRENT,
            message=f"{sentence(line.problem, [line])} {mending([line], want)}" if line.problem else None,
        )
        for line in lines
    ]


def finding(lines: Sequence[Line], want: Carried, step: str = "") -> Finding:
    """The finding about all of them: the worst one, with the command that mends it, for all components that it would mend. `step`
    has the words for what the operator itself does."""
    if not lines:
        message = (
            f"Release {want.release} has no pods that use storage in namespace {want.namespace}. Install GitLab with the values "
            f"of config map {want.values}, or name its release in spec.gitlab.release."
        )
        return not_asked(Link.WORKLOADS, Reason.NOT_DEPLOYED, message)
    problems = [line.problem for line in lines if line.problem is not None]
    if not problems:
        names = words([line.component for line in lines], "and")
        return good(
            Link.WORKLOADS, Reason.CURRENT, " ".join([f"The {names} pods carry the identity.", *filter(None, [step])])
        )
    worst = min(problems, key=lambda wrong: ORDER.index(wrong.reason))
    same = [line for line in lines if line.problem == worst]
    mended = [line for line in lines if line.problem and line.problem.reason is worst.reason]
    others = [line.component for line in lines if line.problem and line not in same]
    aside = [f"status.workloads says what is wrong with {words(others, 'and')}."] if others else []
    message = " ".join([sentence(worst, same), *aside, *filter(None, [step]), mending(mended, want)])
    return failed(Link.WORKLOADS, Failure(worst.reason, message, Outlook.STALLED))


def mending(lines: Sequence[Line], want: Carried) -> str:
    """What a person does about components with the same problem."""
    reason = lines[0].problem.reason if lines[0].problem else None
    if reason in (Reason.NOT_LABELLED, Reason.WRONG_SERVICE_ACCOUNT):
        return _with_values(lines, want)
    again = _made_anew(lines, want)
    if reason is Reason.NOT_INJECTED:
        return (
            f"See that azure-workload-identity's webhook runs, and does not exclude namespace {want.namespace}: "
            f"{commands.SHOW_WEBHOOKS.text}. Then {again[0].lower()}{again[1:]}"
        )
    return again


def _with_values(lines: Sequence[Line], want: Carried) -> str:
    """The command that gives the chart the operator's values. It keeps the chart's version: without one Helm takes the newest."""
    versions = [pod.chart_version for line in lines for pod in line.affected if pod.chart_version]
    command = commands.GIVE_VALUES.filled(namespace=want.namespace, values=want.values, release=want.release)
    return " ".join(["Give the chart the operator's values:", command, *(f"--version {one}" for one in versions[:1])])


def _made_anew(lines: Sequence[Line], want: Carried) -> str:
    """How each affected pod is replaced: by a restart of what made it, by its controller once it is deleted, or by hand."""
    affected = [pod for line in lines for pod in line.affected]
    restarted = dict.fromkeys(pod.owner.reference for pod in affected if pod.owner and pod.owner.restartable)
    deleted = [pod.name for pod in affected if pod.owner and not pod.owner.restartable]
    by_hand = [pod.name for pod in affected if pod.owner is None]
    sentences = []
    if restarted:
        first, *others = restarted
        command = commands.RESTART_WORKLOAD.filled(namespace=want.namespace, workload=first)
        sentences.append(f"Restart what makes them: {' '.join([command, *others])}")
    if deleted:
        first, *others = deleted
        command = commands.DELETE_OBJECT.filled(namespace=want.namespace, kind="pod", object=first)
        sentences.append(f"Delete what its controller then makes anew: {' '.join([command, *others])}")
    if by_hand:
        it = "it" if len(by_hand) == 1 else "them"
        sentences.append(
            f"Nothing that makes pods anew has made {words(by_hand[:LISTED], 'and')}: delete {it} and create {it} anew."
        )
    return ". ".join(sentences)


def words(names: Sequence[str], conjunction: str) -> str:
    """The names in a sentence."""
    *most, last = names
    return f"{', '.join(most)} {conjunction} {last}" if most else last
