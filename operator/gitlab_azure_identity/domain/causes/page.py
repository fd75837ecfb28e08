"""docs/troubleshooting.md, written from the table of causes."""

import re
import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence

from gitlab_azure_identity.api.conditions import CHAIN, READY, Link
from gitlab_azure_identity.domain.causes import CHAPTERS, commands
from gitlab_azure_identity.domain.causes.holds import NOT_A_FAILURE
from gitlab_azure_identity.domain.causes.model import Case, Cause, Chapter, Command, Step, fill, in_message
from gitlab_azure_identity.domain.causes.waiting import CHAPTER as WAITING
from gitlab_azure_identity.domain.doctor.webhook import OF_AKS

WIDTH = 120
EXAMPLES = {
    "namespace": "gitlab",
    "name": "gitlab",
    "release": "gitlab",
    "registry_secret": "gitlab-registry-storage",
    "values": "gitlab-gitlab-values",
    "workload": "deployment/gitlab-toolbox",
    "principal": "<status.identity.principalId>",
    "identity_id": "<status.identity.resourceId>",
    **OF_AKS,
}
"""The names that the page shows. What is not here is shown in angle brackets."""

MEANS = {
    Link.IDENTITY: "The managed identity exists and is ours, or may be used.",
    Link.CREDENTIALS: "Every service account has a federated credential with this cluster's exact issuer, its subject and the "
    "audience.",
    Link.ROLES: "The role assignments exist at the right scope.",
    Link.SERVICE_ACCOUNTS: "Each service account is annotated with client ID and tenant ID.",
    Link.SECRETS: "The secrets and the Helm values have the right content.",
    Link.ACCESS: "A token of each service account was exchanged at Entra. The identity may list, read, write and delete in every "
    "container, and sign addresses.",
    Link.WORKLOADS: "GitLab's pods carry the identity, and have read what the secrets say now.",
}

_LOOKS = (
    (commands.FIRST_TROUBLE, "the first thing that is wrong, and what to do"),
    (commands.DESCRIBE, "every condition, every name, the events"),
    (commands.SHOW_CONDITIONS, ""),
    (commands.SHOW_WORKLOADS, ""),
    (commands.LOG_OF_RESOURCE, ""),
)
_SOURCE = "<!-- Generated from operator/gitlab_azure_identity/domain/causes: run `make troubleshooting` after changing it. -->"
_WORD = re.compile(r"""(?:'[^']*'|"[^"]*"|[^\s'"])+""")
_WHOLE = re.compile(r"`[^`]+`|\[[^\]]+\]")
_FIELD = re.compile(r"(?<!`)\b(status\.[\w.]*\w|jwks_uri)")
_KEPT = "\0"  # a space where no line is broken


def render() -> str:
    """The page. The same table gives the same bytes."""
    blocks = [
        _SOURCE,
        "# Troubleshooting",
        *_where_to_look(),
        *_conditions(),
        *(block for chapter in CHAPTERS for block in _chapter(chapter)),
    ]
    return "\n\n".join(blocks) + "\n"


def _where_to_look() -> Iterator[str]:
    yield "## Where to look"
    yield "\n".join(f"{_code(command):55}{f'  # {what}' if what else ''}" for command, what in _LOOKS)
    yield _prose(
        """[docs/cli.md](cli.md#what-is-wrong-and-what-mends-it) has a command that looks at all of this and at GitLab's pods, and
        says what is wrong and what mends it; and [one](cli.md#which-link-is-broken) that shows the chain at a glance."""
    )
    yield _prose(
        """`Ready` repeats the first condition that does not hold. The conditions follow the chain, so a later one may only wait
        (`Pending`). Correct what the message names. The operator makes another pass by itself: mostly within a minute after
        something in the cluster was corrected, and after 10 minutes at most ([checks](resource.md#when-it-makes-a-pass)). To ask
        for one now:"""
    )
    yield _code(commands.ASK_FOR_A_PASS)
    yield _prose(
        """`status.lastHandledReconcileAt` then shows that value. If the resource has Flux's annotation too, it shows both
        ([docs/resource.md#levers](resource.md#levers))."""
    )
    yield _prose(
        """`Stalled=True` means that a person must act. `Reconciling=True` means that the operator is working on it, or will try
        again by itself."""
    )


