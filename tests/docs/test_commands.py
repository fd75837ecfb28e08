"""Commands, names and numbers in the documentation match the code."""

import re
import shlex
from collections.abc import Iterator

import click
import pytest
import yaml
from prometheus_client.metrics import MetricWrapperBase

from gitlab_azure_identity import api, metrics
from gitlab_azure_identity.api.crd import COLUMNS
from gitlab_azure_identity.azure.operations import IDENTITY_ROLE, STORAGE_ROLE
from gitlab_azure_identity.domain import causes, naming, ownership, roles
from gitlab_azure_identity.domain.causes.model import Command
from lab.azure.settings import Settings as Delays
from lab.builds import KUBERNETES
from lab.cli import cli

from . import commands
from .markdown import ROOT, Page, page, pages

ALL = pages()
OPERATOR = ROOT / "operator" / "gitlab_azure_identity"
TEXT = "\n".join(found.text for found in ALL)


def _targets() -> set[str]:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE))


@pytest.mark.parametrize("command", sorted(set(commands.told()) - set(commands.NO_COMMAND)))
def test_a_command_that_people_are_told_is_checked_by_the_real_tool(command: str) -> None:
    """Run in the lab, or parsed where the lab cannot answer, or known to the tool where the text only names it."""
    listed = [command in commands.NOT_RUN, command in commands.NAMED, commands.is_run(command)]
    assert listed.count(True) == 1, (
        f"{', '.join(commands.told()[command])}: {command}\n"
        "Let a test of tests/integration run it, or put it into NOT_RUN or NAMED of tests/docs/commands.py: one of these."
    )


def test_no_command_is_listed_that_nobody_is_told() -> None:
    listed = {*commands.NOT_RUN, *commands.NAMED, *commands.NO_COMMAND}
    assert listed - commands.told().keys() == set()


def test_a_command_of_the_table_of_causes_is_not_spelt_in_a_message_again() -> None:
    """Whatever the order of its words: the message takes it from the table."""
    table = {name: value.text for name, value in vars(causes.commands).items() if isinstance(value, Command)}
    words = {tuple(sorted(re.sub(r"\{\w+\}", "{}", text).split())): name for name, text in table.items()}
    spelt = {tuple(sorted(told.split())) for told, places in commands.told().items() if any(map(_is_python, places))}
    assert {name for key, name in words.items() if key in spelt} == set()


def _is_python(place: str) -> bool:
    return place.endswith(".py")


def test_commands_are_in_code_where_a_test_finds_them() -> None:
    """A sentence of a page has its commands in backticks."""
    for found in ALL:
        words = re.sub(r"`[^`]+`", "", found.prose)
        assert re.findall(r"\b(?:az|kubectl|helm|azcopy) (?:[a-z-]+ )+-", words) == [], found.name


def test_make_targets_in_the_documentation_exist() -> None:
    code = re.findall(r"^ {4,}make ([a-z-]+)|`make ([a-z-]+)`", TEXT, re.MULTILINE)
    named = {target for pair in code for target in pair if target}
    assert named, "the pattern finds no targets"
    assert named - _targets() == set()


def test_files_that_contributing_names_exist() -> None:
    named = re.findall(
        r"`((?:[\w.-]+/)*[\w.-]+(?:\.py|\.md|\.yaml|\.toml|\.lock|\.json)|[\w./-]+/)`", page("CONTRIBUTING.md").text
    )
    assert len(named) > 10
    missing = [name for name in named if not any((base / name).exists() for base in (ROOT, OPERATOR))]
    assert set(missing) <= {"docs/page.md", "src/"}  # an example, and the usual name of a folder such as operator/


def test_contributing_describes_every_target() -> None:
    contributing = page("CONTRIBUTING.md").text
    assert {target for target in _targets() if f"`make {target}`" not in contributing} - {"help"} == set()


def _lab_commands() -> Iterator[str]:
    for command in re.findall(r"python -m lab((?: [^\n`#)|\"]*)?)", TEXT):
        if command.strip() and "COMMAND" not in command and "--help" not in command:
            yield command.strip()


@pytest.mark.parametrize("command", sorted(set(_lab_commands())))
def test_a_lab_command_in_the_documentation_is_valid(command: str) -> None:
    words = shlex.split(command)
    context = cli.make_context("lab", words, resilient_parsing=False)
    group: click.Command = cli
    rest = [*context._protected_args, *context.args]
    while isinstance(group, click.Group) and rest and not rest[0].startswith("-"):
        found = group.get_command(context, rest[0])
        assert found is not None, f"there is no {rest[0]}"
        group, rest = found, rest[1:]
    group.make_context(group.name, rest, parent=context)


