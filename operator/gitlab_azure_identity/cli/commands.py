"""The commands of a person: names, options and help. What they do is imported when they are run, so that help starts at once."""

import io
import os
import sys
from pathlib import Path
from typing import IO

import click
from click.shell_completion import ShellComplete

from gitlab_azure_identity.cli.problems import INTERRUPTED, PROBLEM
from gitlab_azure_identity.domain.clouds import CLOUDS

HELP = {"help_option_names": ["-h", "--help"]}


@click.group(context_settings=HELP)
def gai() -> None:
    """Ask about GitLabAzureIdentity resources, with your own rights in the cluster.

    Exit status: 0 when all is well, 1 when something is wrong, 2 when it could not be checked.
    """


context_option = click.option(
    "--context", metavar="CONTEXT", help="Context of the kubeconfig. Default: the current one."
)
namespace_option = click.option("-n", "--namespace", metavar="NAMESPACE", help="Default: the namespace of the context.")


@gai.command()
@click.argument("name", required=False)
@click.option("-f", "--filename", type=click.File(encoding="utf-8"), metavar="FILE",
              help="Read the resource from a file, - for standard input; no cluster is asked.")  # fmt: skip
@click.option("--for", "shape", type=click.Choice(["helm", "gitlab-operator", "gitlab-runner"]), default="helm",
              show_default=True, help="Who is to read them: Helm for GitLab's chart, the GitLab Operator in a GitLab resource, "
              "or Helm for GitLab Runner's own chart.")  # fmt: skip
@click.option("--cloud", type=click.Choice(list(CLOUDS)), show_default="that of the status, or AzurePublic",
              help="The operator's setting. Addresses for Gitaly and the runner have the domain of the cloud.")  # fmt: skip
@namespace_option
@context_option
def values(
    name: str | None,
    filename: IO[str] | None,
    shape: str,
    cloud: str | None,
    namespace: str | None,
    context: str | None,
) -> int:
    """Print the Helm values for the GitLab chart, to the byte as the operator writes them.

    They do not depend on the identity. So they are the same before and after it exists. What they cannot do is on the
    error output: what your own values must have, and defects of the release in spec.gitlab.version.
    """
    from gitlab_azure_identity.cli.values import Shape, of_file, of_resource  # noqa: PLC0415 - see above

    if filename is None and name is None:
        raise click.UsageError("Name a resource, or a file with -f.")
    found = of_file(filename, name, namespace, cloud) if filename else of_resource(str(name), context, namespace, cloud)
    click.echo(found.text(Shape(shape)), nl=False)
    for sentence in (*found.obstacles, *found.notes):
        click.echo(sentence, err=True)
    return PROBLEM if found.obstacles else 0


@gai.command()
@click.argument("name", required=False)
@namespace_option
@click.option("-A", "--all-namespaces", is_flag=True, help="The resources of all namespaces.")
@context_option
@click.option("-o", "--output", type=click.Choice(["json", "yaml"]), help="An answer for a program.")
@click.option("-w", "--watch", is_flag=True, help="Follow changes until every resource is Ready.")
def status(
    name: str | None,
    namespace: str | None,
    all_namespaces: bool,
    context: str | None,
    output: str | None,
    watch: bool,
) -> int:
    """Show each link of the chain from a pod to its blobs, and explain the first that does not hold."""
    from gitlab_azure_identity.cli.session import ran  # noqa: PLC0415 - see above
    from gitlab_azure_identity.cli.status import follow, show  # noqa: PLC0415

    if all_namespaces and (name or namespace):
        raise click.UsageError("--all-namespaces takes neither a NAME nor --namespace.")
    if watch and output:
        raise click.UsageError("--watch takes no --output.")
    work = follow(name) if watch else show(name, output)
    return ran(work, context, namespace, everywhere=all_namespaces)


settings_option = click.option(
    "--settings",
    metavar="FILE",
    type=click.Path(),
    help="A file with the operator's settings. Default: the operator's config map.",
)
output_option = click.option("-o", "--output", type=click.Choice(["json", "yaml"]), help="An answer for a program.")


@gai.command()
@click.argument("name", required=False)
@click.option("-f", "--filename", type=click.File(encoding="utf-8"), metavar="FILE",
              help="Plan for the resource as a file has it, - for standard input.")  # fmt: skip
