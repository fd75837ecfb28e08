"""Metrics. Those of passes have the names of controller-runtime, client-go and external-secrets, so existing dashboards fit."""

from collections.abc import Iterable, Iterator
from importlib.metadata import version

from prometheus_client import REGISTRY, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

disable_created_metrics()  # type: ignore[no-untyped-call]  # else each counter has a second series, with the time of its first count

CONTROLLER = "gitlabazureidentity"
RESULTS = ("success", "requeue", "error", "skipped")

RECONCILES = Counter("controller_runtime_reconcile_total", "Passes and deletions, by result.", ["controller", "result"])
RECONCILE_ERRORS = Counter("controller_runtime_reconcile_errors_total", "Those with the result error.", ["controller"])
RECONCILE_SECONDS = Histogram(
    "controller_runtime_reconcile_time_seconds",
    "Duration of passes and deletions.",
    ["controller"],
    buckets=(0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600),
)
ACTIVE_WORKERS = Gauge("controller_runtime_active_workers", "Passes and deletions that run now.", ["controller"])
MAX_CONCURRENT = Gauge(
    "controller_runtime_max_concurrent_reconciles", "How many may run at the same time.", ["controller"]
)
QUEUED = Gauge("workqueue_depth", "Passes and deletions that wait for a place.", ["name", "controller"])
LONGEST_RUNNING = Gauge(
    "workqueue_longest_running_processor_seconds",
    "Age of the oldest pass or deletion that has not ended.",
    ["name", "controller"],
)

AZURE_REQUESTS = Counter(
    "gitlab_azure_identity_azure_requests_total",
    "Requests to Azure, by Azure's name for what they do. The code is `error` where no answer came.",
    ["operation", "code"],
)
AZURE_SECONDS = Histogram(
    "gitlab_azure_identity_azure_request_duration_seconds",
    "Duration of requests to Azure.",
    ["operation"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
THROTTLE_WAIT = Counter(
    "gitlab_azure_identity_throttle_wait_seconds_total",
    "Seconds that requests waited for their turn at Azure's rates.",
    ["kind"],
)
THROTTLE_TOKENS = Gauge(
    "gitlab_azure_identity_throttle_tokens",
    "Requests that may be sent at once: the least of all subscriptions, or of all identities. Below 0 so many wait.",
    ["kind", "per"],
)
CLUSTER_REQUESTS = Counter(
    "gitlab_azure_identity_cluster_requests_total", "Requests to the API server, but for the watch.", ["method"]
)
CHECK_WAIT = Gauge(
    "gitlab_azure_identity_check_wait_seconds", "How long the last check of a resource's objects waited for its turn."
)
TOKEN_EXCHANGES = Counter(
    "gitlab_azure_identity_token_exchanges_total",
    "Tokens of service accounts that were exchanged at Entra as a check: success, or the reason why not.",
    ["result"],
)
DRIFT_REPAIRS = Counter(
    "gitlab_azure_identity_drift_repairs_total",
    "Changes that restored what somebody else had changed, by condition.",
    ["condition"],
)
TRANSIENT_FAILURES = Counter(
    "gitlab_azure_identity_transient_failures_total", "Transient failures, by reason.", ["reason"]
)
STATUSES_NOT_WRITTEN = Counter(
    "gitlab_azure_identity_statuses_not_written_total", "Statuses that the API server refused."
)

# The name of client-go's leader election.
LEADER = Gauge("leader_election_master_status", "1 while this replica leads. Absent without leader election.", ["name"])
BUILD = Gauge("gitlab_azure_identity_build_info", "Always 1, with the operator's version.", ["version"])


class Conditions(Collector):
    """The conditions of each resource, as external-secrets has them: a series for the status that a condition has, and none for
    those that it has not. The series of a resource go with it."""

    LABELS = ("namespace", "name", "condition", "status", "reason")

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], tuple[tuple[str, str, str], ...]] = {}
        REGISTRY.register(self)

    def set(self, namespace: str, name: str, conditions: Iterable[tuple[str, str, str]]) -> None:
        """Note the conditions of a resource: each by its type, status and reason."""
        self._known[namespace, name] = tuple(conditions)

    def remove(self, namespace: str, name: str) -> None:
        self._known.pop((namespace, name), None)

    def clear(self) -> None:
        self._known.clear()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        family = GaugeMetricFamily(
            "gitlab_azure_identity_status_condition",
            "1 for the status and the reason that a condition of a resource has.",
            labels=self.LABELS,
        )
        for (namespace, name), conditions in self._known.items():
            for condition in conditions:
                family.add_metric([namespace, name, *condition], 1.0)
        yield family


CONDITIONS = Conditions()


def start_at_zero() -> None:
    """Give the counters whose labels are known a first value. A rate needs one before the first count."""
    BUILD.labels(version("gitlab-azure-identity")).set(1)
    RECONCILE_ERRORS.labels(CONTROLLER)
    for result in RESULTS:
        RECONCILES.labels(CONTROLLER, result)
