"""After a pass that wrote, the next observation plans nothing: whatever spec the schema admits, and however Azure and the API
server fold, reorder or spell what they store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gitlab_azure_identity.api.containers import CHART_NAMES, PURPOSES
from gitlab_azure_identity.domain.arm_ids import StorageScope
from gitlab_azure_identity.domain.desired import Defaults, Desired
from gitlab_azure_identity.domain.observed import Observed
from gitlab_azure_identity.domain.plan import plan

from .interpreter import Azure, Kept, after, invariant, ordinal
from .worlds import DEFAULTS, desired_of, goal, resource, standing

ROUNDS = 5  # the plans of a pass
often = settings(max_examples=120, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
Spec = dict[str, Any]
Strategy = st.SearchStrategy[Any]

# Keys of tags that differ only in case, in their spelling, or in a blank.
KEYS = [
    *("a", "A", " a", "a ", "a\u2003", "\u00a0a"),
    *("\u03c3", "\u03a3", "\u03c2"),  # the three sigmas
    *("\u00b5", "\u03bc", "\u039c"),  # mu, and the sign of micro
    *("\u00df", "\u1e9e", "ss", "sS"),  # the sharp s
    *("\u00e9", "\u00c9", "e\u0301", "E\u0301"),  # é, as one character and as two
    *("\u00e5", "\u00c5", "\u212b"),  # the sign of Angstrom
    *("k", "\u212a"),  # the sign of Kelvin
    *("i", "\u0130", "\u0131"),  # the Turkish i
]
GROUPS = [
    "rg-(1)_x.y",
    "RG",
    "\u03c3\u03c2",
    "\u03a3\u03a3",
    "\u00b5",
    "stra\u00dfe",
    "e\u0301t\u00e9",
    "\u0130\u0131\u212a",
]


def ascii_lower(text: str) -> str:
    """As CEL's lowerAscii()."""
    return "".join(letter.lower() if letter.isascii() else letter for letter in text)


def fields(always: Mapping[str, Strategy] | None = None, /, **perhaps: Strategy) -> st.SearchStrategy[Spec]:
    """An object with these fields."""
    return st.fixed_dictionaries(dict(always or {}), optional=perhaps)


guids = st.sampled_from(["11111111-2222-3333-4444-5555aAbBcCdD", "abcdefab-2222-3333-4444-555555555555"])
guids = guids.flatmap(lambda guid: st.sampled_from([guid, guid.lower(), guid.upper()]))
groups = st.sampled_from(GROUPS)
object_names = st.from_regex(r"[a-z0-9](-?[a-z0-9]){0,3}(\.[a-z0-9](-?[a-z0-9]){0,3}){0,2}", fullmatch=True)
managements = st.sampled_from(["Manage", "Disabled"])
tags = st.dictionaries(st.sampled_from(KEYS), st.text("xX \u00e9\u0301", max_size=2), max_size=12).filter(
    lambda found: len(set(map(ascii_lower, found))) == len(found)
)
shared = st.sampled_from(["s", "s.t", "gitlab-object-storage"])
secret = fields(name=shared, key=st.sampled_from(["config", "connection", ".a..b", "a"]), management=managements)
parameters = fields(
    rootDirectory=st.sampled_from(["/", "a/b_c.d-e", "1e5"]),
    maxRetries=st.integers(0, 1000),
    retryDelay=st.sampled_from(["4s", "1m30s"]),
    debugLog=st.booleans(),
    debugLogEvents=st.sampled_from([["request"], ["retry", "response"]]),
)
# All three may share a name. The registry's then has a key of its own.
secrets = fields(
    registry=fields(management=managements, parameters=parameters) | fields({"name": shared, "key": st.just("A")}),
    objectStorage=secret,
    backups=secret,
)
containers = fields(
    **{
        purpose: st.sampled_from(
            [{}, {"name": f"my-{purpose.lower()}"}, {"management": "Disabled"}]
            if purpose in CHART_NAMES
            else [{"name": f"my-{purpose.lower()}"}, {"name": "any", "management": "Disabled"}]
        )
        for purpose in PURPOSES
    }
)
accounts = fields({"name": object_names}, management=st.sampled_from(["Manage", "Annotate"]))
storage = fields(
    {"accountName": st.sampled_from(["gitlabstore", "1e5"])},
    resourceGroup=groups,
    subscriptionId=guids,
    roleScope=st.sampled_from(["Account", "Container"]),
    containers=containers,
)
specs = fields(
    {
        "storage": storage,
        "azure": fields({"tags": tags}, subscriptionId=guids, resourceGroup=groups, location=st.just("northeurope")),
    },
    identity=fields(name=st.from_regex(r"[a-zA-Z0-9][a-zA-Z0-9_-]{2,6}", fullmatch=True)),
    serviceAccounts=st.lists(accounts, min_size=1, max_size=20, unique_by=lambda account: account["name"]),
    secrets=secrets,
    verification=st.sampled_from(["Required", "Report", "Disabled"]),
    deletionPolicy=st.sampled_from(["Delete", "Retain"]),
)
defaults = fields({"resource_group": groups, "storage_resource_group": st.none() | groups}).map(
    lambda others: DEFAULTS.model_copy(update=others)
)
azures = st.builds(
    Azure,
    fold=st.sampled_from([ordinal, invariant]),
    kept=st.sampled_from(Kept),
    spell_group=st.sampled_from([str, ordinal]),
)


@st.composite
def starts(draw: st.DrawFn, desired: Desired, azure: Azure) -> Observed:
    """An empty world; an identity of ours, with any tags; or everything that is wanted, as Azure spells it."""
    whole = standing(desired)
    assert whole.identity is not None
    found = replace(
        whole.identity,
        resource_id=azure.arm_id(whole.identity.resource_id),
        tags=azure.tags({**draw(tags), **desired.owner.tags}, {}),
    )
    assignments = tuple(
        replace(one, scope=StorageScope.parse(azure.arm_id(str(one.scope)))) for one in whole.assignments
    )
    return draw(
        st.sampled_from([Observed(), Observed(identity=found), replace(whole, identity=found, assignments=assignments)])
    )


@often
@given(specs, defaults, azures, st.data())
def test_a_second_look_plans_nothing(spec: Spec, defaults: Defaults, azure: Azure, data: st.DataObject) -> None:
    one = resource(spec)
    assert one.spec is not None
    desired = desired_of(one, defaults=defaults)
    have = data.draw(starts(desired, azure))

    for _ in range(ROUNDS):
        for change in plan(goal(desired), have):
            have = after(change, have, desired.owner, azure)

    assert have.identity is not None
    known = {"resourceId": have.identity.resource_id, "principalId": have.identity.principal_id}
    again = desired_of(resource(spec, status={"identity": known}), defaults=defaults)
    assert [str(change) for change in plan(goal(again), have)] == []
