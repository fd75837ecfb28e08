"""Tools that prune without Helm's hook, as docs/gitops.md#deletion describes them: in the right order, and in the wrong one."""

import json

from lab import chart, lifecycle

from .apart import DEFINITION, NAMESPACE, Apart
from .behind import until
from .resources import GitLab


def prune(apart: Apart) -> None:
    """Delete the Deployment, and with it its pod; then everything else that the chart renders, the definition among it."""
    apart.operator.stop()
    everything = {"apiVersion": "v1", "kind": "List", "items": objects(apart)}
    apart.lab.kubectl("delete", "--wait=false", "-f", "-", stdin=json.dumps(everything))


def install(apart: Apart) -> None:
    """Apply the chart's objects, and start its pod. The service account is another one."""
    apart.lab.apply(objects(apart), chart.FIELD_MANAGER)
    lifecycle.write_tokens(apart.lab)
    apart.operator.start()


def objects(apart: Apart) -> list[chart.Manifest]:
    return chart.without_deployment(chart.render(apart.lab.tool("helm"), [NAMESPACE]))


def leaves_nothing(gitlab: GitLab, principal: str) -> None:
    assert gitlab.identities() == []
    assert gitlab.assignments(principal=principal) == []
    for secret in ("gitlab-object-storage", "gitlab-registry-storage", "gitlab-azure-backup-conf"):
        assert not gitlab.exists("secret", secret)


def works(apart: Apart) -> None:
    gitlab = apart.gitlab().apply()
    gitlab.ready()
    gitlab.delete()


def test_the_resource_first_as_argo_cd_prunes_the_higher_wave(apart: Apart) -> None:
    gitlab = apart.gitlab().apply()
    gitlab.ready()
    principal = gitlab.principal

    gitlab.delete()
    prune(apart)

    until(lambda: not apart.lab.api.answers(DEFINITION), "no definition is left")
    leaves_nothing(gitlab, principal)
    install(apart)
    works(apart)


def test_the_operator_first_leaves_a_resource_that_waits_and_that_an_operator_installed_again_cleans_up(
    apart: Apart,
) -> None:
    gitlab = apart.gitlab().apply()
    gitlab.ready()
    principal = gitlab.principal

    prune(apart)

    gitlab.until(lambda found: "deletionTimestamp" in found["metadata"])
    assert len(gitlab.identities()) == 1
    install(apart)
    until(lambda: not apart.lab.api.answers(DEFINITION), "the resource is let go, and the definition with it")
    leaves_nothing(gitlab, principal)
    assert apart.operator.running
    apart.lab.apply(objects(apart), chart.FIELD_MANAGER)
    until(apart.ready, "ready")
    works(apart)
    assert apart.troubles() == []
