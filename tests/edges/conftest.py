"""What the tests of requests to Azure share."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.azure.certificates import Certificates


@pytest.fixture
def in_a_pod(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the webhook sets in the operator's pod, and no proxy."""
    token: Path = tmp_path_factory.mktemp("pod") / "token"
    token.write_text("a token")
    monkeypatch.setenv("AZURE_CLIENT_ID", "22222222-2222-3333-4444-555555555555")
    monkeypatch.setenv("AZURE_TENANT_ID", "33333333-2222-3333-4444-555555555555")
    monkeypatch.setenv("AZURE_FEDERATED_TOKEN_FILE", str(token))
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """A certificate authority for the servers of a module."""
    return Certificates(tmp_path_factory.mktemp("authority"))
