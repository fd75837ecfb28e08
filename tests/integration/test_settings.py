"""The operator's settings and the chart's values that change something for every resource."""

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest

from lab import chart
from lab.azure import seeded
from lab.running import Lab

from .behind import until
from .operating import GROUP, IDENTITIES, SUBSCRIPTION, Operator
from .owner import condition, stalled
from .resources import RBAC, GitLab

DISCOVERY = f"{RBAC}/clusterrolebindings/system:service-account-issuer-discovery"
CHARTS = f"{RBAC}/clusterroles/gitlab-azure-identity"


@pytest.fixture
def hidden_issuer(lab: Lab) -> Iterator[None]:
    """A cluster that does not let the operator read its issuer."""
    binding, role = lab.api.get(DISCOVERY), lab.api.get(CHARTS)
    lab.api.delete(DISCOVERY)
    lab.api.patch(CHARTS, {"rules": [rule for rule in role["rules"] if "nonResourceURLs" not in rule]})
    yield
    lab.api.patch(CHARTS, {"rules": role["rules"]})
    kept = {"name": binding["metadata"]["name"], "labels": binding["metadata"]["labels"]}
    lab.api.post(DISCOVERY.rpartition("/")[0], {**binding, "metadata": kept})


@pytest.mark.usefixtures("hidden_issuer")
def test_an_issuer_that_the_cluster_hides_is_read_from_the_settings(gitlab: GitLab, operator: Operator) -> None:
    operator.restart()
    gitlab.lab.controls.clear_calls()

    gitlab.apply()

    assert stalled(gitlab, "IssuerUnknown") == (
        "The operator could not read the cluster's OIDC issuer (/.well-known/openid-configuration). Enable the OIDC issuer "
        "(az aks update --name <cluster> --resource-group <group> --enable-oidc-issuer), or name it in the operator's setting "
        "`issuer`."
    )
    gitlab.delete()
    assert gitlab.writes() == []

    gitlab.apply()
    operator.restart(issuer=seeded.ISSUER)
    assert gitlab.ready()["status"]["issuer"] == seeded.ISSUER
    (credential,) = gitlab.credentials()
    assert credential["properties"]["issuer"] == seeded.ISSUER

    operator.restart()
    gitlab.delete()  # the record names what was created, and the issuer
    assert gitlab.identities() == []


def test_an_issuer_that_is_set_overrides_the_clusters_own(gitlab: GitLab, operator: Operator) -> None:
    """To the letter: here without the slash, so no token fits it."""
    operator.restart(issuer=seeded.ISSUER.removesuffix("/"))

    gitlab.apply()

    assert stalled(gitlab, "IssuerMismatch") == (
        f"The cluster's tokens are issued by {seeded.ISSUER}, but the federated credentials trust "
        f"{seeded.ISSUER.removesuffix('/')}. Correct the operator's setting `issuer`, to the letter, or take it out."
    )
    (credential,) = gitlab.credentials()
    assert credential["properties"]["issuer"] == seeded.ISSUER.removesuffix("/")
    assert gitlab.live()["status"]["issuer"] == seeded.ISSUER.removesuffix("/")


def test_an_identity_stays_where_it_was_created_and_that_is_reported_once(gitlab: GitLab, operator: Operator) -> None:
    before = gitlab.apply().ready()["status"]["identity"]

    defaults = {"subscriptionId": seeded.SUBSCRIPTION, "resourceGroup": "rg-elsewhere"}
    more = {"location": seeded.LOCATION, "storageResourceGroup": seeded.STORAGE_GROUP}
    operator.restart(defaults=defaults | more)
    gitlab.reconcile_now()

    def messages() -> list[str]:
        return [event["message"] for event in gitlab.events() if event["reason"] == "IdentityPinned"]

    until(messages, "an event IdentityPinned")
    gitlab.reconcile_now()
    elsewhere = f"{SUBSCRIPTION}/resourceGroups/rg-elsewhere{IDENTITIES.removeprefix(GROUP)}"
    name = f"lab_{gitlab.namespace}_gitlab"
    assert messages() == [
        (
            f"Managed identity {IDENTITIES}/{name} stays where it was created, although the operator's settings would now put "
            f"it at {elsewhere}/{name}."
        )
    ]
    assert gitlab.ready()["status"]["identity"] == before


def test_a_chart_that_withholds_tokens_is_named_with_what_to_do(gitlab: GitLab) -> None:
    """`verification.enabled: false` removes the right to create tokens: that is neither propagation nor a defect."""
    manifests = chart.render(gitlab.lab.tool("helm"), [gitlab.namespace], ["--set", "verification.enabled=false"])
    gitlab.lab.apply(chart.in_namespace(manifests, gitlab.namespace))

    gitlab.apply()

    assert stalled(gitlab, "Forbidden") == (
        "The operator may not create tokens for service account gitlab. In the values of its Helm chart, set "
        f"verification.enabled to true and add {gitlab.namespace} to `namespaces`; or set spec.verification to Disabled. "
        'The API server: serviceaccounts "gitlab" is forbidden: User '
        '"system:serviceaccount:gitlab-azure-identity:gitlab-azure-identity" cannot create resource "serviceaccounts/token" in '
        f'API group "" in the namespace "{gitlab.namespace}".'
    )
    assert condition(gitlab.live(), "AccessVerified")["reason"] == "Forbidden"
    assert condition(gitlab.live(), "SecretsWritten")["status"] == "True"

    gitlab.apply(verification="Disabled").ready()


# settings with which it does not start


def said_at_start(lab: Lab, without: str = "", **variables: str) -> str:
    """What an operator logs that ends at once, with the exit status for mistakes that a person must correct."""
    environment = lab.operator_env(**variables)
    environment.pop(without, None)
    ran = subprocess.run(
        [sys.executable, "-m", "gitlab_azure_identity", "run"],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert ran.returncode == 2, ran.stderr
    (entry,) = map(json.loads, ran.stderr.splitlines())
    assert entry["severity"] == "critical"
    return str(entry["message"])


def test_with_settings_that_cannot_be_used_it_does_not_start(lab: Lab) -> None:
    assert said_at_start(lab, GAI_CLOUD="AzureMoon").startswith(
        "not started: the settings cannot be used (GAI_SETTINGS_FILE="
    )


def test_without_an_identity_of_its_own_it_does_not_start(lab: Lab) -> None:
    assert said_at_start(lab, without="AZURE_CLIENT_ID").startswith("not started: cannot log in to Azure: ")