def _commands(group: click.Group, above: str = "") -> Iterator[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from _commands(command, f"{above}{name} ")
        else:
            yield f"{above}{name}", command


def test_the_lab_page_describes_every_command_and_option() -> None:
    lab = page("docs/lab.md")
    rows = {re.sub(r" [A-Z].*", "", cell) for cell in re.findall(r"^\| `([^`]+)` \|", lab.prose, re.MULTILINE)}
    missing = [name for name, _ in _commands(cli) if name not in rows]
    assert missing == []
    options = {
        option
        for _, command in _commands(cli)
        for parameter in command.params
        if isinstance(parameter, click.Option)
        for option in parameter.opts
    }
    assert {option for option in options if option not in lab.text} == set()


def test_the_lab_page_has_the_delays_of_the_lab() -> None:
    lab = page("docs/lab.md")
    for key, value in Delays().as_dict().items():
        name = key.replace("_", "-")
        row = lab.row(f"`{name}`")
        assert row is not None, name
        assert row[1] == f"{value:g}"


def test_the_lab_page_has_the_version_of_kubernetes() -> None:
    assert f"Kubernetes {KUBERNETES.rpartition('.')[0]}" in page("docs/lab.md").text


def test_the_readme_shows_the_columns_that_kubectl_prints() -> None:
    names = [name.upper() for name, _, priority in COLUMNS if not priority]
    wide = [name.upper() for name, _, priority in COLUMNS if priority]
    heads = [re.split(r" {2,}", line.strip()) for line in page("README.md").text.splitlines() if "CLIENT ID" in line]
    assert heads == [["NAME", *names, "AGE"], ["NAME", *names, "AGE", *wide]]


def test_annotations_and_labels_are_those_of_the_code() -> None:
    known = {value for value in vars(api).values() if isinstance(value, str) and "/" in value}
    named = set(re.findall(r"(?<![\w./])gitlabazure\.io/[a-z-]+", TEXT)) - {"gitlabazure.io/v"}
    assert named - {name for name in known if name.startswith(api.GROUP)} == set()
    for name in (api.ABANDON_ANNOTATION, api.ADOPT_ANNOTATION, api.REQUESTED_AT_ANNOTATION, api.OWNER_LABEL):
        assert name in page("docs/resource.md").text
    for tag in (ownership.CLUSTER_TAG, ownership.NAMESPACE_TAG, ownership.RESOURCE_TAG):
        assert f"`{tag}`" in page("docs/resource.md").text


def test_names_of_identities_are_those_of_the_code() -> None:
    resource: Page = page("docs/resource.md")
    rows = re.findall(r"^\| `([\w-]+)` \| `([\w-]+)` \| `([\w.-]+)` \| `([\w-]+)` \|$", resource.prose, re.MULTILINE)
    assert len(rows) >= 4
    for cluster, namespace, name, identity in rows:
        assert naming.identity_name(cluster, namespace, name) == identity


def test_roles_are_those_in_messages_and_the_condition_admits_the_assigned_roles() -> None:
    permissions = page("docs/azure-permissions.md")
    assert permissions.row(IDENTITY_ROLE)
    assert permissions.row(f"{STORAGE_ROLE}, with a condition")
    (condition,) = permissions.blocks("text")
    for role in (roles.STORAGE_BLOB_DATA_CONTRIBUTOR, roles.STORAGE_BLOB_DELEGATOR):
        row = permissions.row(role.guid)
        assert row is not None
        assert row[1] == role.name
        assert condition.count(role.guid) == 2
    assert condition.count("(") == condition.count(")")


def test_metrics_are_those_of_the_code() -> None:
    settings = page("docs/settings.md").text
    found = [value for value in vars(metrics).values() if isinstance(value, MetricWrapperBase | metrics.Conditions)]
    spelled = set()
    for metric in found:
        for family in metric.collect():
            name = f"{family.name}_total" if family.type == "counter" else family.name
            labels = ",".join(metric._labelnames if isinstance(metric, MetricWrapperBase) else metric.LABELS)
            spelled.add(f"{name}{{{labels}}}" if labels else name)
    assert spelled
    assert {name for name in spelled if f"`{name}`" not in settings} == set()


def test_every_code_block_is_closed_and_json_is_valid() -> None:
    """The other tests do not see the code in a block that is not closed."""
    for found in ALL:
        assert found.text.count("\n```") % 2 == 0, found.name
        for text in found.blocks("json"):
            yaml.safe_load(text)
