"""Which Deployment is restarted next: tables of pods and rollouts, and the step."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from gitlab_azure_identity.api.reasons import Reason
from gitlab_azure_identity.domain.events import Event, restarted_event
from gitlab_azure_identity.domain.findings import Failure, Outlook
from gitlab_azure_identity.domain.pods import Pod
from gitlab_azure_identity.domain.rollouts import REMEMBERED, Rollout, Step, deployments, offered, refused, step
from gitlab_azure_identity.domain.workloads import judged
from gitlab_azure_identity.kube.deployments import _rollout

from .test_workloads import CHANGED, LACKS_IT, NOON, VARIABLES, WANT, pod
from .worlds import CLIENT

CAUSE = f"identity {CLIENT}"
PAUSED = (
    "The operator cannot restart deployment/gitlab-webservice, which is paused. Resume it: kubectl -n gitlab rollout resume "
    "deployment/gitlab-webservice."
)


def rollout(component: str, *causes: str, **changed: Any) -> Rollout:
    name = f"gitlab-{component}"
    return replace(Rollout(name, f"uid-{name}", "1", causes), **changed)


@pytest.mark.parametrize(
    ("failure", "waits", "words"),
    [
        (Failure(Reason.CLUSTER_UNAVAILABLE, "Not just now.", Outlook.TRANSIENT), True, "Not just now."),
        (Failure(Reason.ADMISSION_REFUSED, "Not at all.", Outlook.STALLED), False, "Not at all."),
        (
            Failure(Reason.FORBIDDEN, "Add the namespace.", Outlook.STALLED),
            False,
            (
                "spec.gitlab.restart is WhenStale, and the operator may not restart Deployments: set restart.enabled to true "
                "in the values of its Helm chart. The API server: no"
            ),
        ),
    ],
)
def test_a_refusal_is_told_and_waited_for_where_it_ends_by_itself(failure: Failure, waits: bool, words: str) -> None:
    assert refused(failure, "no") == Step(words, waits=waits)


def test_a_restart_is_told_with_its_cause() -> None:
    told = Event("Normal", Reason.RESTARTED, f"Restarted deployment/gitlab-registry: its pods lacked {CAUSE}.")
    assert restarted_event("gitlab-registry", CAUSE) == told


def old(component: str, **changed: Any) -> Pod:
    return pod(component, variables=LACKS_IT, **changed)


@pytest.mark.parametrize(
    ("pods", "rollouts", "ready", "restarted", "words"),
    [
        # nothing to mend
        ([pod()], [rollout("webservice")], True, None, None),
        ([pod(label=None)], [rollout("webservice")], True, None, None),  # a restart would not give it the label
        # one after the other, in the order of the components
        (
            [old("toolbox"), old("registry"), old("webservice")],
            [rollout("registry"), rollout("webservice"), rollout("toolbox")],
            True,
            "gitlab-registry",
            "The operator restarts deployment/gitlab-registry.",
        ),
        (
            [pod("registry"), old("webservice")],
            [rollout("registry", CAUSE), rollout("webservice")],
            True,
            "gitlab-webservice",
            "The operator restarts deployment/gitlab-webservice.",
        ),
        # not while one rolls out, whoever began that, and though its pods are all new
        (
            [pod("registry"), old("webservice")],
            [rollout("registry", CAUSE, done=False), rollout("webservice")],
            True,
            None,
            "The operator waits for the rollout of deployment/gitlab-registry to end.",
        ),
        # but for one that is rolled out, and of which no pod gets ready: it may lack what the restart would give it
        (
            [old("registry"), old("webservice")],
            [rollout("registry", done=False), rollout("webservice", done=False)],
            True,
            "gitlab-registry",
            "The operator restarts deployment/gitlab-registry.",
        ),
        (
            [old("registry"), old("webservice")],
            [rollout("registry", CAUSE, done=False), rollout("webservice", done=False)],
            True,
            None,
            "The operator waits for the rollout of deployment/gitlab-registry to end.",
        ),
        (
            [old("registry"), pod("webservice")],
            [rollout("registry"), rollout("webservice", done=False)],
            True,
            None,
            "The operator waits for the rollout of deployment/gitlab-webservice to end.",
        ),
        (
            [old("registry")],
            [rollout("registry", done=False, replaced=False)],  # its new pods may have what it lacks
            True,
            None,
            "The operator waits for the rollout of deployment/gitlab-registry to end.",
        ),
        # once for a cause
        (
            [old("webservice")],
            [rollout("webservice", CAUSE)],
            True,
            None,
            "The operator has restarted deployment/gitlab-webservice for this once, and does not again.",
        ),
        # a variable that somebody set by hand is there in the new pod too
        (
            [pod(variables={**VARIABLES, "AZURE_CLIENT_ID": "theirs"})],
            [rollout("webservice", CAUSE)],
            True,
            None,
            (
                "The operator has restarted deployment/gitlab-webservice for this once, and does not again. If GitLab's own "
                "values set AZURE_CLIENT_ID, such as by extraEnv, take it out there: the webhook keeps it."
            ),
        ),
        # another cause is another restart
        (
            [old("webservice")],
            [rollout("webservice", "identity of before")],
            True,
            "gitlab-webservice",
            "The operator restarts deployment/gitlab-webservice.",
        ),
        # what was restarted in vain does not keep the next one from its restart
        (
            [old("registry"), old("webservice")],
            [rollout("registry", CAUSE), rollout("webservice")],
            True,
            "gitlab-webservice",
            "The operator restarts deployment/gitlab-webservice.",
        ),
        # not before the resource is Ready
        (
            [old("webservice")],
            [rollout("webservice")],
            False,
            None,
            "The operator restarts deployment/gitlab-webservice once the resource is Ready.",
        ),
        # kubectl refuses a paused one too
        (
            [old("registry"), old("webservice")],
            [rollout("registry", paused=True), rollout("webservice")],
            True,
            "gitlab-webservice",
            "The operator restarts deployment/gitlab-webservice.",
        ),
        (
            [old("webservice")],
            [rollout("webservice", paused=True)],
            True,
            None,
            PAUSED,
        ),
        # and a paused one rolls nothing out that could be waited for
        (
            [pod("registry"), old("webservice")],
            [rollout("registry", paused=True, done=False), rollout("webservice")],
            True,
            "gitlab-webservice",
            "The operator restarts deployment/gitlab-webservice.",
        ),
        (
            [pod("registry"), old("webservice")],
            [rollout("registry"), rollout("webservice", paused=True, done=False)],
            True,
            None,
            PAUSED,
        ),
        # what is no Deployment, or is gone
        ([old("webservice", owner="StatefulSet")], [], True, None, None),
        ([old("webservice", owner=None)], [], True, None, None),
        ([old("webservice")], [], True, None, None),
    ],
)
def test_the_next_step(
    pods: list[Pod], rollouts: list[Rollout], ready: bool, restarted: str | None, words: str | None
) -> None:
    found = step(judged(pods, WANT), {one.name: one for one in rollouts}, "gitlab", ready=ready, now=NOON)

    assert (found and found.words) == words
    assert (found and found.restarted and found.restarted.name) == restarted
    assert (found.cause if found and restarted else CAUSE) == CAUSE


@pytest.mark.parametrize(
    ("pods", "words"),
    [
        ([pod()], None),
        ([pod(label=None)], None),
        ([old("webservice", owner="StatefulSet")], None),
        (
            [old("toolbox"), old("webservice")],
            (
                "With spec.gitlab.restart: WhenStale the operator would restart deployment/gitlab-webservice and "
                "deployment/gitlab-toolbox."
            ),
        ),
    ],
)
def test_what_would_be_restarted_is_told(pods: list[Pod], words: str | None) -> None:
    found = offered(judged(pods, WANT))

    assert (found and found.words) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (1, "The operator restarts what is stale in a few seconds."),
        (4, "The operator restarts what is stale in a few seconds."),
        (6, "The operator restarts deployment/gitlab-registry."),
    ],
)
def test_a_content_that_has_just_changed_is_waited_for(seconds: int, words: str) -> None:
    """Else the new pod would seem to have started before the change, and the restart would be in vain."""
    lines = judged([pod("registry")], CHANGED)

    rollouts = {"gitlab-registry": rollout("registry")}
    found = step(lines, rollouts, "gitlab", ready=True, now=NOON + timedelta(seconds=seconds))

    assert found is not None
    assert (found.words, found.waits) == (words, True)


def test_all_deployments_of_the_components_are_looked_at_each_once() -> None:
    lines = judged([pod(number=1), pod(number=2), old("toolbox"), pod("registry", owner="StatefulSet")], WANT)

    assert deployments(lines) == ("gitlab-webservice", "gitlab-toolbox")


def test_only_the_last_causes_are_remembered() -> None:
    one = rollout("webservice", *map(str, range(REMEMBERED)))

    assert one.remembers("new") == (*map(str, range(1, REMEMBERED)), "new")


def deployment(generation: int = 2, *, replicas: int = 2, **status: int) -> dict[str, Any]:
    known = {"observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2, **status}
    return {
        "metadata": {"name": "d", "uid": "u", "resourceVersion": "7", "generation": generation},
        "spec": {"replicas": replicas, "template": {}},
        "status": known,
    }


@pytest.mark.parametrize(
    ("found", "replaced", "done"),
    [
        (deployment(), True, True),
        (deployment(generation=3), False, False),  # the controller has not seen the restart yet
        (deployment(updatedReplicas=1), False, False),
        (deployment(replicas=3), False, False),
        (
            {
                **deployment(),
                "status": {"observedGeneration": 2, "replicas": 3, "updatedReplicas": 2, "availableReplicas": 2},
            },
            False,
            False,
        ),
        (deployment(availableReplicas=1), True, False),
        ({**deployment(), "status": {}}, False, False),
        (deployment(replicas=0) | {"status": {"observedGeneration": 2}}, True, True),
    ],
)
def test_when_a_rollout_is_done(found: dict[str, Any], replaced: bool, done: bool) -> None:
    assert (_rollout(found).replaced, _rollout(found).done) == (replaced, done)


def test_what_a_deployment_remembers() -> None:
    found = deployment()
    annotations = {"gitlabazure.io/restarted-for": "identity a; secret s of t"}
    found["spec"] |= {"paused": True, "template": {"metadata": {"annotations": annotations}}}

    assert _rollout(found) == Rollout("d", "u", "7", ("identity a", "secret s of t"), done=True, paused=True)
