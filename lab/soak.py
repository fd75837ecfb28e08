"""`python -m lab.soak`: two operators, resources that somebody edits all the time, and either operator killed again and again.

Afterwards nothing may be missing, doubled or left over in Azure, and no two operators may have written at the same time."""

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from lab import interrupts, lifecycle
from lab.apiserver import ApiError
from lab.azure import seeded
from lab.bench.resources import RESOURCES, ready_condition
from lab.controls import Call, RefusedError
from lab.errors import LabError
from lab.operators import Operator
from lab.running import Lab

GROUP = f"/subscriptions/{seeded.SUBSCRIPTION}/resourceGroups/rg-gitlab/providers/Microsoft.ManagedIdentity"
ACCOUNT = (
    f"/subscriptions/{seeded.SUBSCRIPTION}/resourceGroups/rg-storage/providers"
    f"/Microsoft.Storage/storageAccounts/{seeded.BLOB_ACCOUNT}"
)
ROLES = "/providers/Microsoft.Authorization/roleAssignments"
PAUSE = 0.2  # seconds between two edits
SETTLE = 120  # seconds until everything must be Ready at the end
POLL = 0.5  # seconds


class SoakError(LabError):
    """Something is not as it must be; the message says what."""


@dataclass(frozen=True)
class Plan:
    """How long, over how many resources, and how often an operator is killed: at random, up to twice this many seconds apart."""

    seconds: float
    resources: int
    between_kills: float
    election: Mapping[str, float]
    seed: int


@dataclass
class Replicas:
    """Two operators. Each run of one has a name of its own, by which the lab's call log tells their requests apart."""

    lab: Lab
    settings: Path
    started: int = 0
    running: list[Operator] = field(default_factory=list)

    def start(self) -> None:
        self.started += 1
        proxy = urlsplit(self.lab.azure["proxy"])
        variables = {
            "HTTPS_PROXY": f"http://run-{self.started}@{proxy.netloc}",
            "GAI_SETTINGS_FILE": str(self.settings),
        }
        self.running.append(Operator.start(self.lab, f"operator-{self.started}", **variables))

    def replace(self, random_: random.Random) -> None:
        """Kill one, or end it as Kubernetes does, and start another."""
        ended = self.running.pop(random_.randrange(len(self.running)))
        if random_.random() < 0.7:  # noqa: PLR2004 - mostly the worse of the two
            ended.kill()
        else:
            ended.stop()
        self.start()

    def stop(self) -> None:
        for each in self.running:
            each.stop()


def soak(lab: Lab, plan: Plan, folder: Path) -> str:
    """Do it, and look at what became of it. Returns what was done. Raises SoakError."""
    choose = random.Random(plan.seed)
    settings = yaml.safe_load((lab.places.operator / "settings.yaml").read_text())
    settings["leaderElection"] |= plan.election
    settings["throttle"] = {"rates": "Unlimited"}
    (folder / "settings.yaml").write_text(yaml.safe_dump(settings))
    replicas = Replicas(lab, folder / "settings.yaml")
    edits: Counter[str] = Counter()
    try:
        replicas.start()
        replicas.start()
        end = time.monotonic() + plan.seconds
        kill_at = time.monotonic() + choose.uniform(0, 2 * plan.between_kills)
        while time.monotonic() < end:
            edits[_edited(lab, choose, f"soak-{choose.randrange(plan.resources)}")] += 1
            if time.monotonic() >= kill_at:
                replicas.replace(choose)
                kill_at = time.monotonic() + choose.uniform(0, 2 * plan.between_kills)
            time.sleep(PAUSE)  # somebody edits; nothing is awaited
        found = _settled(lab)
        _whole(lab, found)
        writers = _one_at_a_time(lab.controls.calls())
    finally:
        replicas.stop()
    done = ", ".join(f"{count} {kind}" for kind, count in sorted(edits.items()))
    return f"{done}; {replicas.started - 2} operators replaced; {writers} wrote; {len(found)} resources whole"


def _edited(lab: Lab, choose: random.Random, name: str) -> str:
    """Edit the resource. Returns what was done; a resource that was being deleted may be let go in the same moment."""
    try:
        return _edit(lab, choose, name)
    except ApiError as error:
        if error.status != HTTPStatus.NOT_FOUND:
            raise
        return "edits that came too late"


def _edit(lab: Lab, choose: random.Random, name: str) -> str:
    """Create the resource; or edit or delete the one that exists. Returns which."""
    path = f"{RESOURCES}/{name}"
    if not lab.api.answers(path):
        accounts = [{"name": name}]
        spec = {"storage": {"accountName": seeded.BLOB_ACCOUNT}, "serviceAccounts": accounts}
        body = {"apiVersion": "gitlabazure.io/v1alpha1", "kind": "GitLabAzureIdentity", "metadata": {"name": name}}
        lab.api.post(RESOURCES, {**body, "spec": spec})
        return "creations"
    if choose.random() < 0.2:  # noqa: PLR2004
        lab.api.delete(path)
        return "deletions"
    more = [{"name": f"{name}-{number}"} for number in range(choose.randrange(3))]
    change: dict[str, Any] = {
        "serviceAccounts": [{"name": name}, *more],
        "azure": {"tags": {"edit": str(choose.randrange(1000))}},
        "storage": {"roleScope": choose.choice(["Account", "Container"])},
    }
    lab.api.patch(path, {"spec": change})
    return "edits"


