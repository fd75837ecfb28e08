"""One pod that a person names, held against what the pods of a resource must carry."""

from gitlab_azure_identity.api.resource import Resource
from gitlab_azure_identity.cli.looking import Look
from gitlab_azure_identity.cli.problems import CouldNotCheck
from gitlab_azure_identity.cli.session import of_cluster
from gitlab_azure_identity.domain.doctor.compared import nearest
from gitlab_azure_identity.domain.doctor.examination import Check, State
from gitlab_azure_identity.domain.pods import INJECTED, USE_LABEL, Pod
from gitlab_azure_identity.domain.workloads import Line, carried, mending, problem, sentence, words
from gitlab_azure_identity.kube.client import ClusterError
from gitlab_azure_identity.reconcile.aim import Aim


async def examine_pod(look: Look, found: Aim | None, resource: Resource, name: str) -> Check:
    """The check of one pod. Raises CouldNotCheck when there is no such pod."""
    namespace, server = resource.key.namespace, look.session.server
    try:
        pod = await look.pods.get(namespace, name)
        if pod is None:
            raise _missing(name, namespace, await look.pods.names(namespace))
    except ClusterError as error:
        raise of_cluster(error, f"read pod {name} in namespace {namespace}", server) from error
    about = f"Pod {name}"
    want = carried(found.goal, found.observation.have) if found else None
    if want is None:
        return Check(about, State.UNSEEN, "What it must carry is not known before the identity is.").with_details(
            *_carries(pod)
        )
    if want.components and not pod.labelled and pod.component not in want.components:
        needs = f"It has no identity, and GitLab's {words(want.components, 'and')} pods alone need one."
        return Check(about, State.HOLDS, needs).with_details(*_carries(pod))
    wrong = problem(pod, want)
    if wrong is None:
        return Check(about, State.HOLDS, "It carries the identity.").with_details(*_carries(pod))
    line = Line(pod.component or pod.name, 1, wrong, (pod,))
    message = f"{sentence(wrong, [line])} {mending([line], want)}"
    return Check(about, State.BROKEN, message, wrong.reason).with_details(*_carries(pod))


def _missing(name: str, namespace: str, names: tuple[str, ...]) -> CouldNotCheck:
    near = nearest(name, names)
    advice = f"Did you mean {near}?" if near else f"It has {len(names)} pods: kubectl -n {namespace} get pods"
    return CouldNotCheck(f"There is no pod {name} in namespace {namespace}. {advice}")


def _carries(pod: Pod) -> list[str]:
    """What the pod has of the chain, line by line."""
    label = pod.labels.get(USE_LABEL)
    lines = [f"label {USE_LABEL}: {label or 'none'}", f"service account: {pod.service_account}"]
    return lines + [f"{name}: {pod.variable(name) or 'none'}" for name in INJECTED]
