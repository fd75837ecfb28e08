"""`kubectl gai values -f`: from a file to the chart's values."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
import yaml

from gitlab_azure_identity.api import API_VERSION, KIND
from gitlab_azure_identity.cli.commands import gai
from gitlab_azure_identity.cli.files import read
from gitlab_azure_identity.cli.problems import CouldNotCheck
from gitlab_azure_identity.cli.values import Shape, of_file
from tests.docs.markdown import ROOT

from .worlds import wanted


def written(name: str | None = "gitlab", *, namespace: str | None = None, **spec: Any) -> str:
    """A resource as a person writes it."""
    metadata = {} if name is None else {"name": name}
    metadata |= {"namespace": namespace} if namespace else {}
    whole = {"storage": {"accountName": "gitlabstore"}, **spec}
    return yaml.safe_dump({"apiVersion": API_VERSION, "kind": KIND, "metadata": metadata, "spec": whole})


def values(text: str, name: str | None = None, *, shape: Shape = Shape.HELM, cloud: str = "AzurePublic") -> str:
    file = io.StringIO(text)
    file.name = "gai.yaml"
    return of_file(file, name, None, cloud).text(shape)


@pytest.mark.parametrize(
    ("name", "spec"),
    [
        pytest.param("gitlab", {}, id="the smallest"),
        pytest.param("other", {"secrets": {"backups": {"management": "Disabled"}}}, id="another name, no backups"),
        pytest.param("gitlab", {"serviceAccounts": [{"name": "a"}, {"name": "a-registry"}]}, id="accounts"),
        pytest.param(
            "gitlab", {"storage": {"accountName": "sss", "containers": {"pages": {"name": "ppp"}}}}, id="pages"
        ),
    ],
)
def test_the_values_are_those_that_the_operator_writes(name: str, spec: dict[str, Any]) -> None:
    """No identity, no settings and no cluster are needed for them."""
    (config_map,) = [each for each in wanted(spec, name=name).objects if each.kind == "ConfigMap"]

    assert values(written(name, **spec)) == config_map.data["values.yaml"]


@pytest.mark.parametrize("example", ["gitlab.yaml", "full.yaml"])
def test_an_example_has_values(example: str) -> None:
    text = (ROOT / "examples" / example).read_text(encoding="utf-8")
    assert yaml.safe_load(values(text))["global"]["minio"] == {"enabled": False}


CACHE = {"accountName": "gitlabstore", "containers": {"runnerCache": {"name": "cache"}}}


def test_the_runners_own_chart_has_values_where_the_resource_serves_runners() -> None:
    runner = yaml.safe_load(values(written(storage=CACHE), shape=Shape.GITLAB_RUNNER))

    assert runner == yaml.safe_load(values(written(storage=CACHE)))["gitlab-runner"]
    with pytest.raises(CouldNotCheck) as raised:
        values(written(), shape=Shape.GITLAB_RUNNER)
    assert raised.value.message == "gitlab serves no runner. Name its container: spec.storage.containers.runnerCache."


def test_another_cloud_has_its_own_domain() -> None:
    runner = yaml.safe_load(values(written(storage=CACHE), shape=Shape.GITLAB_RUNNER, cloud="AzureChina"))

    assert runner["extraEnv"]["CACHE_AZURE_STORAGE_DOMAIN"] == "blob.core.chinacloudapi.cn"


def test_other_documents_of_the_file_do_not_matter() -> None:
    text = f"kind: Namespace\n---\n{written()}---\n---\n- a list\n"
    assert read(text, "gai.yaml").key.name == "gitlab"


@pytest.mark.parametrize("kind", ["List", f"{KIND}List"])
def test_a_list_is_read_too(kind: str) -> None:
    text = yaml.safe_dump({"apiVersion": "v1", "kind": kind, "items": [yaml.safe_load(written("in-a-list")), 5]})
    assert read(text, "gai.yaml").key.name == "in-a-list"


def test_what_else_a_person_wrote_does_not_matter() -> None:
    body = yaml.safe_load(written())
    body["metadata"]["annotations"] = ["not", "a mapping"]
    assert values(yaml.safe_dump(body | {"status": 5})) == values(written())


def test_of_several_resources_a_name_chooses_one() -> None:
    text = f"{written('one')}---\n{written('two')}"
    assert read(text, "gai.yaml", "two").key.name == "two"


def test_of_several_resources_of_one_name_the_namespace_chooses_one() -> None:
    text = f"{written(namespace='eu')}---\n{written(namespace='us')}"
    assert [str(read(text, "gai.yaml", None, one).key) for one in ("eu", "us")] == ["eu/gitlab", "us/gitlab"]


@pytest.mark.parametrize(
    ("own", "asked", "namespace"),
    [("eu", None, "eu"), ("eu", "eu", "eu"), (None, "eu", "eu"), (None, None, "of-the-context")],
)
def test_the_namespace_of_a_resource_is_its_own_or_the_one_that_a_person_means(
    own: str | None, asked: str | None, namespace: str
) -> None:
    assert read(written(namespace=own), "gai.yaml", None, asked, "of-the-context").key.namespace == namespace


def test_of_a_resource_that_is_written_twice_the_last_counts_as_for_kubectl() -> None:
    text = f"{written()}---\n{written(storage={'accountName': 'second'})}"
    assert read(text, "gai.yaml").legible.storage.account_name == "second"


def test_a_field_without_a_value_counts_as_none_as_it_does_for_the_api_server() -> None:
    empty = written(
        deletionPolicy=None, secrets={"registry": {"name": None}}, storage={"accountName": "sss", "roleScope": None}
    )
    assert values(empty) == values(written(storage={"accountName": "sss"}))


@pytest.mark.parametrize(
    ("text", "name", "said"),
    [
        ("a: [", None, "gai.yaml is not YAML: while parsing"),
        ("", None, f"gai.yaml has no {KIND} of {API_VERSION}. Name a file that has one."),
        ("kind: Namespace", None, f"gai.yaml has no {KIND} of {API_VERSION}."),
        ("kind: List\nitems: 5", None, f"gai.yaml has no {KIND} of {API_VERSION}."),
        (written(None), None, f"A {KIND} in gai.yaml has no metadata.name."),
        (f"{written('one')}---\n{written('two')}", None, "has 2 resources. Name one of them: one, two."),
        (written("one"), "two", f"gai.yaml has no {KIND} two. It has: one."),
        (written(storage={"accountName": 5}), None, "The spec of gitlab does not fit the schema: spec.storage.accountName:"),
        (written(storag={}), None, "has a field that no GitLabAzureIdentity has: spec.storag. See: kubectl explain gai.spec"),
        (
            written(serviceAccounts=[{"name": "gitlab", "managment": "Annotate"}]), None,
            "spec.serviceAccounts.managment. See: kubectl explain gai.spec.serviceAccounts",
        ),
        (written(storage=None), None, "The spec of gitlab does not fit the schema: spec.storage:"),
        (written(suspend="true"), None, "spec.suspend: Input should be a valid boolean"),
        (
            written(secrets={"registry": {"parameters": {"maxRetries": "5"}}}), None,
            "spec.secrets.registry.parameters.maxRetries: Input should be a valid integer",
        ),
        (written("GitLab_x"), None, "metadata.name of GitLab_x in gai.yaml is none that the API server takes. Use lower-case"),
        (written("g" * 64), None, "63 characters at most."),
        (
            f"{written()}sepc: {{}}\n", None,
            "gitlab in gai.yaml has a field that no GitLabAzureIdentity has: sepc. See: kubectl explain gai",
        ),
        (
            "kind: GitlabAzureIdentity\napiVersion: gitlabazure.io/v1\n", None,
            f"no {KIND} of {API_VERSION}. It has: GitlabAzureIdentity of gitlabazure.io/v1. Name a file that has one.",
        ),
        (
            f"{written(namespace='eu')}---\n{written(namespace='us')}", None,
            "has 2 resources. Name one of them, and its --namespace: eu/gitlab, us/gitlab.",
        ),
        ("a: &a [*a]\n", None, "gai.yaml is not YAML: Circular reference detected. Correct it there."),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_used_is_told_with_what_to_do(text: str, name: str | None, said: str) -> None:
    with pytest.raises(CouldNotCheck) as raised:
        values(text, name)
    assert said in raised.value.message
    assert raised.value.exit_code == 2


def test_a_file_that_is_no_text_is_told(tmp_path: Path) -> None:
    file = tmp_path / "gai.yaml"
    file.write_bytes(b"\xff\xfe\x00")
    with file.open(encoding="utf-8") as opened, pytest.raises(CouldNotCheck, match="is not text"):
        of_file(opened, None, None, "AzurePublic")


def test_what_the_values_cannot_do_is_told_beside_them(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "gai.yaml"
    containers = {"lfs": {"management": "Disabled"}}
    file.write_text(
        written(gitlab={"version": "9.11.0"}, storage={"accountName": "sss", "containers": containers}),
        encoding="utf-8",
    )

    assert gai.main(["values", "-f", str(file)], standalone_mode=False) == 0

    shown = capfd.readouterr()
    assert "object_store" in yaml.safe_load(shown.out)["global"]["appConfig"]
    own, day_old, migrations = shown.err.splitlines()
    assert own == "Your own values must have: global.appConfig.lfs.enabled: false."
    assert day_old.startswith("GitLab before 19.3")
    assert migrations.startswith("Chart 9.11.0 to 9.11.2 stops its migrations")


def test_a_release_that_cannot_use_them_is_a_problem(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "gai.yaml"
    file.write_text(written(gitlab={"version": "17.8"}), encoding="utf-8")

    assert gai.main(["values", "-f", str(file)], standalone_mode=False) == 1

    assert capfd.readouterr().err.startswith("The chart before 8.9 (GitLab before 17.9) does not render")


def test_the_gitlab_operator_reads_the_same_values_in_its_resource(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "gai.yaml"
    file.write_text(written(), encoding="utf-8")

    assert gai.main(["values", "-f", str(file), "--for", "gitlab-operator"], standalone_mode=False) == 0

    shown = capfd.readouterr()
    assert yaml.safe_load(shown.out) == {"spec": {"chart": {"values": yaml.safe_load(values(written()))}}}
    assert shown.err == ""
