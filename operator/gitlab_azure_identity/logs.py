"""Logs as JSON: one line for each entry, with a reference to its resource."""

import json
import logging
import sys
import threading
from datetime import UTC, datetime

from gitlab_azure_identity.domain.redaction import redact
from gitlab_azure_identity.tracing import trace_id

log = logging.getLogger(__name__)


class JsonLines(logging.Formatter):
    """Fields: timestamp, severity, logger, message, the resource as namespace/name if the entry has one, and the id of its trace
    where passes are traced. All are redacted."""

    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "severity": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if resource := getattr(record, "resource", None) or _reference(record):
            entry["resource"] = resource
        if trace := trace_id():
            entry["traceId"] = trace
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps({name: redact(text) for name, text in entry.items()}, ensure_ascii=False)


def _reference(record: logging.LogRecord) -> str | None:
    """The resource that kopf attached to an entry of its own."""
    reference = getattr(record, "k8s_ref", None)
    return f"{reference.get('namespace')}/{reference.get('name')}" if isinstance(reference, dict) else None


def configure_logging(level: str) -> None:
    """Log to standard error: also warnings, and what ends the process or a thread. Libraries that log requests with their headers
    never log below WARNING."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    quiet = logging.WARNING if level == "DEBUG" else logging.ERROR
    for name in ("azure", "aiohttp.access"):
        logging.getLogger(name).setLevel(quiet)  # the resource's status reports the failures that they log
    logging.getLogger("kopf").setLevel(logging.WARNING if level == "INFO" else level)
    for name in ("orchestration", "running"):
        # watch.py logs the error that ended kopf.
        logging.getLogger(f"kopf._core.reactor.{name}").setLevel(logging.CRITICAL)
    logging.captureWarnings(capture=True)
    threading.excepthook = _thread_ended
    sys.excepthook = lambda kind, error, trace: log.critical("ended by a defect", exc_info=(kind, error, trace))


def _thread_ended(ended: threading.ExceptHookArgs) -> None:
    error = ended.exc_value or ended.exc_type()
    log.error("a thread ended by a defect", exc_info=(ended.exc_type, error, ended.exc_traceback))


def not_started(why: str) -> None:
    """Log what a person must correct before the operator starts."""
    log.critical("not started: %s", why)
