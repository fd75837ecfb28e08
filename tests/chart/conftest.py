"""Helm, for the tests of the chart."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lab import tools

from .rendering import Helm, Rendered


@pytest.fixture(scope="session")
def helm(tmp_path_factory: pytest.TempPathFactory) -> Helm:
    """The helm that the variable HELM names. Without it: the lab's, which is the one on PATH if that is new enough."""
    folder = tmp_path_factory.mktemp("helm")
    if named := os.environ.get("HELM"):
        return Helm(Path(named), folder)
    return Helm(tools.on_path_or_fetched(tools.HELM), folder)


@pytest.fixture(scope="session")
def minimal(helm: Helm) -> Rendered:
    """The chart, rendered with only the required values."""
    return helm.template()


@pytest.fixture(scope="session")
def oldest(tmp_path_factory: pytest.TempPathFactory) -> Helm:
    """The oldest helm that the chart's README names."""
    return Helm(tools.oldest_helm(), tmp_path_factory.mktemp("oldest-helm"))
