"""What a cause is: its words, the conditions that show it, and the steps and commands that mend it."""

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from gitlab_azure_identity.api.reasons import Reason

_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")
_TOLD = re.compile(r"(?<=: )(?:az|helm|kubectl) .+?(?=[.;] [A-Z]|\.?$)")
_LINK = re.compile(r"\[([^\]]+)\]\([^)]+\)")


def fill(text: str, values: Mapping[str, str]) -> str:
    """The text with its `{placeholders}` filled in. One without a value is left to the reader: `{group}` becomes `<group>`."""
    return _PLACEHOLDER.sub(lambda found: values.get(found[1], f"<{found[1].replace('_', ' ')}>"), text)


def in_message(says: str) -> str:
    """Words of a message, with `…` for what the message fills in."""
    return _PLACEHOLDER.sub("…", says)


def commands_in(message: str) -> tuple[str, ...]:
    """The commands that a message of the operator tells: after a colon, until the next sentence."""
    return tuple(_TOLD.findall(message))


def plain(text: str, values: Mapping[str, str]) -> str:
    """A text of the table on one line, as a terminal shows it: filled in, and of each link only its words."""
    return _LINK.sub(r"\1", " ".join(fill(text, values).split()))


@dataclass(frozen=True)
class Command:
    """A command for a shell, with `{placeholders}`."""

    text: str

    def filled(self, **values: str | Sequence[str]) -> str:
        """The command with its placeholders filled in: each text as one word of a shell, several texts as several words."""
        words = {name: [value] if isinstance(value, str) else value for name, value in values.items()}
        return fill(self.text, {name: shlex.join(several) for name, several in words.items()})


@dataclass(frozen=True)
class Step:
    """One thing that a person does: a sentence, and the command that does it. A sentence before a command has no full stop."""

    text: str
    command: Command | None = None


@dataclass(frozen=True, kw_only=True)
class Case:
    """One way in which a cause comes about. `says` are words of the operator's message by which it is told from the others, with
    `{placeholders}` for what the message fills in. `sign` is shown in their place, as Markdown: what else tells it."""

    says: str = ""
    sign: str = ""
    why: str = ""
    steps: tuple[Step, ...] = ()

    def is_told_by(self, message: str) -> bool:
        """Whether a message of the operator is about this case. Words count as a whole: one code may begin with another."""
        words = ".+?".join(re.escape(part) for part in _PLACEHOLDER.split(self.says)[::2])
        return bool(self.says) and re.search(rf"(?<!\w){words}(?!\w)", message) is not None


@dataclass(frozen=True)
class Advice:
    """What a terminal tells a person of a trouble: what holds, why, and what to do. The texts are filled in, without links."""

    what: str
    why: str
    steps: tuple[Step, ...]

    @property
    def commands(self) -> tuple[str, ...]:
        return tuple(step.command.text for step in self.steps if step.command)


@dataclass(frozen=True, kw_only=True)
class Cause:
    """Why something does not work, or what a reason means when all is well.

    `key` is the word of a reason, or a name of its own for what no condition shows. `on` are the conditions that may have the
    reason; an event has none. `what` is one sentence: what holds. `why` has more, and may have several paragraphs. The texts are
    Markdown as docs/troubleshooting.md shows them; lines and indentation do not count."""

    key: Reason | str
    title: str = ""  # of a cause that has no reason
    on: tuple[str, ...] = ()
    what: str
    why: str = ""
    cases: tuple[Case, ...] = ()
    columns: tuple[str, str, str] | None = None  # the heads of a table, where the cases are shown as one
    steps: tuple[Step, ...] = ()

    @property
    def heading(self) -> str:
        return self.title or str(self.key)

    def advice(self, message: str = "", **values: str) -> Advice:
        """What a person is told of this cause when the operator said `message`. `values` are for the placeholders."""
        cases = [case for case in self.cases if case.is_told_by(message)]
        why = " ".join(text for text in (self.why, *(case.why for case in cases)) if text)
        steps = (
            Step(plain(step.text, values), Command(step.command.filled(**values)) if step.command else None)
            for step in (*(step for case in cases for step in case.steps), *self.steps)
        )
        return Advice(plain(self.what, values), plain(why, values), tuple(steps))

    def all_steps(self) -> Iterator[Step]:
        """The steps of every case, and of the cause itself."""
        for case in self.cases:
            yield from case.steps
        yield from self.steps


@dataclass(frozen=True)
class Chapter:
    """Causes that belong together. `on` are the conditions that may have any of them: the table of conditions then names the
    chapter instead of each."""

    title: str
    causes: tuple[Cause, ...]
    text: str = ""
    on: tuple[str, ...] = ()
    words: str = ""  # for the chapter in the table of conditions
