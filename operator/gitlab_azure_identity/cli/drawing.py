"""A chain as a person reads it: plain lines for a pipe, a tree for a terminal, JSON for a program."""

from collections.abc import Iterator, Mapping
from typing import Any

from rich.text import Text
from rich.tree import Tree

from gitlab_azure_identity.api.conditions import CHAIN, Link
from gitlab_azure_identity.cli.chain import Chain, Mark, Step

SYMBOLS: Mapping[Mark, str] = {Mark.HOLDS: "✓", Mark.BROKEN: "✗", Mark.UNKNOWN: "?", Mark.UNSEEN: "·"}
WORDS: Mapping[Mark, str] = {Mark.HOLDS: "ok", Mark.BROKEN: "broken", Mark.UNKNOWN: "unknown", Mark.UNSEEN: "not seen"}
STYLES: Mapping[Mark, str] = {Mark.HOLDS: "green", Mark.BROKEN: "bold red", Mark.UNKNOWN: "yellow", Mark.UNSEEN: "dim"}
_NAME = max(map(len, CHAIN))
_WORD = max(map(len, WORDS.values()))


def lines(chain: Chain) -> Iterator[str]:
    """One line for the resource, one for each link, and the explanation under what it is about. No line is wrapped."""
    yield f"{chain.key}: {WORDS[chain.mark]} {chain.headline}".rstrip()
    if chain.explanation and chain.broken is None:
        yield f"  {chain.explanation}"
    for step in chain.steps:
        yield f"  {WORDS[step.mark]:{_WORD}}  {step.link:{_NAME}}  {_told(step)}".rstrip()
        for sentence in _under(step, chain):
            yield f"  {'':{_WORD}}  {sentence}"


def tree(chain: Chain) -> Tree:
    """The same as a tree, which the terminal's width wraps."""
    root = Tree(_line(chain.mark, Text(str(chain.key), "bold"), chain.headline))
    if chain.explanation and chain.broken is None:
        root.add(Text(chain.explanation))
    for step in chain.steps:
        branch = root.add(_line(step.mark, Text(f"{step.link:{_NAME}}"), _told(step)))
        for sentence in _under(step, chain):
            branch.add(Text(sentence))
    return root


def answer(chain: Chain) -> dict[str, Any]:
    """The same for a program."""
    return {
        "namespace": chain.key.namespace,
        "name": chain.key.name,
        "ready": chain.healthy,
        "reason": chain.headline,
        "message": chain.explanation,
        "broken": str(chain.broken) if chain.broken else None,
        "notes": list(chain.notes),
        "links": [
            {
                "link": str(step.link),
                "status": str(step.mark),
                "reason": step.reason,
                "message": step.message,
                "names": list(step.made_of),
            }
            for step in chain.steps
        ],
    }


def _under(step: Step, chain: Chain) -> Iterator[str]:
    """What is told under a link: the explanation that is about it, what is next where Ready does not wait for it, and what the
    Helm values cannot do."""
    if step.link is chain.broken:
        yield chain.explanation
    elif chain.healthy and not step.link.counts and step.mark is Mark.UNKNOWN and step.message:
        yield step.message
    if step.link is Link.SECRETS:
        yield from chain.notes


def _told(step: Step) -> str:
    """The names that a link is made of. For one that does not hold, or of which no name is on record, its reason."""
    return (", ".join(step.made_of) if step.mark is Mark.HOLDS else "") or step.reason


def _line(mark: Mark, name: Text, rest: str) -> Text:
    return Text.assemble((SYMBOLS[mark], STYLES[mark]), " ", name, "  ", rest)
