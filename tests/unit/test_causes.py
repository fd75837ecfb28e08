"""The table of causes: every reason has its entry, and the page, messages and commands are made from it."""

import re
from pathlib import Path

import pytest

from gitlab_azure_identity.api.conditions import CHAIN, READY
from gitlab_azure_identity.api.reasons import Reason
from gitlab_azure_identity.domain.causes import CAUSES, CHAPTERS, commands, possible, reasons_of
from gitlab_azure_identity.domain.causes.model import Case, Cause, Command, Step, fill, plain
from gitlab_azure_identity.domain.causes.page import EXAMPLES, render

PAGE = Path(__file__).parents[2] / "docs" / "troubleshooting.md"
KEYS = [cause.key for chapter in CHAPTERS for cause in chapter.causes]
ALL_COMMANDS = {name: value for name, value in vars(commands).items() if isinstance(value, Command)}


def test_the_page_is_the_one_of_the_table() -> None:
    assert PAGE.read_text(encoding="utf-8") == render(), "run `make troubleshooting`"


def test_every_reason_has_one_entry() -> None:
    assert [reason for reason in Reason if KEYS.count(reason) != 1] == []


def test_what_no_condition_shows_has_a_title_and_a_name_of_its_own() -> None:
    others = [cause for cause in CAUSES.values() if not isinstance(cause.key, Reason)]
    assert [cause.key for cause in others if not cause.title or cause.on or KEYS.count(cause.key) != 1] == []
    assert [cause.key for cause in others if not re.fullmatch(r"[a-z0-9-]+", cause.key)] == []


def test_a_reason_is_on_no_condition_only_if_it_is_an_events_or_a_containers() -> None:
    without = [c.key for chapter in CHAPTERS for c in chapter.causes if not possible(chapter, c)]
    events = [cause.key for cause in CHAPTERS[-1].causes]
    assert [key for key in without if isinstance(key, Reason) and key not in events] == [Reason.UNVERIFIED]


@pytest.mark.parametrize("condition", [*CHAIN, READY])
def test_a_condition_has_reasons_for_when_it_holds_and_for_when_it_does_not(condition: str) -> None:
    holds = {cause.key for cause in CHAPTERS[-2].causes}
    assert reasons_of(condition) & holds
    assert reasons_of(condition) - holds


@pytest.mark.parametrize("cause", CAUSES.values(), ids=lambda cause: cause.key)
def test_texts_are_sentences(cause: Cause) -> None:
    assert cause.what.endswith(".")
    for step in cause.all_steps():
        assert step.text.endswith(".") is (step.command is None), step.text


def test_every_command_belongs_to_a_cause_or_to_the_pages_beginning() -> None:
    page = " ".join(re.sub(r"\\\n", " ", render()).split())
    missing = [name for name, command in ALL_COMMANDS.items() if fill(command.text, EXAMPLES) not in page]
    assert missing == []


def test_a_placeholder_without_a_value_is_left_to_the_reader() -> None:
    assert fill("az x {group} {subnet_id} '{.data.config}'", {"group": "rg"}) == "az x rg <subnet id> '{.data.config}'"


def test_a_value_is_one_word_of_a_shell() -> None:
    assert commands.LIST_LOCKS.filled(group="rg (old)") == "az lock list --resource-group 'rg (old)' --output table"


def test_a_terminal_shows_the_words_of_links() -> None:
    text = """See [Lingering](#lingering) and
    [docs/settings.md#policy](settings.md#policy), `{account}`."""
    assert plain(text, {"account": "store"}) == "See Lingering and docs/settings.md#policy, `store`."


def test_advice_is_that_of_the_case_which_the_message_tells() -> None:
    advice = CAUSES[Reason.NETWORK_BLOCKED].advice(
        "Storage account store refused to let the operator list container registry: …",
        account="store",
    )

    assert advice.what == "The storage account does not answer the cluster."
    assert "firewall" in advice.why
    assert advice.commands == ("az storage account network-rule add --account-name store --subnet <subnet id>",)


def test_a_code_is_not_taken_for_one_that_it_begins_with() -> None:
    advice = CAUSES[Reason.TOKEN_REJECTED].advice("Entra refused the token of service account x (AADSTS700213). …")

    assert advice.steps[0].text == "Compare it with status.federatedCredentials."
    assert advice.why == "The code in brackets says why: No federated credential has the subject of the token."


def test_advice_without_a_case_is_that_of_the_cause_alone() -> None:
    cause = Cause(
        key="x",
        what="W.",
        why="Y.",
        cases=(Case(says="{one} and {two} differ", why="D."), Case(sign="a red lamp", why="R.")),
        steps=(Step("See [S](#s) of {name}."), Step("Run", Command("x {name}"))),
    )

    assert cause.advice("a and b differ, again").why == "Y. D."
    assert cause.advice("all is quiet").why == "Y."
    assert cause.advice(name="gitlab").steps == (Step("See S of gitlab."), Step("Run", Command("x gitlab")))
