"""The operator's settings: a YAML file named by GAI_SETTINGS_FILE. Environment variables GAI_<FIELD> override its fields."""

import os
import re
from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic.alias_generators import to_camel
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from gitlab_azure_identity.domain.arm_ids import IdentityId, ResourceGroupId
from gitlab_azure_identity.domain.desired import Defaults
from gitlab_azure_identity.domain.policy import PolicyRule

FILE_VARIABLE = "GAI_SETTINGS_FILE"
PREFIX = "GAI_"


class Unusable(Exception):
    """The settings cannot be used. The text names each field and what is wrong with it."""


class ThrottleSettings(BaseModel):
    """The rate of requests to Azure."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rates: Literal["Published", "Unlimited"] = Field(
        "Published",
        description="Published: at the rates of Azure's managed identity provider. Unlimited: without a limit.",
    )
    identity_burst: int = Field(2, ge=1, description="Requests of a kind to one identity before its rate applies.")
    subscription_burst: int = Field(
        10, ge=1, description="Requests of a kind to one subscription before its rate applies."
    )


class LeaderElectionSettings(BaseModel):
    """How replicas agree on the one that works. Times are in seconds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    namespace: str | None = Field(
        None,
        min_length=1,
        description="Namespace of the Lease. None: no election, and this process works whoever else does. The chart sets it.",
    )
    name: str = Field("gitlab-azure-identity", min_length=1, description="Name of the Lease.")
    lease_duration: float = Field(
        15, ge=1, description="So long after its last renewal nobody else takes the Lease. Whole seconds."
    )
    renew_deadline: float = Field(
        10, gt=0, description="So long after its last renewal the leader may write. Shorter than leaseDuration."
    )
    retry_period: float = Field(2, gt=0, description="Time between two renewals. At most half of renewDeadline.")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        """Refuse times with which two could write at once, or with which one missed renewal ends a term."""
        if not 2 * self.retry_period <= self.renew_deadline < self.lease_duration:
            raise ValueError(
                "retryPeriod must be at most half of renewDeadline, and renewDeadline less than leaseDuration"
            )
        if self.lease_duration != round(self.lease_duration):
            raise ValueError("leaseDuration takes whole seconds, as a Lease does")
        return self


class TracingSettings(BaseModel):
    """Where traces go."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    endpoint: str | None = Field(
        None,
        pattern=r"^https?://\S+$",
        description="Where traces are sent by OTLP over HTTP, such as http://collector:4318. None: where "
        "OTEL_EXPORTER_OTLP_ENDPOINT says, and nowhere without it.",
    )


class Settings(BaseSettings):
    """Everything that can be set. Times are in seconds."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True, case_sensitive=False
    )

    cluster: str = Field(
        min_length=1,
        max_length=63,
        pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$",
        description="Name of this cluster, unique among those that share a subscription. It is part of identity names and "
        "marks what this operator owns in Azure: never change it. Required.",
    )
    cloud: Literal["AzurePublic", "AzureUSGovernment", "AzureChina"] = Field(
        "AzurePublic", description="The Azure cloud. Endpoints, storage domain and token audience follow from it."
    )
    defaults: Defaults = Field(Defaults(), description="Values for the fields that a resource does not set.")
    policy: tuple[PolicyRule, ...] = Field((), description="What resources may ask for. Empty: nothing.")
    issuer: str | None = Field(
        None, description="Issuer of the cluster's tokens. Default: discovered from the API server."
    )
    resync_interval: float = Field(
        3600, ge=10, description="Time between two passes over a Ready resource, with jitter."
    )
    check_interval: float = Field(
        30,
        ge=1,
        description="Time between two checks whether a resource's service accounts, secrets or config map were changed.",
    )
    check_rate: float = Field(
        10, gt=0, description="Requests a second to the API server, passes included, at which these checks wait."
    )
    stalled_interval: float = Field(
        600, ge=1, description="Longest time between two passes over a resource that needs a person."
    )
    max_backoff: float = Field(300, ge=1, description="Longest wait between retries.")
    request_timeout: float = Field(30, ge=1, description="Time-out of one request, to Azure or to the cluster.")
    propagation_limit: float = Field(
        2400,
        ge=0,
        description="How long Azure may take to spread a role or a credential: so long a refused access is waited for, and a "
        "former role stays.",
    )
    max_concurrent: int = Field(20, ge=1, description="Passes and deletions at the same time.")
    throttle: ThrottleSettings = Field(ThrottleSettings(), description="The rate of requests to Azure.")
    leader_election: LeaderElectionSettings = Field(
        LeaderElectionSettings(), description="How replicas agree on the one that works."
    )
    tracing: TracingSettings = Field(TracingSettings(), description="Where traces go.")
    http_port: int = Field(8080, ge=0, le=65535, description="Port of /healthz, /readyz and /metrics. 0: a free one.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="The lowest level that is logged."
    )

    @field_validator("policy")
    @classmethod
    def _ids_are_ids(cls, policy: tuple[PolicyRule, ...]) -> tuple[PolicyRule, ...]:
        """Refuse an ARM id with a typing mistake: it would silently admit nothing."""
        for rule in policy:
            for group in rule.identities.resource_groups:
                ResourceGroupId.parse(group)
                if "*" in group:
                    raise ValueError(f"identities.resourceGroups takes no globs: {group!r}")
            for identity in rule.identities.adopt:
                IdentityId.parse(identity)
        return policy

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        del dotenv_settings, file_secret_settings
        return init_settings, env_settings, InitSettingsSource(settings_cls, _in_file())


class _Written(Settings):
    """The settings as a file gives them. No variable counts."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        del settings_cls, env_settings, dotenv_settings, file_secret_settings
        return (init_settings,)


def _in_file() -> dict[str, Any]:
    """What the file says. Raises Unusable."""
    path = os.environ.get(FILE_VARIABLE)
    if not path:
        return {}
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Unusable(f"{path}: {error}") from error
    return _content(text, path)


def _content(text: str, source: str) -> dict[str, Any]:
    """The settings in a YAML text. Its keys are in camelCase, as in every Kubernetes file. Raises Unusable."""
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise Unusable(f"{source}: {error}") from error
    if not isinstance(content or {}, dict):
        raise Unusable(f"{source}: not a mapping of settings")
    return {_snake(key): _snaked(value) for key, value in (content or {}).items()}


def _snake(key: str) -> str:
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", str(key)).lower()


def _snaked(value: Any) -> Any:
    if isinstance(value, dict):
        return {_snake(key): _snaked(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_snaked(item) for item in value]
    return value


def load() -> Settings:
    """Read the settings. Raises Unusable, which names every faulty field as the file spells it."""
    try:
        return Settings()
    except ValidationError as error:
        raise _unusable(error, f"{FILE_VARIABLE}={os.environ.get(FILE_VARIABLE, '')}") from error
    except SettingsError as error:
        raise Unusable(str(error)) from error


def written(text: str, source: str) -> Settings:
    """The settings of another operator, by the text of its file. Raises Unusable."""
    try:
        return _Written(**_content(text, source))
    except ValidationError as error:
        raise _unusable(error, source) from error


def _unusable(error: ValidationError, source: str) -> Unusable:
    faults = "\n".join(
        f"  {'.'.join(to_camel(str(part)) for part in fault['loc']) or 'settings'}: {fault['msg']}"
        for fault in error.errors()
    )
    return Unusable(f"the settings cannot be used ({source}):\n{faults}")
