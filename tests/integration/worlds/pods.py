"""GitLab's pods, which lack something of what the chain needs. The identity reaches the blobs in all of these worlds."""

from typing import Any

from tests.integration.behind import create_service_account, patch, until
from tests.integration.pods import LABEL, deploy, pods, runs
from tests.integration.test_workloads import no_longer_new

from .cluster import ANNOTATED
from .scene import Scene, webhook_without

OTHER_TENANT = "11111111-0000-4000-8000-000000000000"


def toolbox(scene: Scene, **how: Any) -> str:
    """The toolbox of GitLab's chart, and a pod of it. Returns the pod's name."""
    deploy(scene.gitlab, "toolbox", **how)
    until(lambda: pods(scene.gitlab, "toolbox"), "its pod")
    return str(pods(scene.gitlab, "toolbox")[0]["metadata"]["name"])


def pod_without_the_label(scene: Scene) -> None:
    scene.gitlab.apply().ready()
    toolbox(scene, label=None)


def label_that_is_not_true(scene: Scene) -> None:
    """The values have the label, and another word than true."""
    scene.gitlab.apply().ready()
    toolbox(scene, label="enabled")


def pod_of_the_default_account(scene: Scene) -> None:
    """The chart makes no service accounts unless it is told so."""
    scene.gitlab.apply().ready()
    toolbox(scene, account=None)


def pod_of_another_account(scene: Scene) -> None:
    create_service_account(scene.gitlab, "gitlab-toolbox")
    scene.gitlab.apply().ready()
    toolbox(scene, account="gitlab-toolbox")


def pod_that_was_labelled_while_it_ran(scene: Scene) -> None:
    scene.gitlab.apply().ready()
    patch(scene.gitlab, "pod", toolbox(scene, label=None), {"metadata": {"labels": {LABEL: "true"}}})


def webhook_that_leaves_out_the_namespace(scene: Scene) -> None:
    scene.gitlab.apply().ready()
    scene.ends.enter_context(webhook_without(scene.gitlab))
    toolbox(scene)


def pod_older_than_its_accounts_annotation(scene: Scene) -> None:
    """Helm makes the account and the pod in the same second."""
    create_service_account(scene.gitlab, "gitlab")
    toolbox(scene)
    scene.gitlab.apply(serviceAccounts=ANNOTATED)


def client_id_of_a_former_identity(scene: Scene) -> None:
    scene.gitlab.apply().ready()
    toolbox(scene)
    (identity,) = scene.gitlab.identities()
    assert scene.gitlab.azure("DELETE", identity["id"])[0] == 200
    scene.gitlab.reconcile_now()


def tenant_of_somebody_else(scene: Scene) -> None:
    """The chart's values set a variable by hand: the webhook leaves it as it is."""
    scene.gitlab.apply().ready()
    deploy(scene.gitlab, "toolbox", variables={"AZURE_TENANT_ID": OTHER_TENANT})


def secret_that_changed_after_the_pod_read_it(scene: Scene) -> None:
    scene.gitlab.apply().ready()
    toolbox(scene)
    runs(scene.gitlab, pods(scene.gitlab, "toolbox")[0])
    no_longer_new(scene.gitlab, "gitlab-object-storage")
    scene.gitlab.apply(storage={"accountName": scene.create_store()}).ready()
