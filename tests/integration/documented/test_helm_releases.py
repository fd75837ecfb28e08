"""The chart installed, uninstalled and installed again. The definition outlives its release, and still belongs to it."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lab import tools
from tests.docs.markdown import page
from tests.integration.apart import started_lab
from tests.integration.kubelet import Kubelet

from .person import Person, checkout, without_installation

README = page("charts/gitlab-azure-identity/README.md")
AGAIN = "helm upgrade --install {} charts/gitlab-azure-identity --namespace {} --create-namespace --values operator-values.yaml"


@pytest.fixture(scope="module")
def admin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Person]:
    """Somebody with a cluster of their own, without the operator."""
    with started_lab(tmp_path_factory.mktemp("releases")) as (lab, _):
        without_installation(lab)
        admin = Person(lab, checkout(tmp_path_factory.mktemp("checkout")))
        (values,) = (text for text in README.blocks("yaml") if "policy:" in text)
        (admin.folder / "operator-values.yaml").write_text(values)
        admin.runs("kubectl create namespace gitlab")
        yield admin


@pytest.fixture
def kept(admin: Person) -> Iterator[str]:
    """The uid of a resource whose definition was kept when its release was uninstalled."""
    admin.runs(
        "helm install gitlab-azure-identity charts/gitlab-azure-identity --namespace gitlab-azure-identity --create-namespace "
        "--values operator-values.yaml"
    )
    admin.shell("kubectl apply -f examples/gitlab.yaml")
    admin.runs("helm uninstall gitlab-azure-identity --namespace gitlab-azure-identity --no-hooks")
    yield _uid(admin)
    admin.shell("helm uninstall other --namespace elsewhere --no-hooks")
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
    admin.shell("helm uninstall gitlab-azure-identity --namespace gitlab-azure-identity --no-hooks")
    admin.shell(f"{AGAIN.format('other', 'elsewhere')} --take-ownership")


@pytest.fixture
def installed(admin: Person) -> Iterator[None]:
    """The operator's release, and a resource that nobody deletes."""
    admin.shell(AGAIN.format("gitlab-azure-identity", "gitlab-azure-identity"))
    admin.shell("kubectl apply -f examples/gitlab.yaml")
    yield
    admin.shell("kubectl delete crd gitlabazureidentities.gitlabazure.io")


def test_the_operator_is_not_uninstalled_while_a_resource_exists(
    admin: Person, installed: None, tmp_path: Path
) -> None:
    before = _release(admin)

    with Kubelet(admin.lab, "gitlab-azure-identity", tmp_path) as kubelet:
        refused = admin.is_refused("helm uninstall gitlab-azure-identity --namespace gitlab-azure-identity")
    (said,) = kubelet.logs.values()
    described = admin.runs(
        "kubectl -n gitlab-azure-identity describe pods --selector "
        "batch.kubernetes.io/job-name=gitlab-azure-identity-uninstall"
    )

    about = admin.runs("kubectl -n gitlab-azure-identity describe job gitlab-azure-identity-uninstall")

    assert "Job/gitlab-azure-identity/gitlab-azure-identity-uninstall not ready. status: Failed" in refused
    assert "FailJob" in about
    assert said.startswith(
        "The operator is not uninstalled: only it removes what a resource has in Azure. There is gitlab/gitlab."
    )
    assert " ".join(said.split()) in " ".join(described.split())
    assert _release(admin) == before

    # Helm calls the release `uninstalling` from now on, and upgrades it only when it has been rolled back.
    upgrade = AGAIN.format("gitlab-azure-identity", "gitlab-azure-identity")
    assert "has no deployed releases" in admin.shell(f"{upgrade} 2>&1 || true")
    admin.runs(
        "helm rollback gitlab-azure-identity <revision> --namespace gitlab-azure-identity",
        revision=_revision(admin.runs("helm history gitlab-azure-identity --namespace gitlab-azure-identity")),
    )
    admin.shell(upgrade)

    admin.follows(said, "kubectl -n {} delete gai {}")
    with Kubelet(admin.lab, "gitlab-azure-identity", tmp_path) as kubelet:
        admin.runs("helm uninstall gitlab-azure-identity --namespace gitlab-azure-identity")

    assert list(kubelet.logs.values()) == ["No GitLabAzureIdentity exists: the operator may be uninstalled.\n"]
    assert _release(admin) == ""


def test_the_oldest_helm_installs_upgrades_rolls_back_and_uninstalls(admin: Person, tmp_path: Path) -> None:
    oldest = tools.oldest_helm()
    release = "gitlab-azure-identity --namespace gitlab-azure-identity"
    upgrade = AGAIN.format("gitlab-azure-identity", "gitlab-azure-identity").replace("helm", str(oldest), 1)
    admin.shell(upgrade)
    admin.shell("kubectl apply -f examples/gitlab.yaml")
    before = _release(admin)

    with Kubelet(admin.lab, "gitlab-azure-identity", tmp_path):
        refused = admin.shell(f"{oldest} uninstall {release} 2>&1 || true")
    assert "job gitlab-azure-identity-uninstall failed" in refused
    assert _release(admin) == before

    admin.shell(f"{oldest} rollback {release.replace(' ', ' 1 ', 1)}")
    admin.shell(upgrade)
    admin.shell("kubectl -n gitlab delete gai gitlab")
    with Kubelet(admin.lab, "gitlab-azure-identity", tmp_path):
        admin.shell(f"{oldest} uninstall {release}")
    assert _release(admin) == ""
    admin.shell("kubectl delete crd gitlabazureidentities.gitlabazure.io")


def test_an_uninstallation_waits_for_resources_that_are_being_deleted(
    admin: Person, installed: None, tmp_path: Path
) -> None:
    finalizers = 'kubectl -n gitlab patch gai gitlab --type merge -p \'{"metadata":{"finalizers":%s}}\''
    admin.shell(finalizers % '["example.com/cleans-up"]')
    admin.shell("kubectl -n gitlab delete gai gitlab --wait=false")

    with Kubelet(admin.lab, "gitlab-azure-identity", tmp_path) as kubelet, ThreadPoolExecutor() as pool:
        uninstalling = pool.submit(admin.runs, "helm uninstall gitlab-azure-identity --namespace gitlab-azure-identity")
        kubelet.until("Waiting for resources that are being deleted: gitlab/gitlab.")
        admin.shell(finalizers % "null")
        uninstalling.result()

    assert _release(admin) == ""


def _revision(history: str) -> str:
    """The newest revision in Helm's table."""
    return history.splitlines()[-1].split()[0]


def _release(admin: Person) -> str:
    """Everything of the operator's release that is in the cluster, but its definition and what Helm and the check keep."""
    kinds = "deploy,sa,cm,role,rolebinding,clusterrole,clusterrolebinding,pdb,validatingadmissionpolicy"
    return admin.shell(f"kubectl get {kinds} -A -o name -l app.kubernetes.io/instance=gitlab-azure-identity")
