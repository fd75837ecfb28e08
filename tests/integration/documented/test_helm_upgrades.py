"""From the previous release to this one and back, by the chart's README: resources and what is recorded of them stay.

tests/integration/previous has the definition of the previous release, and resources with the status that it wrote."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab import chart
from lab.azure import seeded
from lab.places import ROOT
from lab.running import DAY, Lab
from tests.docs.markdown import page
from tests.integration.apart import FAST, started_lab
from tests.integration.operating import Operator
from tests.integration.prometheus_operator import DEFINITIONS
from tests.integration.resources import GitLab
from tests.integration.watching import Object, Watch

from .person import NAMESPACE, Person, checkout

README = page("charts/gitlab-azure-identity/README.md")
PREVIOUS = ROOT / "tests" / "integration" / "previous"
DEFINITION: Object = yaml.safe_load((PREVIOUS / "crd.yaml").read_text(encoding="utf-8"))
RESOURCES: list[Object] = list(yaml.safe_load_all((PREVIOUS / "resources.yaml").read_text(encoding="utf-8")))
NAMES = [found["metadata"]["name"] for found in RESOURCES]
COLLECTION = f"/apis/gitlabazure.io/v1alpha1/namespaces/{NAMESPACE}/gitlabazureidentities"


@pytest.fixture(scope="module")
def admin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Person]:
    """Somebody with the previous release installed, and with resources that it worked on. The lab has the operator's rights from
    its start on: Helm takes them over."""
    with started_lab(tmp_path_factory.mktemp("upgrades")) as (lab, _):
        lab.controls.set(**FAST)
        admin = Person(lab, checkout(tmp_path_factory.mktemp("checkout")))
        values = yaml.safe_load((ROOT / "lab" / "values.yaml").read_text(encoding="utf-8"))
        values["azure"]["clientId"] = seeded.OPERATOR_CLIENT
        (admin.folder / "operator-values.yaml").write_text(yaml.safe_dump(values))
        previous = previous_chart(admin.folder)
        admin.shell(
            f"helm install gitlab-azure-identity {previous} --namespace {chart.RELEASE} --create-namespace "
            "--values operator-values.yaml"
        )
        for found in RESOURCES:
            lab.api.post(COLLECTION, {**found, "status": {}})
            lab.api.patch(f"{COLLECTION}/{found['metadata']['name']}/status", {"status": found["status"]})
        yield admin


def previous_chart(folder: Path) -> Path:
    """This chart with the definition of the previous release."""
    copy = Path(shutil.copytree(ROOT / "charts" / chart.RELEASE, folder / "previous" / chart.RELEASE))
    (copy / "files" / "crd.yaml").write_text(yaml.safe_dump(DEFINITION))
    about = yaml.safe_load((copy / "Chart.yaml").read_text(encoding="utf-8"))
    (copy / "Chart.yaml").write_text(yaml.safe_dump({**about, "version": "0.0.9"}))
    return copy


def read(lab: Lab) -> dict[str, Object]:
    """The resources as the API server has them now, by name."""
    return {name: lab.api.get(f"{COLLECTION}/{name}") for name in NAMES}


def fields(of_definition: Object) -> set[str]:
    """The fields of the spec that a definition knows, as dotted paths."""

    def walk(schema: dict[str, Any], above: str) -> Iterator[str]:
        for name, below in schema.get("properties", {}).items():
            yield above + name
            yield from walk(below, f"{above}{name}.")

    schema = of_definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    return set(walk(schema, ""))


def test_resources_and_their_records_go_through_an_upgrade_and_a_rollback(admin: Person, tmp_path: Path) -> None:
    lab = admin.lab
    assert fields(served(lab)) == fields(DEFINITION)
    before = read(lab)
    assert {name: found["status"] for name, found in before.items()} == {
        found["metadata"]["name"]: found["status"] for found in RESOURCES
    }

    admin.runs(
        "helm upgrade gitlab-azure-identity charts/gitlab-azure-identity --namespace gitlab-azure-identity "
        "--values operator-values.yaml"
    )

    assert fields(served(lab)) > fields(DEFINITION)
    upgraded = read(lab)
    for name, found in before.items():
        assert upgraded[name]["metadata"]["uid"] == found["metadata"]["uid"]
        assert upgraded[name]["status"] == found["status"]
        assert contains(upgraded[name]["spec"], found["spec"])

    worked_on(lab, tmp_path)  # this release takes up what the previous one recorded
    recorded = read(lab)
    assert (
        recorded["gitlab"]["status"]["identity"]["resourceId"] == before["gitlab"]["status"]["identity"]["resourceId"]
    )

    admin.runs("helm rollback gitlab-azure-identity --namespace gitlab-azure-identity")

    assert fields(served(lab)) == fields(DEFINITION)
    back = read(lab)
    for name, found in before.items():
        assert back[name]["metadata"]["uid"] == found["metadata"]["uid"]
        assert back[name]["spec"] == found["spec"]
        assert back[name]["status"].get("identity") == recorded[name]["status"].get("identity")
        assert contains(recorded[name]["status"], back[name]["status"])


def test_a_copy_before_a_rollback_has_every_field(admin: Person) -> None:
    admin.runs("kubectl get gai --all-namespaces -o yaml > resources.yaml")

    copied = yaml.safe_load((admin.folder / "resources.yaml").read_text(encoding="utf-8"))["items"]
    assert sorted(found["metadata"]["name"] for found in copied) == sorted(NAMES)


def test_the_optional_parts_are_switched_on_and_off_by_an_upgrade(admin: Person) -> None:
    lab = admin.lab
    (optional,) = (text for text in README.blocks("yaml") if "networkPolicy" in text)
    (admin.folder / "optional.yaml").write_text(optional)
    lab.apply(DEFINITIONS)
    for found in DEFINITIONS:
        lab.kubectl("wait", "--for=condition=Established", f"crd/{found['metadata']['name']}")
    upgrade = (
        f"helm upgrade gitlab-azure-identity charts/gitlab-azure-identity -n {chart.RELEASE} -f operator-values.yaml"
    )

    admin.shell(f"{upgrade} -f optional.yaml")

    installed = parts(admin)
    assert installed == [
        f"configmap/{chart.RELEASE}-dashboard",
        f"networkpolicy.networking.k8s.io/{chart.RELEASE}",
        f"podmonitor.monitoring.coreos.com/{chart.RELEASE}",
        f"prometheusrule.monitoring.coreos.com/{chart.RELEASE}",
    ]
    pod = lab.api.get(f"/apis/apps/v1/namespaces/{chart.RELEASE}/deployments/{chart.RELEASE}")["spec"]["template"][
        "spec"
    ]
    variables = {each["name"]: each["value"] for each in pod["containers"][0]["env"]}
    assert variables["HTTPS_PROXY"] == "http://proxy.example.com:3128"
    assert variables["SSL_CERT_FILE"] == "/etc/gitlab-azure-identity-ca/ca.crt"

    admin.shell(upgrade)

    assert parts(admin) == []


def parts(admin: Person) -> list[str]:
    """The optional objects of the release that are in the cluster."""
    kinds = "configmap,networkpolicy,podmonitor,prometheusrule"
    found = admin.shell(
        f"kubectl -n {chart.RELEASE} get {kinds} -o name -l app.kubernetes.io/instance={chart.RELEASE}"
    ).split()
    return sorted(set(found) - {f"configmap/{chart.RELEASE}"})


def served(lab: Lab) -> Object:
    found: Object = lab.api.get(
        "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/gitlabazureidentities.gitlabazure.io"
    )
    return found


def contains(found: object, expected: object) -> bool:
    """Whether an object has what is expected, and perhaps more fields."""
    if isinstance(found, dict) and isinstance(expected, dict):
        return all(key in found and contains(found[key], value) for key, value in expected.items())
    if isinstance(found, list) and isinstance(expected, list):
        return len(found) == len(expected) and all(map(contains, found, expected))
    return found == expected


def worked_on(lab: Lab, folder: Path) -> None:
    """The operator of this release works on the resources, until the one that was Ready is Ready again."""
    files = lab.places.operator
    access = lab.api.request_token(chart.RELEASE, chart.RELEASE, "", DAY)
    (files / "kubeconfig").write_text(lab.api.kubeconfig(chart.RELEASE, access))
    (files / "token").write_text(lab.api.request_token(chart.RELEASE, chart.RELEASE, seeded.AUDIENCE, DAY))
    installed = lab.api.get(f"/api/v1/namespaces/{chart.RELEASE}/configmaps/{chart.RELEASE}")["data"]["settings.yaml"]
    operator = Operator(lab, folder)
    operator.start(policy=yaml.safe_load(installed)["policy"])
    watch = Watch(lab)
    try:
        gitlab = GitLab(lab, watch, NAMESPACE)
        gitlab.reconcile_now()
        gitlab.condition("Ready", "True")
    finally:
        operator.stop()
        watch.close()
