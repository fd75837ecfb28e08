"""The command line: `python -m gitlab_azure_identity run`."""

import argparse
import asyncio
import sys

UNUSABLE = 2  # exit status: the settings must be corrected, and nothing was started


def main() -> None:
    """Parse the command line, and run the subcommand. Each subcommand imports only what it needs."""
    parser = argparse.ArgumentParser(prog="gitlab-azure-identity", description="The operator for GitLabAzureIdentity.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("run", help="run the operator; settings come from GAI_SETTINGS_FILE and GAI_* variables")
    commands.choices["run"].set_defaults(main=run_operator)
    parser.parse_args().main()


def run_operator() -> None:
    """The subcommand `run`. Exits with 2 when the settings or the environment cannot be used."""
    from gitlab_azure_identity.domain.redaction import redact  # noqa: PLC0415 - not needed for --help
    from gitlab_azure_identity.logs import configure_logging  # noqa: PLC0415
    from gitlab_azure_identity.settings import Unusable, load  # noqa: PLC0415

    try:
        settings = load()
        configure_logging(settings.log_level)
        from gitlab_azure_identity.start import run  # noqa: PLC0415 - slow: refused settings do not wait for kopf and the SDKs

        asyncio.run(run(settings))
    except Unusable as error:
        sys.stderr.write(f"gitlab-azure-identity: {redact(str(error))}\n")
        sys.exit(UNUSABLE)


if __name__ == "__main__":
    main()
