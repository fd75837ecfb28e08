"""Another Azure cloud, end to end: one setting, and everything that follows from it."""

from collections.abc import Iterator

import pytest
import yaml

from lab import chart
from lab.errors import LabError

from .behind import create_container, until
from .colleague import Colleague
from .operating import Operator
from .resources import GitLab
from .test_rights import OPERATOR

CLOUD = "AzureUSGovernment"
AUDIENCES = {CLOUD: "api://AzureADTokenExchangeUSGov", "AzurePublic": "api://AzureADTokenExchange"}


def admit_tokens(gitlab: GitLab, cloud: str) -> None:
    """The chart's admission policies with that cloud in its values, once they are in effect."""
    lab = gitlab.lab
    manifests = chart.render(lab.tool("helm"), [gitlab.namespace], ["--set", f"settings.cloud={cloud}"])
    lab.apply([each for each in manifests if each["kind"] == "ValidatingAdmissionPolicy"])
    until(lambda: may_have_token(gitlab, AUDIENCES[cloud]), f"tokens for {cloud}")


def may_have_token(gitlab: GitLab, audience: str) -> bool:
    command = ("create", "token", "default", "-n", gitlab.namespace, "--audience", audience, "--duration=10m")
    try:
        gitlab.lab.kubectl(*command, "--as", OPERATOR)
    except LabError:
        return False
    return True


@pytest.fixture
def us_government(gitlab: GitLab, operator: Operator) -> Iterator[None]:
    """An operator that was installed for that cloud. The webhook gave its pod that cloud's authority."""
    admit_tokens(gitlab, CLOUD)
    operator.restart({"AZURE_AUTHORITY_HOST": "https://login.microsoftonline.us/"}, cloud=CLOUD)
    yield
    admit_tokens(gitlab, "AzurePublic")


@pytest.mark.usefixtures("us_government")
def test_in_azure_us_government_everything_is_that_clouds(gitlab: GitLab, nobody: Colleague) -> None:
    create_container(gitlab.lab, "gitaly-backups")
    create_container(gitlab.lab, "runner-cache")
    gitlab.lab.controls.clear_calls()

    named = {"gitalyBackups": {"name": "gitaly-backups"}, "runnerCache": {"name": "runner-cache"}}
    gitlab.apply(storage={"accountName": "gitlabstore", "containers": named}).ready()

    assert {call.host for call in gitlab.lab.controls.calls()} == {
        "login.microsoftonline.us",
        "management.usgovcloudapi.net",
        "gitlabstore.blob.core.usgovcloudapi.net",
    }
    (credential,) = gitlab.credentials()
    assert credential["properties"]["audiences"] == [AUDIENCES[CLOUD]]
    assert "\n  realm: core.usgovcloudapi.net\n" in gitlab.secret("gitlab-registry-storage")["config"]
    domain = "blob.core.usgovcloudapi.net"
    assert f"azure_storage_domain: {domain}\n" in gitlab.secret("gitlab-object-storage")["connection"]
    assert f"azure_storage_domain: {domain}\n" in gitlab.secret("gitlab-azure-backup-conf")["config"]
    written = gitlab.fetch("configmap", "gitlab-gitlab-values")["data"]["values.yaml"]
    assert nobody.gai("values", "gitlab", "-n", gitlab.namespace).stdout == written
    values = yaml.safe_load(written)
    assert values["gitlab"]["gitaly"]["backup"]["goCloudUrl"].endswith(f"&domain={domain}")
    assert values["gitlab-runner"]["extraEnv"]["CACHE_AZURE_STORAGE_DOMAIN"] == domain