def _conditions() -> Iterator[str]:
    """The table of the conditions, with the reasons that each may have when it does not hold."""
    rows = ["| Condition | True means | A person must act | Passes by itself |", "|---|---|---|---|"]
    rows += [f"| {link} | {MEANS[link]} | {_to_act(link)} | {_passing(link)} |" for link in CHAIN]
    rows.append(
        "| Ready | All of the above but WorkloadsReady; AccessVerified counts only with `verification: Required`. | The first "
        f"that does not hold; {_to_act(READY)} | The first that does not hold |"
    )
    yield "\n".join(rows)
    everywhere = [cause for chapter in CHAPTERS for cause in chapter.causes if _is_everywhere(cause)]
    yield _prose(f"Each condition of the chain may also be {_or(everywhere)}.")


def _or(causes: Sequence[Cause]) -> str:
    *others, last = map(_link, causes)
    return f"{', '.join(others)} or {last}"


def _is_everywhere(cause: Cause) -> bool:
    return set(cause.on) >= set(CHAIN)


def _to_act(condition: str) -> str:
    """The reasons for which a person must act, and the chapters of refusals."""
    chapters = [chapter for chapter in CHAPTERS if chapter not in (WAITING, NOT_A_FAILURE)]
    named = [cause for chapter in chapters if condition not in chapter.on for cause in chapter.causes]
    links = [_link(cause) for cause in named if condition in cause.on and not _is_everywhere(cause)]
    return ", ".join(links + [f"[{one.words}](#{_slug(one.title)})" for one in chapters if condition in one.on])


def _passing(condition: str) -> str:
    """The reasons that pass by themselves."""
    return ", ".join(_link(cause) for cause in WAITING.causes if condition in cause.on and not _is_everywhere(cause))


def _chapter(chapter: Chapter) -> Iterator[str]:
    yield f"## {chapter.title}"
    if chapter.text:
        yield _prose(chapter.text)
    for cause in chapter.causes:
        yield from _cause(cause)


def _cause(cause: Cause) -> Iterator[str]:
    yield f"### {cause.heading}"
    first, *others = f"{cause.what} {cause.why}".split("\n\n")
    yield from map(_prose, (first, *others))
    if cause.columns:
        yield _table(cause.columns, cause.cases)
    else:
        yield from (block for case in cause.cases for block in _case(case))
    yield from _steps(cause.steps, "")


def _case(case: Case) -> Iterator[str]:
    """A case as an item of a list."""
    sign = case.sign or f"`{in_message(case.says)}`"
    first, *rest = _steps(case.steps, "  ", before=f"{sign}: {case.why}")
    yield f"- {first.lstrip()}"
    yield from rest


def _steps(steps: Iterable[Step], indent: str, before: str = "") -> Iterator[str]:
    """Paragraphs and code blocks of steps. Sentences without a command share a paragraph."""
    sentences = [before] if before else []
    for step in steps:
        sentences.append(f"{step.text}:" if step.command else step.text)
        if step.command:
            yield _prose(" ".join(sentences), indent)
            yield _code(step.command, indent)
            sentences = []
    if sentences:
        yield _prose(" ".join(sentences), indent)


def _table(columns: Sequence[str], cases: Iterable[Case]) -> str:
    rows = [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    rows += [f"| {case.says} | {case.why} | {' '.join(step.text for step in case.steps)} |" for case in cases]
    return _FIELD.sub(r"`\1`", "\n".join(rows))


def _prose(text: str, indent: str = "") -> str:
    """A paragraph. Code and the words of a link stay on one line."""
    words = _WHOLE.sub(lambda found: found[0].replace(" ", _KEPT), " ".join(fill(text, EXAMPLES).split()))
    return textwrap.fill(
        words,
        WIDTH,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    ).replace(_KEPT, " ")


def _code(command: Command, indent: str = "") -> str:
    """A command as a block, broken before an option where it is long."""
    lines, room = [""], WIDTH - len(indent) - 8
    for part in _parts(fill(command.text, EXAMPLES)):
        if lines[-1] and len(lines[-1]) + 1 + len(part) > room:
            lines.append(part)
        else:
            lines[-1] = f"{lines[-1]} {part}".strip()
    return " \\\n".join(f"{indent}    {'  ' * (number > 0)}{line}" for number, line in enumerate(lines))


def _parts(command: str) -> list[str]:
    """A command in parts: its beginning, each of its options with its values, and what runs in a pod or behind a pipe."""
    parts, inner = [""], False
    for word in _WORD.findall(command):
        if not inner and re.match(r"--?[a-z]|--$|\|", word):
            parts.append(word)
        else:
            parts[-1] = f"{parts[-1]} {word}".strip()
        inner = inner or word in ("--", "|")
    return parts


def _link(cause: Cause) -> str:
    return f"[{cause.heading}](#{_slug(cause.heading)})"


def _slug(title: str) -> str:
    """The anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


if __name__ == "__main__":
    sys.stdout.write(render())
