"""Starts a lab, and ends it."""

import functools
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from pathlib import Path

from lab import admission, builds, chart, envfile, tools
from lab.azure import seeded
from lab.cluster import START_TIMEOUT, Cluster
from lab.controls import RefusedError
from lab.errors import LabError
from lab.places import ROOT, Places, cache
from lab.processes import OPERATOR, Parts, end
from lab.running import DAY, Lab

PARTS = ("azure", "etcd", "apiserver", "controllers", "webhook")
RESOURCES = "/apis/gitlabazure.io/v1alpha1/gitlabazureidentities"
Say = Callable[[str], None]


def start(
    path: str | Path | None = None, namespaces: Sequence[str] = ("gitlab",), say: Say = builds.say
) -> tuple[Lab, bool]:
    """Start the lab at `path`. Returns it, and whether this call started it: a lab that runs and answers is left as it is.

    Raises LabError when a part does not start, with the end of its log. No process is left running then.
    """
    places = Places.at(path)
    with _locked(places):
        if healthy(places):
            return Lab.of(places.dir), False
        _end_all(places)
        programs = build_and_fetch()
        _empty(places)
        for name, program in programs.items():
            (places.bin / name).symlink_to(program)
        parts = Parts(places)
        try:
            _start(places, parts, namespaces, say)
        except BaseException:
            parts.abandon()
            _end_all(places)
            raise
        return Lab.of(places.dir), True


def stop(path: str | Path | None = None) -> bool:
    """End every process of the lab, in whatever state the lab is. Returns whether there was any. The lab's files stay."""
    places = Places.at(path)
    if not places.marker.exists():
        return _end_all(places)
    with _locked(places):
        return _end_all(places)


def states(places: Places) -> dict[str, bool]:
    """Whether each part of the lab runs."""
    known = Parts(places).known()
    return {name: name in known and known[name].alive for name in PARTS}


def healthy(places: Places) -> bool:
    """Whether every part runs and answers."""
    if not all(states(places).values()):
        return False
    try:
        lab = Lab.of(places.dir)
        lab.controls.settings()
        return lab.api.answers("/readyz")
    except (LabError, RefusedError, OSError, KeyError, ValueError):
        return False


@contextmanager
def _locked(places: Places) -> Iterator[None]:
    """Only one `up` or `down` of a lab at a time. The lock file is outside the lab's folder, since that is emptied."""
    places.dir.parent.mkdir(parents=True, exist_ok=True)
    folder = cache() / "labs"
    folder.mkdir(parents=True, exist_ok=True)
    with builds.only_one(folder / str(places.dir).replace("/", "%"), "waiting for another up or down of this lab"):
        yield


def build_and_fetch() -> dict[str, Path]:
    """Have all that takes minutes the first time and no time later. Returns the lab's kubectl, helm and azcopy.

    Raises LabError where the machine lacks what that takes.
    """
    for which in (builds.WEBHOOK, builds.CONTROL_PLANE):
        builds.binary(which)
    return tools.programs()


def _empty(places: Places) -> None:
    """Empty the folder for a new lab."""
    places.make()
    for entry in places.dir.iterdir():
        if entry != places.marker:
            shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
    places.make()


def _start(places: Places, parts: Parts, namespaces: Sequence[str], say: Say) -> None:
    began = time.monotonic()
    cluster = Cluster(places, parts)
    pool = ThreadPoolExecutor(thread_name_prefix="lab")

    def timed(name: str, work: Callable[[], None]) -> None:
        work()
        say(f"{name} ready after {time.monotonic() - began:.1f} s")

    def side_by_side(**works: Callable[[], None]) -> list[Future[None]]:
        return [pool.submit(timed, name.replace("_", " "), work) for name, work in works.items()]

    def done(works: list[Future[None]]) -> None:
        """Wait until all have ended, or until one fails. Raises what that one raised."""
        finished, _ = wait(works, return_when=FIRST_EXCEPTION)
        for work in finished:
            work.result()

    try:
        azure = side_by_side(Azure=functools.partial(_start_azure, places, parts))
        first = side_by_side(API_server=cluster.start_api_server)
        done([*azure, *first])
        _write_marker(places, cluster)
        lab = Lab(places)
        works = side_by_side(
            controllers=cluster.start_controllers,
            pod_webhook=cluster.start_webhook,
            operator_installation=functools.partial(_install, lab, parts, cluster, namespaces),
            issuer=functools.partial(_publish, lab, cluster),
        )
        done(works)
        _write_environments(lab)
    except BaseException:
        parts.abandon()
        raise
    finally:
        pool.shutdown()


