"""The lab's command line."""

import datetime as dt
import json
import os
import sys
import time
from dataclasses import asdict

import click

from lab import envfile, interrupts, lifecycle, person
from lab.azure import seeded
from lab.controls import RefusedError
from lab.errors import LabError
from lab.places import Places
from lab.processes import OPERATOR, Parts
from lab.running import Lab
from lab.table import table
from lab.welcome import welcome


class Commands(click.Group):
    """Prints the message of a LabError without a traceback."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except (LabError, RefusedError) as error:
            raise click.ClickException(str(error)) from error
        except (FileNotFoundError, NotADirectoryError, PermissionError) as error:
            if error.filename is None:
                raise
            raise click.ClickException(f"{error.strerror}: {error.filename}") from error


@click.group(cls=Commands)
@click.option("--dir", "folder", metavar="DIR", help="The lab's folder. Default: LAB_DIR, else .lab here.")
@click.pass_context
def cli(context: click.Context, folder: str | None) -> None:
    """Azure and a Kubernetes cluster on this machine, for the operator and any other client."""
    context.obj = folder


folder_option = click.option("--dir", "folder", metavar="DIR", help="The lab's folder.")


@cli.command()
@folder_option
@click.option("--watch-namespaces", default="gitlab", metavar="NAMES", show_default=True,
              help="Namespaces that the operator has rights in, with commas between.")  # fmt: skip
@click.pass_obj
def up(outer: str | None, folder: str | None, watch_namespaces: str) -> None:
    """Start the lab. A lab whose parts all run and answer is left as it is."""
    began = time.monotonic()
    namespaces = [name for name in watch_namespaces.split(",") if name]
    lab, started = lifecycle.start(folder or outer, namespaces)
    if started:
        click.echo(f"The lab is up after {time.monotonic() - began:.1f} s.\n\n{welcome(lab)}")
    else:
        click.echo(f"The lab in {lab.dir} is already up.\n\n{welcome(lab)}")


@cli.command()
@folder_option
@click.pass_obj
def down(outer: str | None, folder: str | None) -> None:
    """End everything that belongs to the lab."""
    places = Places.at(folder or outer)
    click.echo("The lab is down." if lifecycle.stop(places.dir) else f"No lab is up in {places.dir}.")


@cli.command()
@click.pass_obj
def status(folder: str | None) -> None:
    """Print which parts run. Exits with 1 unless all run and answer."""
    places = Places.at(folder)
    known = Parts(places).known()
    rows = [
        (name, "running" if runs else "not running", str(known[name].pid) if runs else "")
        for name, runs in lifecycle.states(places).items()
    ]
    click.echo(table(("PART", "STATE", "PID"), rows))
    if not lifecycle.healthy(places):
        raise click.exceptions.Exit(1)


@cli.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON array.")
@click.option("--clear", is_flag=True, help="Empty the log; with --json, print it first.")
@click.pass_obj
def calls(folder: str | None, *, as_json: bool, clear: bool) -> None:
    """Print every request that Azure received: time, caller, method, path, status, error code."""
    controls = Lab.of(folder).controls
    if as_json:
        click.echo(json.dumps([asdict(call) for call in controls.calls()], indent=2, default=str))
    elif not clear:
        rows = [
            (
                _clock(call.time),
                call.caller or "-",
                call.method,
                f"{call.host}{call.path}",
                str(call.status),
                call.code or "",
            )
            for call in controls.calls()
        ]
        click.echo(table(("TIME", "CALLER", "METHOD", "PATH", "STATUS", "CODE"), rows))
    if clear:
        controls.clear_calls()


def _clock(seconds: float) -> str:
    """The local time of day, to the millisecond."""
    return dt.datetime.fromtimestamp(seconds).astimezone().strftime("%H:%M:%S.%f")[:-3]


@cli.group()
def fault() -> None:
    """Make requests to Azure fail."""


@fault.command("add")
@click.option("--match", required=True, metavar="'METHOD GLOB'", help="Which requests, as 'PUT */roleAssignments/*'.")
@click.option("--status", type=click.IntRange(200, 599), help="Answer with this status.")
@click.option("--code", help="Answer with this error code.")
@click.option("--message", help="Answer with this text.")
@click.option("--retry-after", type=float, metavar="SECONDS", help="Send this Retry-After.")
@click.option("--times", type=int, default=1, show_default=True, help="How many requests fail.")
@click.option("--reset", is_flag=True, help="Reset the connection instead of answering.")
@click.option("--hang", is_flag=True, help="Never answer.")
@click.option("--delay", type=float, metavar="SECONDS", help="Answer late.")
@click.option("--applied", is_flag=True, help="Carry the request out before its answer is lost or replaced.")
@click.pass_obj
def fault_add(
    folder: str | None,
    match: str,
    status: int | None,
    code: str | None,
    message: str | None,
    retry_after: float | None,
    times: int,
    delay: float | None,
    *,
    reset: bool,
    hang: bool,
    applied: bool,
) -> None:
    """Make the next matching requests fail."""
    if not (status or reset or hang or delay):
        raise click.UsageError("The fault needs one of --status, --reset, --hang and --delay.")
    Lab.of(folder).controls.add_fault(
        match,
        status=status,
        code=code,
        message=message,
        retry_after=retry_after,
        times=times,
        reset=reset,
        hang=hang,
        delay=delay,
        applied=applied,
    )


@fault.command("clear")
@click.pass_obj
def fault_clear(folder: str | None) -> None:
    """Remove every fault."""
    Lab.of(folder).controls.clear_faults()


@cli.command("set")
@click.argument("assignments", metavar="[KEY=SECONDS]...", nargs=-1)
@click.pass_obj
def set_(folder: str | None, assignments: tuple[str, ...]) -> None:
    """Set delays, in seconds, as in `set role-propagation=5 arm-latency=0.2`; without arguments, print them."""
    controls = Lab.of(folder).controls
    if assignments:
        known = controls.settings()
        controls.set(**dict(_assignment(text, known) for text in assignments))
    for key, value in controls.settings().items():
        click.echo(f"{key.replace('_', '-')}={value:g}")


def _assignment(text: str, known: dict[str, float]) -> tuple[str, float]:
    key, _, value = text.partition("=")
    name = key.replace("-", "_")
    if name not in known:
        keys = ", ".join(key.replace("_", "-") for key in known)
        raise click.UsageError(f"There is no setting {key!r}. The settings are: {keys}.")
    try:
        return name, float(value)
    except ValueError as error:
        raise click.UsageError(f"{text!r} is not KEY=SECONDS.") from error


@cli.command()
@click.argument("namespace")
@click.argument("service_account", metavar="SERVICEACCOUNT")
@click.option("--audience", default=seeded.AUDIENCE, show_default=True)
@click.pass_obj
def token(folder: str | None, namespace: str, service_account: str, audience: str) -> None:
    """Print a service account's token, as the kubelet would project it."""
    click.echo(Lab.of(folder).token(namespace, service_account, audience))


