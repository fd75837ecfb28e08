"""`spec.gitlab`: the GitLab that uses the storage."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from gitlab_azure_identity.api.schema import Model, in_words

# Of the chart (major 8 to 10), or of GitLab (17 to 19). The chart's major is GitLab's minus 9, so no major is both. A person may
# copy either from anywhere: v18.5.1-ee, 18.5.1-ee.0 and 10.0.0-rc1 are GitLab's own spellings.
GITLAB_VERSION = r"^v?(8|9|10|17|18|19)([.](0|[1-9][0-9]{0,2})){0,2}([+-][0-9A-Za-z.+-]+)?$"
GitLabVersion = Annotated[
    str,
    Field(
        pattern=GITLAB_VERSION,
        max_length=64,
        json_schema_extra=in_words(
            "name a version of the GitLab chart (8 to 10) or of GitLab (17 to 19), such as 9.5.1 or 18.5. "
            "Leave it out for any other version"
        ),
    ),
]


class Features(StrEnum):
    """What the Helm values say of GitLab's features whose container is Disabled."""

    LEAVE = "Leave"
    FOLLOW = "Follow"


DEFAULT_RELEASE = "gitlab"
# Helm 4.2, pkg/chart/common/util/validate_name.go: at most 53 characters. GitLab Operator's release is the name of its GitLab
# object.
ReleaseName = Annotated[
    str,
    Field(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$", min_length=1, max_length=53),
]


class Restart(StrEnum):
    """Whether the operator restarts GitLab's Deployments."""

    NEVER = "Never"
    WHEN_STALE = "WhenStale"


class GitLabSpec(Model):
    release: ReleaseName = Field(
        DEFAULT_RELEASE,
        description="Helm release of GitLab in this namespace, or name of its GitLab object. Its pods are checked: see "
        "WorkloadsReady.",
    )
    restart: Restart = Field(
        Restart.NEVER,
        description="Never (default): the operator restarts nothing, and says what to restart. WhenStale: it restarts the "
        "Deployments whose pods lack the present client ID or the present content of a secret. It restarts one after the other, "
        "each once for a cause, and only while the resource is Ready.",
    )
    version: GitLabVersion | None = Field(
        None,
        description="Version of the GitLab chart, such as 9.5.1, or of GitLab, such as 18.5. The Helm values fit it, and "
        "SecretsWritten tells what it cannot do. Default: the values fit every chart from 8.9 on, but for Pages on 10.0.0 to "
        "10.0.2.",
    )
    features: Features = Field(
        Features.LEAVE,
        description="Leave: the Helm values leave out what is Disabled, and SecretsWritten names what your own values must say. "
        "Follow: the Helm values switch off GitLab's features whose container is Disabled.",
    )
