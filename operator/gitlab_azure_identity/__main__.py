"""The command line: the operator itself (`run`), and the commands of a person."""

import asyncio
import os
import sys
from typing import IO

import click

from gitlab_azure_identity.cli import commands

UNUSABLE = 2  # exit status: the settings must be corrected, and nothing was started

program = click.Group(
    commands=dict(commands.gai.commands),
    context_settings=commands.HELP,
    help="The operator for GitLabAzureIdentity, and questions about its resources.",
)


def main() -> None:
    """Parse the command line, and run the subcommand. Each subcommand imports only what it needs."""
    commands.run(program, "gitlab-azure-identity")


@program.command("run")
def run_operator() -> None:
    """Run the operator; settings come from GAI_SETTINGS_FILE and GAI_* variables.

    Exits with 2 when the settings or the environment cannot be used.
    """
    from gitlab_azure_identity.logs import configure_logging, not_started  # noqa: PLC0415 - not needed for --help
    from gitlab_azure_identity.settings import Unusable, load  # noqa: PLC0415

    configure_logging("INFO")  # for what is said before the settings are known
    try:
        settings = load()
        configure_logging(settings.log_level)
        from gitlab_azure_identity.start import run  # noqa: PLC0415 - slow: refused settings do not wait for kopf and the SDKs

        asyncio.run(run(settings))
    except Unusable as error:
        not_started(str(error))
        sys.exit(UNUSABLE)


@program.command("prove", hidden=True)
@click.option("--host", required=True, help="Host of the blob endpoint.")
@click.option("--container", "containers", multiple=True, help="A container that GitLab uses.")
@click.option("--to", type=click.File("w", encoding="utf-8"), default="-", help="Where the answers are written.")
def prove_access(host: str, containers: tuple[str, ...], to: IO[str]) -> None:
    """Try the access of the pod that this runs in. `kubectl gai doctor --as-pod` starts it."""
    from gitlab_azure_identity.prove import prove  # noqa: PLC0415 - see above

    try:
        answers = asyncio.run(prove(host, containers, os.environ))
    except KeyError as missing:
        to.write(f"The pod has no variable {missing.args[0]}.")
        sys.exit(UNUSABLE)
    except OSError as error:
        to.write(f"The pod's token cannot be read: {error}.")
        sys.exit(UNUSABLE)
    to.write(answers)


@program.command("remaining")
@click.option("--wait", type=click.FloatRange(min=0), default=0, show_default=True, metavar="SECONDS",
              help="How long to wait while all that exist are being deleted.")  # fmt: skip
def remaining_resources(wait: float) -> int:
    """List the resources that only the operator can let go: the chart asks this before it is uninstalled.

    Logs in as a pod does, or with KUBECONFIG. Exits with 1 while there are any, and with 2 when it could not be checked.
    """
    from gitlab_azure_identity.cli.remaining import remaining  # noqa: PLC0415 - see above

    return asyncio.run(remaining(wait))


if __name__ == "__main__":
    main()
