"""Every version of every resource, as the API server sends it, and waiting for one without polling."""

import json
import subprocess
import threading
import time
from collections.abc import Callable
from typing import Any

from lab.running import Lab

Object = dict[str, Any]


class Watch:
    """Follows all GitLabAzureIdentities with `kubectl get --watch`, and keeps every version."""

    def __init__(self, lab: Lab) -> None:
        self._news = threading.Condition()
        self._versions: list[Object] = []
        self._gone: list[tuple[str, str, str]] = []
        command = [str(lab.tool("kubectl")), "get", "gai", "-A", "-w", "--output-watch-events", "-o", "json"]
        self._process = subprocess.Popen(
            command,
            env=lab.environ(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        decoder, text = json.JSONDecoder(), ""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            text += line
            try:
                event, end = decoder.raw_decode(text.lstrip())
            except ValueError:
                continue  # the object is not complete yet
            text = text.lstrip()[end:]
            with self._news:
                found = event["object"]
                self._versions.append(found)
                if event["type"] == "DELETED":
                    metadata = found["metadata"]
                    self._gone.append((metadata["namespace"], metadata["name"], metadata["uid"]))
                self._news.notify_all()

    def versions(self, namespace: str) -> list[Object]:
        """Every version seen of the resources in a namespace."""
        with self._news:
            return [found for found in self._versions if found["metadata"]["namespace"] == namespace]

    def until(self, namespace: str, name: str, holds: Callable[[Object], bool], seconds: float = 30) -> Object:
        """The first version for which `holds`, of the newest one and all that follow. Fails with the newest when there is none in
        time."""

        def named(found: Object) -> bool:
            return bool(found["metadata"]["namespace"] == namespace and found["metadata"]["name"] == name)

        deadline = time.monotonic() + seconds
        with self._news:
            count = len(self._versions)
            seen = next((found for found in reversed(self._versions) if named(found)), None)
            if seen and holds(seen):
                return seen
            while self._news.wait(timeout=max(0.0, deadline - time.monotonic())):
                for found in filter(named, self._versions[count:]):
                    seen = found
                    if holds(seen):
                        return seen
                count = len(self._versions)
        seen = {**seen, "metadata": {**seen["metadata"], "managedFields": "…"}} if seen else None
        raise AssertionError(f"not within {seconds} s; the newest is {json.dumps(seen, indent=1, ensure_ascii=False)}")

    def until_gone(self, namespace: str, name: str, uid: str, seconds: float = 30) -> None:
        """Wait until that very object is deleted."""
        with self._news:
            if not self._news.wait_for(lambda: (namespace, name, uid) in self._gone, timeout=seconds):
                raise AssertionError(f"{namespace}/{name} is still there after {seconds} s")

    def close(self) -> None:
        self._process.terminate()
        self._process.wait()
        self._reader.join()
        if self._process.stdout:
            self._process.stdout.close()
