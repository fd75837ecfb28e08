"""Metrics. The metrics of passes have the names of controller-runtime, so existing dashboards fit."""

from prometheus_client import Counter, Gauge, Histogram

RECONCILES = Counter("controller_runtime_reconcile_total", "Passes by result.", ["controller", "result"])
RECONCILE_SECONDS = Histogram("controller_runtime_reconcile_time_seconds", "Duration of passes.", ["controller"])
AZURE_REQUESTS = Counter("gitlab_azure_identity_azure_requests_total", "Requests to Azure.", ["method", "code"])
AZURE_SECONDS = Histogram(
    "gitlab_azure_identity_azure_request_duration_seconds", "Duration of requests to Azure.", ["method"]
)
CLUSTER_REQUESTS = Counter(
    "gitlab_azure_identity_cluster_requests_total", "Requests to the API server, but for the watch.", ["method"]
)
CHECK_WAIT = Gauge(
    "gitlab_azure_identity_check_wait_seconds", "How long the last check of a resource's objects waited for its turn."
)
READY = Gauge("gitlab_azure_identity_ready", "1 when the resource is Ready.", ["namespace", "name"])

TRANSIENT_FAILURES = Counter(
    "gitlab_azure_identity_transient_failures_total", "Transient failures, by reason.", ["reason"]
)
STATUSES_NOT_WRITTEN = Counter(
    "gitlab_azure_identity_statuses_not_written_total", "Statuses that the API server refused."
)

# The name of client-go's leader election.
LEADER = Gauge("leader_election_master_status", "1 while this replica leads. Absent without leader election.", ["name"])

CONTROLLER = "gitlabazureidentity"
