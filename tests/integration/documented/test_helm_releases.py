"""The chart installed, uninstalled and installed again. The definition outlives its release, and still belongs to it."""

from collections.abc import Iterator

import pytest
import yaml

from lab.azure import seeded
from lab.places import ROOT
from tests.integration.apart import started_lab

from .person import NAMESPACE, Person, checkout, without_installation

AGAIN = "helm upgrade --install {} charts/gitlab-azure-identity --namespace {} --create-namespace --values operator-values.yaml"


@pytest.fixture(scope="module")
def admin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Person]:
    """Somebody with a cluster of their own, without the operator."""
    with started_lab(tmp_path_factory.mktemp("releases")) as (lab, _):
        without_installation(lab)
        admin = Person(lab, checkout(tmp_path_factory.mktemp("checkout")))
        values = yaml.safe_load((ROOT / "examples" / "operator-values.yaml").read_text(encoding="utf-8"))
        (admin.folder / "operator-values.yaml").write_text(yaml.safe_dump(values))
        (admin.folder / "settings.yaml").write_text(yaml.safe_dump({"settings": values["settings"]}))
        admin.shell(f"kubectl create namespace {NAMESPACE}")
        yield admin


@pytest.fixture
def kept(admin: Person) -> Iterator[str]:
    """The uid of a resource whose definition was kept when its release was uninstalled."""
    admin.runs(
        "helm install gitlab-azure-identity charts/gitlab-azure-identity --namespace gitlab-azure-identity --create-namespace "
        "--set image.repository=<where you pushed the image> --set azure.clientId=<client ID of the operator's managed "
        "identity> --set settings.cluster=<a name for this cluster> --set 'namespaces={gitlab}' --values settings.yaml",
        where_you_pushed_the_image="example.azurecr.io/gitlab-azure-identity",
        client_ID_of_the_operator_s_managed_identity=seeded.OPERATOR_CLIENT,
        a_name_for_this_cluster="prod",
    )
    admin.shell("kubectl apply -f examples/gitlab.yaml")
    admin.runs("helm uninstall gitlab-azure-identity --namespace gitlab-azure-identity")
    yield _uid(admin)
    admin.shell("helm uninstall other --namespace elsewhere")
    admin.shell("kubectl delete crd gitlabazureidentities.gitlabazure.io")


def _uid(admin: Person) -> str:
    return admin.shell("kubectl -n gitlab get gai gitlab -o jsonpath='{.metadata.uid}'")


def test_another_release_is_refused_and_may_take_the_definition_over(admin: Person, kept: str) -> None:
    refused = admin.shell(f"{AGAIN.format('other', 'elsewhere')} 2>&1 || true")
    assert "invalid ownership metadata" in refused
    assert 'CustomResourceDefinition "gitlabazureidentities.gitlabazure.io"' in refused

    admin.runs(
        "helm upgrade --install <release> charts/gitlab-azure-identity --namespace <namespace> --create-namespace "
        "--values operator-values.yaml --take-ownership",
        release="other",
        namespace="elsewhere",
    )

    assert _uid(admin) == kept


def test_the_definition_is_handed_over_by_its_label_and_annotations(admin: Person, kept: str) -> None:
    admin.runs("kubectl label crd gitlabazureidentities.gitlabazure.io --overwrite app.kubernetes.io/managed-by=Helm")
    admin.runs(
        "kubectl annotate crd gitlabazureidentities.gitlabazure.io --overwrite meta.helm.sh/release-name=<release> "
        "meta.helm.sh/release-namespace=<namespace>",
        release="other",
        namespace="elsewhere",
    )

    admin.shell(AGAIN.format("other", "elsewhere"))

    assert _uid(admin) == kept


def test_the_same_release_installs_again(admin: Person, kept: str) -> None:
    admin.shell(AGAIN.format("gitlab-azure-identity", "gitlab-azure-identity"))

    assert _uid(admin) == kept
    admin.shell("helm uninstall gitlab-azure-identity --namespace gitlab-azure-identity")
    admin.shell(f"{AGAIN.format('other', 'elsewhere')} --take-ownership")
