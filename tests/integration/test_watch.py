"""The API server no longer lists our resources: their definition was deleted, or the operator's right to it."""

from .apart import DEFINITION, Apart
from .behind import until

BINDING = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/gitlab-azure-identity"


def test_without_their_definition_it_waits_and_continues_with_it(apart: Apart) -> None:
    """The resources are deleted with their definition, and each is cleaned up."""
    gitlab = apart.gitlab().apply()
    gitlab.ready()
    pid = apart.operator.pid

    with apart.without(DEFINITION):
        until(lambda: not apart.ready(), "not ready")
        assert gitlab.identities() == []
        assert "gitlab_azure_identity_status_condition{" not in apart.operator.get("/metrics")
        assert apart.operator.get("/healthz").startswith("ok")

    until(apart.ready, "ready")
    gitlab = apart.gitlab().apply()
    gitlab.ready()
    gitlab.delete()
    assert apart.operator.pid == pid
    assert apart.operator.running
    assert apart.troubles() == []


def end_watches(apart: Apart, name: str) -> None:
    """The API server ends every watch when the definition changes."""
    apart.lab.api.patch(DEFINITION, {"spec": {"names": {"shortNames": ["gai", name]}}})


def test_without_its_rights_it_waits_and_continues_with_them(apart: Apart) -> None:
    """A change in the meantime is not missed."""
    gitlab = apart.gitlab().apply()
    gitlab.ready()

    with apart.without(BINDING):
        end_watches(apart, "one")
        until(lambda: not apart.ready(), "not ready")
        gitlab.ask_to_delete()

    until(apart.ready, "ready")
    gitlab = apart.gitlab()
    until(lambda: not gitlab.exists("gai", "gitlab"), "the resource was cleaned up, and let go")
    assert gitlab.identities() == []
    assert apart.operator.running
    assert apart.troubles() == []


def test_at_sigterm_while_it_waits_it_ends_at_once(apart: Apart) -> None:
    with apart.without(BINDING):
        end_watches(apart, "another")
        until(lambda: not apart.ready(), "not ready")

        assert apart.operator.stop() < 1

    apart.operator.start()
