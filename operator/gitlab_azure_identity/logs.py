"""Logs as JSON, one line an entry, with one reference to the resource it speaks of."""

import json
import logging
import sys
from datetime import UTC, datetime

from gitlab_azure_identity.domain.redaction import redact

log = logging.getLogger(__name__)


class JsonLines(logging.Formatter):
    """message, timestamp, severity, logger, and resource as namespace/name where the entry has one; all of it redacted."""

    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "severity": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if resource := getattr(record, "resource", None) or _reference(record):
            entry["resource"] = resource
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps({name: redact(text) for name, text in entry.items()}, ensure_ascii=False)


def _reference(record: logging.LogRecord) -> str | None:
    """The resource that kopf attached to its own entry."""
    reference = getattr(record, "k8s_ref", None)
    return f"{reference.get('namespace')}/{reference.get('name')}" if isinstance(reference, dict) else None


def configure_logging(level: str) -> None:
    """Send everything to standard error, what ends the process too. Libraries that log requests, and with them headers, never
    go below WARNING."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    quiet = logging.WARNING if level == "DEBUG" else logging.ERROR
    for name in ("azure", "aiohttp.access"):
        logging.getLogger(name).setLevel(quiet)  # what they say of a failure is told in the resource's status
    logging.getLogger("kopf").setLevel(logging.WARNING if level == "INFO" else level)
    for name in ("orchestration", "running"):
        # What ends kopf is told by who runs it.
        logging.getLogger(f"kopf._core.reactor.{name}").setLevel(logging.CRITICAL)
    sys.excepthook = lambda kind, error, trace: log.critical("ended by a defect", exc_info=(kind, error, trace))
