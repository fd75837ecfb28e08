"""The whole life: applied, Ready, kept, and gone again."""

from .resources import CONTRIBUTOR, GitLab


def test_from_apply_to_ready_takes_three_writes_and_two_reads(gitlab: GitLab) -> None:
    gitlab.lab.controls.clear_calls()

    found = gitlab.apply().ready()

    assert [(call.method, call.status) for call in gitlab.writes()] == [("PUT", 201)] * 3
    assert len(gitlab.calls()) - len(gitlab.writes()) == 2
    (identity,) = gitlab.identities()
    assert found["status"]["identity"]["clientId"] == identity["properties"]["clientId"]
    (credential,) = gitlab.credentials()
    assert credential["properties"]["subject"] == f"system:serviceaccount:{gitlab.namespace}:gitlab"
    (assignment,) = gitlab.assignments()
    assert assignment["properties"]["roleDefinitionId"].endswith(CONTRIBUTOR)
    assert assignment["properties"]["principalType"] == "ServicePrincipal"


def test_delete_leaves_nothing_behind(gitlab: GitLab) -> None:
    gitlab.apply().ready()
    principal = gitlab.principal

    gitlab.delete()

    assert gitlab.identities() == []
    assert gitlab.assignments(principal=principal) == []
    assert not gitlab.exists("serviceaccount", "gitlab")
    for secret in ("gitlab-registry-storage", "gitlab-object-storage", "gitlab-azure-backup-conf"):
        assert not gitlab.exists("secret", secret)
    assert not gitlab.exists("configmap", "gitlab-gitlab-values")


def test_a_role_removed_behind_our_back_is_restored_and_told(gitlab: GitLab) -> None:
    gitlab.apply().ready()
    gitlab.remove_assignments()

    gitlab.reconcile_now()

    assert len(gitlab.assignments()) == 1
    drift = [event for event in gitlab.events() if event["reason"] == "DriftRepaired"]
    assert "Storage Blob Data Contributor" in drift[-1]["message"]
