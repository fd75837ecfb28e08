"""Helm, for the tests of the chart."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from .rendering import Helm, Rendered


def program() -> Path:
    """HELM, or the helm on PATH."""
    if named := os.environ.get("HELM"):
        return Path(named)
    if found := shutil.which("helm"):
        return Path(found)
    pytest.fail("helm is missing: put it on PATH, or name it in HELM")


@pytest.fixture(scope="session")
def helm(tmp_path_factory: pytest.TempPathFactory) -> Helm:
    return Helm(program(), tmp_path_factory.mktemp("helm"))


@pytest.fixture(scope="session")
def minimal(helm: Helm) -> Rendered:
    """The chart with the least a person has to say."""
    return helm.template()
