"""Commands that people are told and the lab cannot carry out, as the tool's own parser sees them. Nothing is carried out."""

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from lab import azure_cli, envfile, tools
from tests.docs.commands import NAMED, NOT_RUN


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An `az` that nobody logged in."""
    return envfile.without_foreign(os.environ) | azure_cli.settings(tmp_path_factory.mktemp("azure-cli"))


def words(command: str) -> list[str]:
    """The arguments, with a word for each `<placeholder>`."""
    tool, *arguments = shlex.split(re.sub(r"<[^<>]+>", "word", command))
    assert tool == "az", "the lab can run every other tool"
    return arguments


@pytest.mark.parametrize("command", NOT_RUN)
def test_az_understands_a_command_that_the_lab_cannot_carry_out(command: str, environment: dict[str, str]) -> None:
    assert azure_cli.refusal(words(command), environment) is None


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("az aks update --enable-oidc-issuer", "the following arguments are required: --resource-group/-g, --name/-n"),
        ("az lock list --resource-group <group> --output table --locked", "unrecognized arguments: --locked"),
        ("az lock lists --resource-group <group>", "'lists' is misspelled or not recognized"),
        ("az account list-locations -o tables", "'tables' is not a valid value for '--output'"),
    ],
)
def test_az_refuses_a_wrong_one(command: str, said: str, environment: dict[str, str]) -> None:
    """So the test above can fail."""
    assert said in (azure_cli.refusal(words(command), environment) or "")


@pytest.mark.parametrize("command", NAMED)
def test_a_command_that_is_only_named_is_one(command: str, environment: dict[str, str]) -> None:
    """Its tool has help for it."""
    tool, *path = command.partition(" gai")[0].removesuffix(" …").partition(" … ")[0].split()
    programs: dict[str, Path] = {"az": azure_cli.program()}
    program = programs.get(tool) or tools.on_path_or_fetched(tools.KUBECTL if tool == "kubectl" else tools.HELM)
    shown = subprocess.run(
        [program, *path, "--help"], env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert shown.returncode == 0, shown.stderr
    assert path[-1] in shown.stdout