def _settled(lab: Lab) -> list[dict[str, Any]]:
    """The resources, when all are Ready and none is being deleted. Raises SoakError."""
    end = time.monotonic() + SETTLE
    while True:
        found: list[dict[str, Any]] = lab.api.get(RESOURCES)["items"]
        waiting = [each for each in found if not _done(each)]
        if not waiting:
            return found
        if time.monotonic() > end:
            raise SoakError(f"After {SETTLE} s {len(waiting)} resources are not settled: {_says(waiting[0])}")
        time.sleep(POLL)


def _done(resource: dict[str, Any]) -> bool:
    ready = ready_condition(resource)
    return (
        "deletionTimestamp" not in resource["metadata"]
        and ready.get("status") == "True"
        and ready.get("observedGeneration") == resource["metadata"]["generation"]
    )


def _says(resource: dict[str, Any]) -> str:
    ready = ready_condition(resource)
    return f"{resource['metadata']['name']}: {ready.get('reason')}: {ready.get('message')}"


def _whole(lab: Lab, resources: list[dict[str, Any]]) -> None:
    """Each resource has one identity, the credentials of its service accounts, and at least its roles; and nothing else is there.
    A former role may still stand: it goes when the one that replaces it has spread. Raises SoakError."""
    identities = {each["name"]: each for each in _listed(lab, f"{GROUP}/userAssignedIdentities")}
    wanted = {resource["status"]["identity"]["name"]: resource for resource in resources}
    if identities.keys() != wanted.keys():
        raise SoakError(
            f"Identities without a resource: {sorted(identities.keys() - wanted.keys())}; "
            f"resources without one: {sorted(wanted.keys() - identities.keys())}"
        )
    principals = {each["properties"]["principalId"] for each in identities.values()}
    for name, resource in wanted.items():
        listed = _listed(lab, f"{GROUP}/userAssignedIdentities/{name}/federatedIdentityCredentials")
        subjects = sorted(each["properties"]["subject"].rpartition(":")[2] for each in listed)
        accounts = sorted(each["name"] for each in resource["spec"]["serviceAccounts"])
        if subjects != accounts:
            raise SoakError(f"{name} trusts {subjects}, and its resource names {accounts}")
    mine = [each["properties"] for each in _listed(lab, ACCOUNT + ROLES)]
    ours = [each for each in mine if "gitlabazure" in (each.get("description") or "")]
    if orphans := {each["principalId"] for each in ours} - principals:
        raise SoakError(f"{len(orphans)} principals without an identity have role assignments of ours")
    doubled = Counter((each["principalId"], each["roleDefinitionId"], each["scope"]) for each in ours)
    if twice := [key for key, count in doubled.items() if count > 1]:
        raise SoakError(f"Role assignments that exist twice: {twice}")
    if without := principals - {each["principalId"] for each in ours}:
        raise SoakError(f"{len(without)} identities have no role")


def _listed(lab: Lab, path: str) -> list[dict[str, Any]]:
    status, answer = lab.arm("GET", path)
    if status != 200:  # noqa: PLR2004
        raise SoakError(f"GET {path} answered {status}: {answer}")
    values: list[dict[str, Any]] = answer["value"]
    return values


def _one_at_a_time(calls: list[Call]) -> int:
    """How many runs of an operator wrote to Azure. Raises SoakError when the writes of two overlap."""
    spans = sorted(_spans(calls))
    for (_, last, first_writer), (begin, _, second_writer) in pairwise(spans):
        if begin < last:
            raise SoakError(f"{second_writer} wrote {last - begin:.3f} s before the last write of {first_writer}")
    return len(spans)


def _spans(calls: list[Call]) -> Iterator[tuple[float, float, str]]:
    """For each run of an operator: when it sent its first write to Resource Manager, when its last one, and its name."""
    times: dict[str, list[float]] = {}
    for call in calls:
        if call.client and call.method != "GET" and call.host.startswith("management."):
            times.setdefault(call.client, []).append(call.time)
    for client, sent in times.items():
        yield min(sent), max(sent), client


def main() -> int:
    """Soak in a lab of its own, and end it in any case. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m lab.soak", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--resources", type=int, default=50)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    given = parser.parse_args()
    interrupts.raise_once()
    folder = Path(tempfile.mkdtemp(prefix="gai-soak-"))
    print(f"Seed {given.seed}. Logs: {folder / 'logs'}")
    try:
        lab, _ = lifecycle.start(folder)
        lab.controls.set(credential_propagation=0.5, role_propagation=0.5, principal_replication=0.5)
        print(soak(lab, Plan(given.seconds, given.resources, 10, {}, given.seed), folder))
    except (SoakError, LabError, RefusedError, OSError) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted.", file=sys.stderr)
        return 1
    finally:
        interrupts.ignore()
        lifecycle.stop(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
