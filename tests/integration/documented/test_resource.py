"""A resource from its creation to its deletion, by the commands of README.md, the chart's notes and docs/."""

import pytest

from lab.azure import seeded
from tests.integration.behind import until
from tests.integration.operating import Operator
from tests.integration.resources import GitLab

from .person import Person


def test_the_resource_is_applied_and_followed_until_it_is_ready(person: Person, gitlab: GitLab) -> None:
    person.runs("kubectl apply -f examples/gitlab.yaml")

    assert "True" in person.watches("kubectl -n gitlab get gai --watch", until="True")
    person.runs("kubectl -n gitlab wait --for=condition=Ready gai/gitlab --timeout=45m")
    assert "True" in person.watches("kubectl -n gitlab get gai -w", until="True")
    assert "prod-gitlab-gitlab" in person.runs("kubectl -n gitlab get gai -o wide")
    assert person.runs("kubectl -n gitlab get gai").splitlines()[1].split()[:3] == ["gitlab", "True", "Ready"]


def test_the_resource_that_the_notes_print_is_applied(person: Person, notes: str, gitlab: GitLab) -> None:
    person.follows(
        notes,
        "kubectl apply -f - <<EOF apiVersion: gitlabazure.io/v1alpha1 kind: GitLabAzureIdentity "
        "metadata: {name: gitlab, namespace: {}} spec: storage: {accountName: <storage account>} EOF",
        storage_account=seeded.BLOB_ACCOUNT,
    )

    assert "True" in person.watches("kubectl get gai --all-namespaces --watch", until="True")
    gitlab.ready()


def test_where_to_look(person: Person, ready: GitLab) -> None:
    described = person.runs("kubectl -n gitlab describe gai gitlab")
    conditions = person.runs(
        "kubectl -n gitlab get gai gitlab -o json | "
        "jq -r '.status.conditions[] | [.type, .status, .reason, .message] | @tsv'"
    )

    assert "Applied" in described
    unknown = [line.split("\t")[:2] for line in conditions.splitlines() if "\tTrue\t" not in line]
    assert unknown == [["WorkloadsReady", "Unknown"]]
    assert len(conditions.splitlines()) == len(ready.live()["status"]["conditions"])
    fields = person.runs(
        "kubectl -n gitlab get <kind> <object> -o yaml --show-managed-fields", kind="serviceaccount", object="gitlab"
    )
    assert "manager: gitlab-azure-identity:gitlab" in fields
    assert "accountName" in person.runs("kubectl explain gai.spec.storage")
    assert seeded.ISSUER in person.runs("kubectl get --raw /.well-known/openid-configuration")


@pytest.mark.usefixtures("ready")
def test_the_operators_pods_and_their_log(person: Person, operator: Operator) -> None:
    """A pod without a node has no log yet: kubectl prints nothing, and grep finds nothing. The log of the lab's operator has what
    the command looks for."""
    until(lambda: "Pending" in person.runs("kubectl -n gitlab-azure-identity get pods"), "the operator's pod")
    found_nothing = person.is_refused(
        "kubectl -n gitlab-azure-identity logs --selector app.kubernetes.io/name=gitlab-azure-identity --tail=-1 | "
        "grep '\"gitlab/gitlab\"'"
    )
    assert found_nothing == ""
    assert '"gitlab/gitlab"' in operator.log.read_text()
    assert (
        person.runs(
            "kubectl -n gitlab-azure-identity logs --selector app.kubernetes.io/name=gitlab-azure-identity --tail=-1"
        )
        == ""
    )


def test_the_quotas_of_the_namespace_are_shown(person: Person) -> None:
    person.shell("kubectl -n gitlab create quota team --hard=count/secrets=20")

    shown = person.runs("kubectl -n gitlab describe quota")

    person.shell("kubectl -n gitlab delete quota team")
    assert "team" in shown


def test_the_lease_names_the_replica_that_leads(person: Person, ready: GitLab) -> None:
    lease = person.runs("kubectl -n gitlab-azure-identity get lease").splitlines()[1].split()

    assert lease[0] == "gitlab-azure-identity"
    assert "_" in lease[1], "no pod holds it"


def test_a_pass_is_asked_for(person: Person, ready: GitLab) -> None:
    person.runs('kubectl -n gitlab annotate gai gitlab --overwrite gitlabazure.io/requested-at="$(date +%s)"')
    ready.until(lambda found: found["status"].get("lastHandledReconcileAt", "").isdigit())
    ready.annotate("gitlabazure.io/requested-at-")

    person.runs('kubectl -n gitlab annotate gai gitlab --overwrite reconcile.fluxcd.io/requestedAt="$(date +%s)"')
    wanted = ready.live()["metadata"]["annotations"]["reconcile.fluxcd.io/requestedAt"]
    ready.until(lambda found: found["status"].get("lastHandledReconcileAt") == wanted)


def test_it_is_suspended(person: Person, ready: GitLab) -> None:
    person.runs("""kubectl -n gitlab patch gai gitlab --type merge -p '{"spec":{"suspend":true}}'""")

    ready.condition("Ready", "False", "Suspended")
    person.runs("""kubectl -n gitlab patch gai gitlab --type merge -p '{"spec":{"suspend":false}}'""")
    ready.ready()


def test_it_is_deleted(person: Person, ready: GitLab) -> None:
    person.runs("kubectl -n gitlab delete gai gitlab")

    assert ready.identities() == []
