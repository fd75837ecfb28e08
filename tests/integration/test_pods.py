"""The operator's own reading of pods, at the real API server: the server compares the label, and a watch goes on from a list."""

from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from gitlab_azure_identity.kube import client
from gitlab_azure_identity.kube.kubeconfig import Kubeconfig
from gitlab_azure_identity.kube.pods import Pods

from .behind import create, remove
from .resources import GitLab
from .test_webhook import LABEL, create_pod


@pytest.fixture
async def pods(gitlab: GitLab) -> AsyncIterator[Pods]:
    async with client.connect(10, Kubeconfig(str(gitlab.lab.places.kubeconfig), "lab", "default")) as cluster:
        yield Pods(cluster)


def unrelated(gitlab: GitLab, name: str, **labels: str) -> None:
    create(gitlab, "Pod", name, {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "x", "image": "x"}]}})


async def test_pods_of_a_release_are_listed_and_others_are_not(gitlab: GitLab, pods: Pods) -> None:
    client_id = gitlab.apply().ready()["status"]["identity"]["clientId"]
    create_pod(gitlab, release="gitlab", app="toolbox", **{LABEL: "true"})
    unrelated(gitlab, "another", release="another")
    unrelated(gitlab, "nobodys")

    (pod,) = (await pods.list(gitlab.namespace, "gitlab")).pods

    assert (pod.component, pod.service_account, pod.labelled, pod.client_id) == ("toolbox", "gitlab", True, client_id)
    assert [one.token_audience for one in pod.containers] == ["api://AzureADTokenExchange"]


async def test_a_watch_goes_on_from_the_list(gitlab: GitLab, pods: Pods) -> None:
    listed = await pods.list(gitlab.namespace, "gitlab")
    assert listed.pods == ()
    unrelated(gitlab, "nobodys")
    unrelated(gitlab, "first", release="gitlab", app="toolbox")
    remove(gitlab, "pod", "first")

    seen: list[tuple[str, bool]] = []
    async with aclosing(pods.watch(gitlab.namespace, "gitlab", listed.version)) as changes:
        async for change in changes:
            if change.pod:
                seen.append((change.pod.name, change.gone))
            if change.gone:
                break

    assert (seen[0], seen[-1]) == (("first", False), ("first", True))