@namespace_option
@context_option
@settings_option
@output_option
def plan(
    name: str | None,
    filename: IO[str] | None,
    namespace: str | None,
    context: str | None,
    settings: str | None,
    output: str | None,
) -> int:
    """Show what the operator would change, in Azure and in the cluster. Nothing is written.

    Azure is read with your own rights: az login, or another login that DefaultAzureCredential finds. Exit status: 0 when
    the operator can do all of it, 1 when something is in the way, 2 when not everything could be seen.
    """
    from gitlab_azure_identity.cli.plan import of_file, of_resource  # noqa: PLC0415 - see above
    from gitlab_azure_identity.cli.session import ran  # noqa: PLC0415

    if filename is None and name is None:
        raise click.UsageError("Name a resource, or a file with -f.")
    if filename:
        return ran(of_file(filename, name, namespace, settings, output), context, namespace)
    return ran(of_resource(str(name), settings, output), context, namespace)


@gai.command()
@click.argument("name", required=False)
@namespace_option
@context_option
@settings_option
@click.option("--pod", metavar="POD", help="Examine this pod too, of whatever release it is.")
@click.option(
    "--as-pod",
    is_flag=True,
    help="Prove access from the pods' network too: by a pod that is created, and deleted again.",
)
@click.option("--image", metavar="IMAGE", help="With --as-pod: the image of the pod. Default: the operator's.")
@click.option("-y", "--yes", is_flag=True, help="With --as-pod: do not ask.")
@output_option
def doctor(
    name: str | None,
    namespace: str | None,
    context: str | None,
    settings: str | None,
    pod: str | None,
    as_pod: bool,
    image: str | None,
    yes: bool,
    output: str | None,
) -> int:
    """Find what is wrong between GitLab's pods and its blobs, and say what mends it. Nothing is written without --as-pod.

    Azure is read with your own rights: az login, or another login that DefaultAzureCredential finds. Exit status: 0 when
    nothing is wrong, 1 for a problem, 2 when not everything could be checked.
    """
    from gitlab_azure_identity.cli.as_pod import AsPod  # noqa: PLC0415 - see above
    from gitlab_azure_identity.cli.doctor import doctor as examine  # noqa: PLC0415
    from gitlab_azure_identity.cli.session import ran  # noqa: PLC0415

    if (image or yes) and not as_pod:
        raise click.UsageError("--image and --yes are for --as-pod.")
    return ran(examine(name, pod, AsPod(image, yes) if as_pod else None, settings, output), context, namespace)


@gai.command()
@click.argument("name")
@namespace_option
@context_option
@click.option("--wait", is_flag=True, help="Wait for the operator's answer, and show it as status does.")
@click.option("--timeout", type=click.FloatRange(min=0, min_open=True), default=300, show_default=True, metavar="SECONDS",
              help="The longest wait.")  # fmt: skip
def reconcile(name: str, namespace: str | None, context: str | None, wait: bool, timeout: float) -> int:
    """Ask the operator for a pass now."""
    from gitlab_azure_identity.cli import levers  # noqa: PLC0415 - see above
    from gitlab_azure_identity.cli.session import ran  # noqa: PLC0415

    return ran(levers.reconcile(name, timeout if wait else None), context, namespace)


@gai.command()
@click.argument("name")
@namespace_option
@context_option
def suspend(name: str, namespace: str | None, context: str | None) -> int:
    """Stop all work on a resource, except its deletion."""
    return _suspended(name, namespace, context, value=True)


@gai.command()
@click.argument("name")
@namespace_option
@context_option
def resume(name: str, namespace: str | None, context: str | None) -> int:
    """Take up the work on a suspended resource again."""
    return _suspended(name, namespace, context, value=False)


def _suspended(name: str, namespace: str | None, context: str | None, *, value: bool) -> int:
    from gitlab_azure_identity.cli import levers  # noqa: PLC0415 - see above
    from gitlab_azure_identity.cli.session import ran  # noqa: PLC0415

    return ran(levers.suspend(name, value=value), context, namespace)


def main() -> None:
    """The program `kubectl-gai`, which kubectl finds as `kubectl gai`."""
    run(gai, "kubectl-gai")


def complete() -> None:
    """The program `kubectl_complete-gai`: kubectl runs it for what may follow its arguments, and reads cobra's answer from it
    (kubectl 1.26, pkg/cmd/plugin_completion.go). The last line tells the shell whether file names may follow: 0, or 4."""
    *words, begun = sys.argv[1:] or [""]
    found = ShellComplete(gai, {}, "kubectl-gai", "").get_completions(words, begun)
    for item in found:
        if item.type == "plain":
            click.echo(f"{item.value}\t{item.help or ''}")
    click.echo(":0" if any(item.type == "file" for item in found) else ":4")


def run(group: click.Group, program: str) -> None:
    """Run a command line. Exits with its status: 130 after Ctrl-C."""
    for stream, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, stream) is None:  # whoever started this process has closed it
            setattr(sys, stream, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 - until the end
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # for a terminal that cannot show a message's every character
    try:
        sys.exit(group(prog_name=program, standalone_mode=False))
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.Abort:
        sys.exit(INTERRUPTED)
