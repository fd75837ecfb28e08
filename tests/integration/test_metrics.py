"""What Prometheus sees of a resource and of the requests for it."""

import re

from .behind import condition, remove_credentials, until, until_matched
from .operating import Operator
from .owner import stalled
from .resources import GitLab

IDENTITY = "Microsoft.ManagedIdentity/userAssignedIdentities"
BLOBS = "Microsoft.Storage/storageAccounts/blobServices"


def count(text: str, name: str, **labels: str) -> float:
    """The sum of the series of a metric that have these labels."""
    total = 0.0
    for line in text.splitlines():
        series, _, value = line.rpartition(" ")
        has = all(f'{label}="{wanted}"' in series for label, wanted in labels.items())
        total += float(value) if has and re.match(rf"{name}(\{{|$)", series) else 0.0
    return total


def test_the_conditions_of_a_resource_are_shown_and_go_with_it(gitlab: GitLab, operator: Operator) -> None:
    gitlab.apply(storage={"accountName": "otherstore"})
    stalled(gitlab, "NotPermitted")
    text = operator.get("/metrics")
    assert condition(gitlab, "Ready", "False", "NotPermitted") in text
    assert condition(gitlab, "Stalled", "True", "NotPermitted") in text

    gitlab.apply().ready()
    text = operator.get("/metrics")
    assert condition(gitlab, "Ready") in text
    assert condition(gitlab, "AccessVerified", reason="Verified") in text
    assert condition(gitlab, "Ready", "False", "NotPermitted") not in text

    gitlab.delete()
    until(lambda: f'namespace="{gitlab.namespace}"' not in operator.get("/metrics"), "its series are gone")


def test_requests_are_counted_by_the_action_that_they_need(gitlab: GitLab, operator: Operator) -> None:
    operator.restart()

    gitlab.apply().ready()

    text = operator.get("/metrics")
    for operation, code in {
        f"{IDENTITY}/write": 201,
        f"{IDENTITY}/federatedIdentityCredentials/write": 201,
        "Microsoft.Authorization/roleAssignments/write": 201,
        f"{BLOBS}/generateUserDelegationKey/action": 200,
        f"{BLOBS}/containers/blobs/write": 412,
        "oauth2/v2.0/token": 200,
    }.items():
        assert count(text, "gitlab_azure_identity_azure_requests_total", operation=operation, code=str(code)) > 0
        assert count(text, "gitlab_azure_identity_azure_request_duration_seconds_count", operation=operation) > 0
    assert 'operation="other"' not in text
    assert count(text, "gitlab_azure_identity_token_exchanges_total", result="success") == 1


def test_a_repair_is_counted_by_its_condition(gitlab: GitLab, operator: Operator) -> None:
    gitlab.apply().ready()
    repairs = {"name": "gitlab_azure_identity_drift_repairs_total", "condition": "CredentialsFederated"}
    before = count(operator.get("/metrics"), **repairs)
    remove_credentials(gitlab)

    gitlab.reconcile_now()

    assert count(operator.get("/metrics"), **repairs) == before + 1


def test_a_pass_that_lasts_is_shown_and_none_hangs(gitlab: GitLab, operator: Operator) -> None:
    gitlab.lab.controls.add_fault("PUT */federatedIdentityCredentials/*", hang=True)
    gitlab.apply()
    until_matched(gitlab.lab, "PUT */federatedIdentityCredentials/*")

    text = operator.get("/metrics")

    assert count(text, "controller_runtime_active_workers") == 1
    assert count(text, "workqueue_longest_running_processor_seconds") > 0
    assert count(text, "workqueue_depth") == 0
    assert operator.get("/healthz") == "ok\n"


def test_the_throttle_shows_its_tokens_and_how_long_requests_waited(gitlab: GitLab, operator: Operator) -> None:
    operator.restart(throttle={"rates": "Published", "identityBurst": 1})

    gitlab.apply(serviceAccounts=[{"name": "gitlab"}, {"name": "runner"}]).ready()

    text = operator.get("/metrics")
    assert count(text, "gitlab_azure_identity_throttle_wait_seconds_total", kind="write") > 4
    assert count(text, "gitlab_azure_identity_throttle_tokens", kind="write", per="identity") < 1
    assert count(text, "gitlab_azure_identity_throttle_tokens", kind="arm read", per="subscription") > 100


def test_a_deletion_is_counted_too(gitlab: GitLab, operator: Operator) -> None:
    operator.restart()
    gitlab.apply().ready()
    gitlab.delete()

    text = operator.get("/metrics")
    assert count(text, "controller_runtime_reconcile_time_seconds_count") >= 2
    assert count(text, "controller_runtime_reconcile_errors_total") == 0
