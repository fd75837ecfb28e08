"""The Helm values of GitLab Runner's own chart, which GitLab's chart takes under `gitlab-runner`.

Only the runner manager gets the identity. For each job it gets a user delegation key, and signs with it the address of the one
blob that the job reads or writes (GitLab Runner 17.5 to 19.3, cache/azure/adapter.go and azure.go). So a job pod, which runs
foreign code, needs neither label nor service account.

The cache is configured by the environment of `gitlab-runner register`, as the chart does with an access key. A setting there
counts more than one in `runners.config` (18.9, commands/register.go: the template only fills in what is unset), and Helm
merges it with `extraEnv` of other values. It would replace a whole `runners.config`.
"""

from __future__ import annotations

from gitlab_azure_identity.domain.gitlab.yaml import Node, Word

LABEL: dict[str, Node] = {"azure.workload.identity/use": "true"}


def manager_values(container: str, account: str, domain: str, service_account: str | None) -> dict[str, Node]:
    """The values for a cache in this container. Without a service account it is left to others (chart 0.86)."""
    values: dict[str, Node] = {"podLabels": LABEL}
    if service_account is not None:
        values["serviceAccount"] = {"create": False, "name": service_account}
        # The manager creates job pods, so it needs a token of the API server. The service account itself gives none.
        values["automountServiceAccountToken"] = True
    values["extraEnv"] = {
        "CACHE_TYPE": Word("azure"),
        "CACHE_AZURE_ACCOUNT_NAME": account,
        "CACHE_AZURE_CONTAINER_NAME": container,
        "CACHE_AZURE_STORAGE_DOMAIN": domain,
    }
    return values
