"""README.md and docs/ followed letter by letter: a lab without the operator, and the operator as README has it installed."""

import re
from collections.abc import Iterator

import pytest
import yaml

from lab import chart
from lab.azure import seeded
from lab.places import ROOT
from lab.running import DAY
from tests.docs.markdown import page
from tests.integration.apart import FAST, started_lab
from tests.integration.operating import Operator
from tests.integration.resources import GitLab
from tests.integration.watching import Watch

from .person import NAMESPACE, Person, checkout, without_installation

PERMISSIONS = page("docs/azure-permissions.md")


@pytest.fixture(scope="package")
def person(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Person]:
    """Somebody who owns the subscription and the cluster, in a checkout. Neither knows the operator yet."""
    with started_lab(tmp_path_factory.mktemp("documented")) as (lab, _):
        lab.controls.set(**FAST)
        without_installation(lab)
        person = Person(lab, checkout(tmp_path_factory.mktemp("checkout")))
        person.log_in()
        yield person


@pytest.fixture(scope="package")
def client_id(person: Person) -> str:
    """The client ID of the operator's own identity, made as docs/azure-permissions.md says."""
    first, *_ = PERMISSIONS.blocks("sh")
    for name in re.findall(r"^(\w+)=", first, re.MULTILINE):
        person.variables[name] = person.shell(f'{first}\nprintf %s "${name}"')
    (condition_text,) = PERMISSIONS.blocks("text")
    (person.folder / "condition.txt").write_text(condition_text)

    person.runs("az provider register --namespace Microsoft.ManagedIdentity")
    person.runs("az identity create --resource-group $platform --name $operator")
    person.runs(
        "az identity federated-credential create --resource-group $platform --identity-name $operator --name "
        'gitlab-azure-identity --issuer "$(kubectl get --raw /.well-known/openid-configuration | jq -r .issuer)" --subject '
        "system:serviceaccount:gitlab-azure-identity:gitlab-azure-identity --audiences api://AzureADTokenExchange"
    )
    shown = person.runs(
        "az identity show --resource-group $platform --name $operator --query clientId --output tsv"
    ).strip()
    person.sets(
        "principal=$(az identity show --resource-group $platform --name $operator --query principalId --output tsv)"
    )
    person.runs(
        "az role assignment create --assignee-object-id $principal --assignee-principal-type ServicePrincipal "
        '--role "Managed Identity Contributor" --scope /subscriptions/$subscription/resourceGroups/$identities'
    )
    person.runs(
        "az role assignment create --assignee-object-id $principal --assignee-principal-type ServicePrincipal "
        '--role "Role Based Access Control Administrator" --scope $account --condition-version 2.0 '
        '--condition "$(cat condition.txt)"'
    )
    return shown


@pytest.fixture(scope="package")
def notes(person: Person, client_id: str) -> str:
    """What Helm prints when the operator is installed as README says."""
    example = (ROOT / "examples" / "operator-values.yaml").read_text(encoding="utf-8")
    values = re.sub(r"(?m)^  clientId: .*$", f"  clientId: {client_id}", example)
    (person.folder / "operator-values.yaml").write_text(values)

    person.runs("kubectl create namespace gitlab")
    return person.runs(
        "helm upgrade --install gitlab-azure-identity charts/gitlab-azure-identity --namespace gitlab-azure-identity "
        "--create-namespace --values operator-values.yaml"
    )


@pytest.fixture(scope="package")
def operator(
    person: Person, client_id: str, notes: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Operator]:
    """The operator that Helm installed: its service account, its settings, and the identity that was made for it."""
    lab = person.lab
    person.follows(
        notes,
        "az identity federated-credential create --resource-group <group> --identity-name <identity> --name {} "
        '--issuer "$(kubectl get --raw /.well-known/openid-configuration | jq -r .issuer)" '
        "--subject system:serviceaccount:{}:{} --audiences {}",
        group=seeded.PLATFORM_GROUP,
        identity=seeded.OPERATOR_IDENTITY,
    )
    settings = lab.api.get(f"/api/v1/namespaces/{chart.RELEASE}/configmaps/{chart.RELEASE}")["data"]["settings.yaml"]
    access = lab.api.request_token(chart.RELEASE, chart.RELEASE, "", DAY)
    files = {
        "settings.yaml": settings,
        "kubeconfig": lab.api.kubeconfig(chart.RELEASE, access),
        "token": lab.api.request_token(chart.RELEASE, chart.RELEASE, seeded.AUDIENCE, DAY),
    }
    for name, text in files.items():
        (lab.places.operator / name).write_text(text)
    running = Operator(lab, tmp_path_factory.mktemp("operator"))
    installed = yaml.safe_load(settings)
    running.start(
        {"AZURE_CLIENT_ID": client_id}, policy=installed["policy"], leaderElection=installed["leaderElection"]
    )
    yield running
    running.stop()


@pytest.fixture(scope="package")
def watch(person: Person, operator: Operator) -> Iterator[Watch]:
    following = Watch(person.lab)
    yield following
    following.close()


@pytest.fixture
def gitlab(person: Person, watch: Watch) -> Iterator[GitLab]:
    """README's resource, which the test has to apply. It is let go at the end, and so are the pods that the test created."""
    resource = GitLab(person.lab, watch, NAMESPACE)
    yield resource
    person.shell("kubectl -n gitlab delete pods --all --grace-period=0 --force")
    if resource.exists("gai", resource.name):
        resource.uid = resource.live()["metadata"]["uid"]
        resource.delete()


@pytest.fixture
def ready(person: Person, gitlab: GitLab) -> GitLab:
    """README's resource, Ready."""
    person.runs("kubectl apply -f examples/gitlab.yaml")
    gitlab.uid = gitlab.live()["metadata"]["uid"]
    gitlab.ready()
    return gitlab
