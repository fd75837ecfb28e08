"""Which Deployment of GitLab the operator restarts next, if any: one after the other, each once for a cause."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from gitlab_azure_identity.api.reasons import Reason
from gitlab_azure_identity.domain.causes import commands
from gitlab_azure_identity.domain.content import CLOCKS
from gitlab_azure_identity.domain.findings import Failure, Outlook
from gitlab_azure_identity.domain.pods import Owner
from gitlab_azure_identity.domain.workloads import Line, words

REMEMBERED = 10  # causes that a Deployment remembers


@dataclass(frozen=True)
class Rollout:
    """A Deployment, as far as a restart goes. `causes` are those that it was restarted for. It is `replaced` when all of its pods
    are those of its present template, and `done` when they can be used as well."""

    name: str
    uid: str
    version: str
    causes: tuple[str, ...] = ()
    replaced: bool = True
    done: bool = True
    paused: bool = False

    def remembers(self, cause: str) -> tuple[str, ...]:
        """The causes after a restart for this one."""
        return (*self.causes, cause)[-REMEMBERED:]


@dataclass(frozen=True)
class Step:
    """What the operator does about stale pods: the words for it, and the Deployment that it restarts, if it does."""

    words: str
    restarted: Rollout | None = None
    cause: str = ""
    waits: bool = False  # for a rollout, which no event announces


def stale(lines: Sequence[Line]) -> dict[str, str]:
    """The Deployments that a restart would mend, in their order, with the cause."""
    return {
        owner.name: line.problem.cause
        for line in lines
        if line.problem is not None and line.problem.cause
        for owner in line.owners
        if _is_deployment(owner)
    }


def deployments(lines: Sequence[Line]) -> tuple[str, ...]:
    """All Deployments of the components, whether their pods are stale or not."""
    return tuple(dict.fromkeys(owner.name for line in lines for owner in line.makers if _is_deployment(owner)))


def offered(lines: Sequence[Line]) -> Step | None:
    """What a resource is told that does not ask for restarts."""
    names = [_name(name) for name in stale(lines)]
    if not names:
        return None
    return Step(f"With spec.gitlab.restart: WhenStale the operator would restart {words(names, 'and')}.")


def _is_deployment(owner: Owner) -> bool:
    return owner.kind == "Deployment"


def step(
    lines: Sequence[Line], rollouts: Mapping[str, Rollout], namespace: str, *, ready: bool, now: datetime
) -> Step | None:
    """The next step, or None when no restart would mend anything.

    While a Deployment rolls out, whoever began that, nothing else is restarted. One that is paused rolls nothing out. A stale one
    whose pods are all of its present template is not waited for: they may never be ready without what the restart gives them.
    What was restarted for a cause is not restarted for it again: a new pod that still has the problem has it for another cause.
    A content that has just changed is waited for: by the kubelet's clock, a pod that starts now could have started before."""
    causes = {name: cause for name, cause in stale(lines).items() if name in rollouts}
    if not causes:
        return None
    if not ready:
        return Step(f"The operator restarts {' and '.join(map(_name, causes))} once the resource is Ready.")
    left = {name: cause for name, cause in causes.items() if cause not in rollouts[name].causes}
    rolling = next(
        (one for one in rollouts.values() if not (one.done or one.paused or (one.replaced and one.name in left))), None
    )
    if rolling is not None:
        return Step(f"The operator waits for the rollout of {_name(rolling.name)} to end.", waits=True)
    if any(line.problem.since > now - CLOCKS for line in lines if line.problem and line.problem.since):
        return Step("The operator restarts what is stale in a few seconds.", waits=True)
    for name, cause in left.items():
        if not rollouts[name].paused:
            return Step(f"The operator restarts {_name(name)}.", rollouts[name], cause, waits=True)
    if left:
        name = _name(next(iter(left)))
        resume = commands.RESUME_ROLLOUT.filled(namespace=namespace, workload=name)
        return Step(f"The operator cannot restart {name}, which is paused. Resume it: {resume}.")
    names = words([_name(name) for name in causes], "and")
    unless = dict.fromkeys(line.problem.unless for line in lines if line.problem and line.problem.unless)
    return Step(" ".join([f"The operator has restarted {names} for this once, and does not again.", *unless]))


def refused(failure: Failure, said: str) -> Step:
    """What is told when the API server does not let the operator look at a Deployment, or restart it. `said` are its words."""
    if failure.reason is not Reason.FORBIDDEN:
        return Step(failure.message, waits=failure.outlook is not Outlook.STALLED)
    return Step(
        "spec.gitlab.restart is WhenStale, and the operator may not restart Deployments: set restart.enabled to true in the "
        f"values of its Helm chart. The API server: {said}"
    )


def _name(deployment: str) -> str:
    return f"deployment/{deployment}"
