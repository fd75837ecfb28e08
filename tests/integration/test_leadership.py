"""Two replicas of the operator: one leads, the other stands by, and takes over."""

import http.client
import json
import re
import time
import urllib.error
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from lab.network import Line
from lab.running import Lab

from .apart import FAST, started_lab
from .behind import until, until_matched
from .operating import Operator
from .resources import GitLab
from .watching import Object, Watch

NAMESPACE = "t-two"
DURATION, DEADLINE = 6, 4  # seconds: shorter than the defaults, so that the tests are
READS = re.compile('operation="[^"]*(/read|/action|/token)"')
MEBIBYTE = 1024 * 1024
STANDBY_MEMORY = 100 * MEBIBYTE


@dataclass
class Pair:
    """A leader and its standby, in a lab of their own."""

    lab: Lab
    leader: Operator
    other: Operator
    gitlab: GitLab
    line: Line  # from the leader to the API server

    def until_led_by(self, operator: Operator, seconds: float = 20) -> float:
        """The seconds that it took."""
        began = time.monotonic()
        until(lambda: state(operator) == "ok", "it leads", seconds)
        return time.monotonic() - began


def state(operator: Operator) -> str:
    """What its readiness probe says."""
    try:
        return operator.get("/readyz").strip()
    except urllib.error.HTTPError as error:
        with error:
            return error.read().decode().strip()


def writes_of(operator: Operator) -> float:
    """The writes that it sent to Azure, and those to the cluster but for the Lease."""
    written = 0.0
    for line in operator.get("/metrics").splitlines():
        name, _, value = line.rpartition(" ")
        to_azure = name.startswith("gitlab_azure_identity_azure_requests_total") and not READS.search(name)
        to_cluster = name.startswith("gitlab_azure_identity_cluster_requests_total") and 'method="GET"' not in name
        written += float(value) if to_azure or to_cluster else 0
    return written


@pytest.fixture(scope="module")
def own_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with started_lab(tmp_path_factory.mktemp("two")) as (lab, _):
        lab.controls.set(**FAST)
        lab.admit_namespaces(NAMESPACE)
        yield lab


@pytest.fixture
def pair(own_lab: Lab, tmp_path: Path) -> Iterator[Pair]:
    with _pair(own_lab, tmp_path) as pair:
        yield pair
        own_lab.controls.clear_faults()
        if pair.gitlab.exists("gai", pair.gitlab.name):
            pair.gitlab.delete()


@contextmanager
def _pair(lab: Lab, folder: Path) -> Iterator[Pair]:
    operators: list[Operator] = []
    with Line(lab.api.url) as line:
        kubeconfig = line.kubeconfig(lab.places.operator / "kubeconfig", folder / "kubeconfig")
        for name, variables in (("first", {"KUBECONFIG": str(kubeconfig)}), ("second", {})):
            (folder / name).mkdir()
            operators.append(Operator(lab, folder / name))
            election = {
                **operators[-1].election,
                "leaseDuration": DURATION,
                "renewDeadline": DEADLINE,
                "retryPeriod": 1,
            }
            operators[-1].start(variables, leaderElection=election)
        watch = Watch(lab)
        try:
            first, second = operators
            yield Pair(lab, first, second, GitLab(lab, watch, NAMESPACE), line)
        finally:
            line.mend()
            watch.close()
            for operator in operators:
                if operator.running:
                    operator.stop()


def test_one_leads_and_the_other_stands_by(pair: Pair) -> None:
    pair.gitlab.apply().ready()

    assert (state(pair.leader), state(pair.other)) == ("ok", "standby")
    assert pair.leader.get("/healthz") == pair.other.get("/healthz") == "ok\n"
    assert writes_of(pair.other) == 0
    assert memory(pair.other) < STANDBY_MEMORY


def memory(operator: Operator) -> int:
    """The resident memory of its process, in bytes."""
    fields = dict(line.split(":", 1) for line in Path(f"/proc/{operator.pid}/status").read_text().splitlines())
    return int(fields["VmRSS"].split()[0]) * 1024


def test_when_the_leader_is_killed_the_other_takes_over_and_writes_nothing_that_stands(pair: Pair) -> None:
    gitlab = pair.gitlab
    gitlab.apply().ready()
    pair.lab.controls.clear_calls()

    pair.leader.kill()

    assert pair.until_led_by(pair.other) < DURATION + 2
    until(lambda: any(call.method == "GET" for call in pair.lab.controls.calls()), "it made a pass")
    gitlab.reconcile_now()
    assert gitlab.writes() == []