def _start_azure(places: Places, parts: Parts) -> None:
    env = {**envfile.without_foreign(os.environ), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "lab.azure", "--dir", places.dir]
    parts.until("azure", parts.spawn("azure", command, env), places.azure_json.exists, START_TIMEOUT)


def _write_marker(places: Places, cluster: Cluster) -> None:
    api = {"api": cluster.api.url, "ca": str(cluster.api.ca_file), "token": cluster.api.token}
    places.marker.write_text(json.dumps(api, indent=2))
    places.marker.chmod(0o600)


def _install(lab: Lab, parts: Parts, cluster: Cluster, namespaces: Sequence[str]) -> None:
    """Apply the chart without its Deployment, and write the files of the operator's pod."""
    manifests = chart.render(lab.tool("helm"), namespaces)
    lab.apply(
        [
            admission.configuration(cluster.webhook_url, cluster.api.ca_file),
            *(chart.namespace(name) for name in dict.fromkeys([*namespaces, chart.RELEASE])),
            *chart.without_deployment(manifests),
        ],
        chart.FIELD_MANAGER,
    )
    wanted = [RESOURCES, *(f"/api/v1/namespaces/{name}/serviceaccounts/default" for name in namespaces)]
    server = parts.known()["apiserver"]
    parts.until("apiserver", server, lambda: all(cluster.api.answers(path) for path in wanted), START_TIMEOUT)
    (lab.places.operator / "settings.yaml").write_text(chart.settings_file(manifests))
    write_tokens(lab)


def write_tokens(lab: Lab) -> None:
    """Write the tokens that the operator's pod would have: for the API server, and for Entra. Raises ApiError."""
    folder = lab.places.operator
    access = lab.api.request_token(chart.RELEASE, chart.RELEASE, "", DAY)
    (folder / "kubeconfig").write_text(lab.api.kubeconfig(chart.RELEASE, access))
    (folder / "token").write_text(lab.api.request_token(chart.RELEASE, chart.RELEASE, seeded.AUDIENCE, DAY))


def _publish(lab: Lab, cluster: Cluster) -> None:
    """Publish the issuer's documents where AKS publishes those of a cluster."""
    configuration, keys = cluster.publish_keys()
    lab.controls.publish_issuer(seeded.ISSUER, configuration, keys)


def _write_environments(lab: Lab) -> None:
    operator = lab.operator_variables()
    cleared = envfile.unsets(envfile.FOREIGN - operator.keys())
    (lab.places.operator / "env").write_text(cleared + envfile.exports(operator))
    env = lab.env
    folders = env.pop("PATH").split(os.pathsep)[:2]
    text = envfile.unsets(envfile.FOREIGN - env.keys()) + envfile.exports(env)
    prepended = os.pathsep.join(folders)
    # This file is written last: where it exists, the lab is up.
    lab.places.env.write_text(f'{text}export PATH={envfile.quoted(prepended)}:"$PATH"\n')


def _end_all(places: Places) -> bool:
    """End the parts in an order in which none waits for another, then every other process that carries the lab's mark.

    An API server does not exit while its etcd is missing, so etcd is ended after it. etcd's data is not needed any more.
    """
    parts = Parts(places)
    found = any(process.alive for process in parts.known().values())
    with suppress(FileNotFoundError):
        places.env.unlink()
    parts.stop([name for name in parts.known() if name.startswith(OPERATOR)], grace=10)
    parts.stop(["webhook", "controllers", "azure"], grace=5)
    parts.stop(["apiserver"], grace=3)
    parts.stop(["etcd"], grace=2)
    leftovers = parts.leftovers()
    end(leftovers, grace=5)
    with suppress(FileNotFoundError):
        places.azure_json.unlink()
    return found or bool(leftovers)
