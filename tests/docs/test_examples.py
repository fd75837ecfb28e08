"""Examples are valid and complete, and the example settings admit them."""

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from gitlab_azure_identity.domain.clouds import CLOUDS
from gitlab_azure_identity.domain.desired import desire, use_of
from gitlab_azure_identity.domain.gitlab.values import gitlab_values
from gitlab_azure_identity.domain.policy import refusal
from gitlab_azure_identity.settings import FILE_VARIABLE, Settings, load
from lab import tools
from tests.chart.rendering import CHART, NAMESPACE, RELEASE, Helm

from .markdown import ROOT, Page, pages
from .resources import check, fields, fields_set, is_our_kind

EXAMPLES = ROOT / "examples"
VALUES = EXAMPLES / "operator-values.yaml"
RESOURCES = ("gitlab.yaml", "full.yaml", "observed.yaml", "gitlab-operator.yaml")
RUNNER = "runner-cache.yaml"  # in a namespace of its own, which the example settings do not admit


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The operator's settings when its chart is installed with the example's values."""
    folder = tmp_path_factory.mktemp("helm")
    helm = Helm(tools.on_path_or_fetched(tools.HELM), folder)
    done = helm.run("template", RELEASE, str(CHART), "--values", str(VALUES))
    assert done.returncode == 0, done.stderr
    documents = [document for document in yaml.safe_load_all(done.stdout) if document]
    (text,) = [d["data"]["settings.yaml"] for d in documents if d["kind"] == "ConfigMap"]
    assert {d["metadata"].get("namespace", NAMESPACE) for d in documents} == {NAMESPACE, "gitlab"}
    return load_settings(folder / "settings.yaml", text)


def load_settings(file: Path, text: str) -> Settings:
    file.write_text(text, encoding="utf-8")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv(FILE_VARIABLE, str(file))
        return load()


@pytest.mark.parametrize("name", RESOURCES)
def test_an_example_is_valid_and_admitted_by_the_example_settings(name: str, settings: Settings) -> None:
    documents = yaml.safe_load_all((EXAMPLES / name).read_text(encoding="utf-8"))
    (resource,) = [check(document) for document in documents if is_our_kind(document)]
    cloud = CLOUDS[settings.cloud]
    wanted = desire(
        resource, cluster=settings.cluster, cloud=cloud, issuer="https://issuer.example/", defaults=settings.defaults
    )
    assert refusal(settings.policy, wanted) is None


def test_the_example_for_runners_is_valid_and_admitted_by_the_settings_that_its_page_shows(tmp_path: Path) -> None:
    resource = check(yaml.safe_load((EXAMPLES / RUNNER).read_text(encoding="utf-8")))
    ([rule], *_) = [yaml.safe_load(text) for text in Page(ROOT / "docs" / "runner-cache.md").blocks("yaml")]
    example = yaml.safe_load(VALUES.read_text(encoding="utf-8"))["settings"]
    settings = load_settings(
        tmp_path / "settings.yaml", yaml.safe_dump({**example, "policy": [*example["policy"], rule]})
    )

    wanted = desire(
        resource,
        cluster=settings.cluster,
        cloud=CLOUDS[settings.cloud],
        issuer="https://issuer.example/",
        defaults=settings.defaults,
    )
    assert refusal(settings.policy, wanted) is None
    everything = replace(wanted, storage=replace(wanted.storage, containers={"registry": "registry"}))
    assert refusal(settings.policy, everything), "nothing of GitLab's is for runners"


def test_the_full_example_sets_every_field() -> None:
    full = yaml.safe_load((EXAMPLES / "full.yaml").read_text(encoding="utf-8"))
    assert set(fields()) - set(fields_set(full["spec"])) == set()


def test_the_example_for_the_gitlab_operator_has_the_values_of_its_resource() -> None:
    identity, gitlab = yaml.safe_load_all((EXAMPLES / "gitlab-operator.yaml").read_text(encoding="utf-8"))
    spec, chart = check(identity).spec, gitlab["spec"]["chart"]
    assert spec is not None
    values = chart["values"]
    del values["certmanager-issuer"], values["global"]["hosts"]

    assert values == yaml.safe_load(
        gitlab_values(use_of(spec, identity["metadata"]["name"], CLOUDS["AzurePublic"].blob_domain))
    )
    assert chart["version"] == spec.gitlab.version
    assert gitlab["metadata"]["namespace"] == identity["metadata"]["namespace"]


def test_every_file_in_examples_is_tested() -> None:
    assert {file.name for file in EXAMPLES.iterdir()} == {*RESOURCES, RUNNER, VALUES.name}


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_yaml_in_a_page_parses_and_resources_in_it_are_valid(page: Page) -> None:
    for text in page.blocks("yaml"):
        for document in yaml.safe_load_all(text):
            if is_our_kind(document):
                check(document)


def test_the_readme_shows_the_minimal_example_unchanged() -> None:
    minimal = yaml.safe_load((EXAMPLES / "gitlab.yaml").read_text(encoding="utf-8"))
    shown = [yaml.safe_load(text) for text in Page(ROOT / "README.md").blocks("yaml")]
    assert minimal in shown