def test_a_leader_that_ends_gives_the_lease_back(pair: Pair) -> None:
    """Also while Prometheus keeps its connection, as it does between two scrapes."""
    gitlab = pair.gitlab
    gitlab.apply().ready()
    with closing(http.client.HTTPConnection("127.0.0.1", pair.leader.port)) as scraper:
        scraper.request("GET", "/metrics")
        scraper.getresponse().read()

        ended = pair.leader.stop()

        assert ended + pair.until_led_by(pair.other) < 2
    gitlab.reconcile_now()


def test_a_leader_that_is_cut_off_from_the_api_server_sends_no_write_after_its_deadline(pair: Pair) -> None:
    """Azure still answers it: nothing but its own permit keeps it from writing there."""
    gitlab = pair.gitlab
    pair.lab.controls.add_fault("PUT */federatedIdentityCredentials/*", delay=60)
    gitlab.apply()
    until_matched(pair.lab, "PUT */federatedIdentityCredentials/*")

    pair.line.cut()
    took = pair.until_led_by(pair.other)
    pair.lab.controls.clear_faults()
    sent = writes_of(pair.leader)
    gitlab.ready()

    assert took > DURATION - 2
    assert writes_of(pair.leader) == sent
    assert 'leader_election_master_status{name="gitlab-azure-identity"} 0.0' in pair.leader.get("/metrics")
    pair.line.mend()
    until(lambda: state(pair.leader) == "standby", "the former leader stands by")


LEASE = ("lease", "gitlab-azure-identity", "--namespace=gitlab-azure-identity")
EDITS = {
    "labelled": ("label", *LEASE, "seen=yes"),
    "for a second": ("patch", *LEASE, "--type=merge", '--patch={"spec":{"leaseDurationSeconds":1}}'),
    "for 68 years": ("patch", *LEASE, "--type=merge", '--patch={"spec":{"leaseDurationSeconds":2147483647}}'),
    "renewed in 2099": (
        "patch",
        *LEASE,
        "--type=merge",
        '--patch={"spec":{"renewTime":"2099-01-01T00:00:00.000000Z"}}',
    ),
    "without a holder": ("patch", *LEASE, "--type=merge", '--patch={"spec":{"holderIdentity":""}}'),
    "empty": ("patch", *LEASE, "--type=merge", '--patch={"spec":null}'),
    "deleted": ("delete", *LEASE),
}


def lease(lab: Lab) -> Object:
    found = lab.kubectl("get", "leases", LEASE[2], f"--field-selector=metadata.name={LEASE[1]}", "--output=json")
    return next((each["spec"] for each in json.loads(found)["items"]), {})


def test_a_lease_that_somebody_edits_or_deletes_stays_with_its_leader(pair: Pair) -> None:
    """The leader learns it at its next renewal. Until then it writes, so nobody else may lead."""
    holder = lease(pair.lab)["holderIdentity"]
    for edit in EDITS.values():
        pair.lab.kubectl(*edit)
        until(
            lambda: (
                (lease(pair.lab).get("holderIdentity"), lease(pair.lab).get("leaseDurationSeconds"))
                == (holder, DURATION)
            ),
            "the leader wrote it again",
        )

    assert (state(pair.leader), state(pair.other)) == ("ok", "standby")
    led = [entry["logger"] for entry in pair.other.entries() if entry["message"].startswith("leading")]
    assert led == []


def test_a_lease_in_a_strangers_name_ends_the_term_and_passes_on_after_its_duration(pair: Pair) -> None:
    pair.lab.kubectl("patch", *LEASE, "--type=merge", '--patch={"spec":{"holderIdentity":"stranger"}}')
    began = time.monotonic()
    until(lambda: state(pair.leader) == "standby", "the term ended")

    until(lambda: "ok" in (state(pair.leader), state(pair.other)), "one of them leads")

    assert DURATION - 1 < time.monotonic() - began < DURATION + 3


@pytest.mark.parametrize("policy", ["Delete", "Retain"])
def test_a_deletion_goes_on_under_another_leader(pair: Pair, policy: str) -> None:
    gitlab = pair.gitlab
    gitlab.apply(deletionPolicy=policy).ready()
    principal = gitlab.principal
    if policy == "Delete":
        pair.lab.controls.add_fault("DELETE */roleAssignments/*", hang=True)
        gitlab.ask_to_delete()
        until_matched(pair.lab, "DELETE */roleAssignments/*")
        pair.leader.kill()
        pair.lab.controls.clear_faults()
    else:
        pair.leader.kill()
        gitlab.ask_to_delete()

    gitlab.until_gone(seconds=DURATION + 10)

    assert bool(gitlab.identities()) == bool(gitlab.assignments(principal=principal)) == (policy == "Retain")
