"""The commands of docs/cli.md."""

import json

from tests.integration.resources import GitLab

from .person import Person


def test_the_values_are_there_before_the_resource(person: Person, ready: GitLab) -> None:
    before = person.runs("kubectl gai values -f examples/gitlab.yaml")

    assert before == ready.fetch("configmap", "gitlab-gitlab-values")["data"]["values.yaml"]
    assert person.runs("kubectl gai values gitlab -n gitlab") == before


def test_the_chain_is_shown_and_followed(person: Person, ready: GitLab) -> None:
    shown = person.runs("kubectl gai status gitlab -n gitlab")

    assert shown.startswith("gitlab/gitlab: ok Ready")
    assert person.runs("kubectl gai status -n gitlab") == shown
    assert shown in person.runs("kubectl gai status -A")
    assert person.runs("kubectl gai status gitlab -n gitlab --watch") == shown
    assert json.loads(person.runs("kubectl gai status gitlab -n gitlab -o json"))["ready"] is True


def test_a_pass_is_made_and_the_resource_suspended_and_resumed(person: Person, ready: GitLab) -> None:
    assert "gitlab/gitlab: ok Ready" in person.runs("kubectl gai reconcile gitlab -n gitlab --wait")

    person.runs("kubectl gai suspend gitlab -n gitlab")
    ready.condition("Ready", "False", "Suspended")

    person.runs("kubectl gai resume gitlab -n gitlab")
    ready.ready()


def test_by_itself_it_lists_its_commands(person: Person) -> None:
    assert "reconcile" in person.is_refused("kubectl gai")


def test_what_would_change_is_shown_before_it_is_applied(person: Person, ready: GitLab) -> None:
    settings = person.lab.api.get("/api/v1/namespaces/gitlab-azure-identity/configmaps/gitlab-azure-identity")["data"]
    (person.folder / "settings.yaml").write_text(settings["settings.yaml"], encoding="utf-8")

    planned = person.runs("kubectl gai plan gitlab -n gitlab")

    assert planned == "gitlab/gitlab: no change\n"
    assert person.runs("kubectl gai plan -f examples/gitlab.yaml -n gitlab") == planned
    assert person.runs("kubectl gai plan gitlab -n gitlab --settings settings.yaml") == planned


def test_nothing_is_wrong_and_the_commands_of_the_webhook_show_it(person: Person, ready: GitLab) -> None:
    assert person.runs("kubectl gai doctor -n gitlab").startswith("gitlab/gitlab: no problem\n")

    assert "azure-wi-webhook" in person.runs("kubectl get mutatingwebhookconfigurations")
    shown = person.runs(
        "kubectl get mutatingwebhookconfiguration azure-wi-webhook-mutating-webhook-configuration -o yaml"
    )
    assert "objectSelector" in shown
    assert "kubernetes.io/metadata.name" in person.runs("kubectl get namespace gitlab --show-labels")
    person.runs("kubectl -n kube-system get pods -l azure-workload-identity.io/system=true")


def test_a_pod_is_created_only_when_somebody_agrees(person: Person, ready: GitLab) -> None:
    assert "add --yes" in person.is_refused("kubectl gai doctor gitlab -n gitlab --as-pod")