@cli.command("arm-token")
@click.option("--as", "as_", default="owner", show_default=True, metavar="PRINCIPAL",
              help="owner, operator, or a principal ID.")  # fmt: skip
@click.pass_obj
def arm_token(folder: str | None, as_: str) -> None:
    """Print a bearer token for Azure Resource Manager."""
    click.echo(Lab.of(folder).arm_token(as_))


@cli.command()
@click.pass_obj
def login(folder: str | None) -> None:
    """Print a login to Azure that may read the subscription, as export lines: for kubectl gai doctor and plan."""
    click.echo(envfile.exports(person.log_in(Lab.of(folder))), nl=False)


@cli.command("pod-env")
@click.argument("namespace")
@click.argument("pod")
@click.pass_obj
def pod_env(folder: str | None, namespace: str, pod: str) -> None:
    """Print the AZURE_* variables that the webhook gave a pod, as export lines; the token file is real."""
    click.echo(envfile.exports(Lab.of(folder).pod_env(namespace, pod)), nl=False)


@cli.command(context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.pass_obj
def operator(folder: str | None, arguments: tuple[str, ...]) -> None:
    """Run the operator in the foreground, as its own service account and managed identity."""
    lab = Lab.of(folder)
    env = lab.operator_env()
    parts = Parts(lab.places)
    before = parts.known().get(OPERATOR)
    if before and before.alive:
        click.echo(f"Another operator runs already (process {before.pid}). Both will do the same work.", err=True)
    parts.register(OPERATOR)
    click.echo(f"Health and metrics: http://127.0.0.1:{env['GAI_HTTP_PORT']}/metrics", err=True)
    sys.stdout.flush()
    os.execve(  # noqa: S606 (this process becomes the operator, so that signals reach it)
        sys.executable, [sys.executable, "-m", "gitlab_azure_identity", "run", *arguments], env
    )


def main() -> None:
    """Run the command line."""
    interrupts.raise_once()
    cli(prog_name="python -m lab")
