"""The start: what cannot work is said in a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitlab_azure_identity import __main__ as start


@pytest.fixture(autouse=True)
def _settings_and_azure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """All that the operator needs but a cluster."""
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT", "GAI_SETTINGS_FILE"):
        monkeypatch.delenv(name, raising=False)
    token = tmp_path / "token"
    token.write_text("a token")
    variables = {
        "GAI_CLUSTER": "lab",
        "GAI_HTTP_PORT": "0",
        "AZURE_CLIENT_ID": "22222222-2222-3333-4444-555555555555",
        "AZURE_TENANT_ID": "33333333-2222-3333-4444-555555555555",
        "AZURE_FEDERATED_TOKEN_FILE": str(token),
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.argv", ["gitlab-azure-identity", "run"])
    monkeypatch.setattr(start, "configure_logging", lambda level: None)


def test_without_a_cluster_it_ends_with_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        start.main()

    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith("gitlab-azure-identity: cannot log in to the cluster: KUBECONFIG is not set")
    assert said.count("\n") == 1


def test_without_a_login_to_azure_it_ends_with_a_sentence(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AZURE_CLIENT_ID")

    with pytest.raises(SystemExit) as ended:
        start.main()

    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("gitlab-azure-identity: cannot log in to Azure: ")
