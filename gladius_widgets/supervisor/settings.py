"""settings.yaml of a home: what its owner may choose."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gladius_widgets.core.errors import ConfigError
from gladius_widgets.core.notify import NotifySettings
from gladius_widgets.core.paths import Home
from gladius_widgets.core.text.suggest import did_you_mean


class Settings(BaseModel):
    """How a home's jobs are run."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    slots: int = Field(default=3, ge=1, le=1000, description="Jobs that may run at once")
    gpus: list[Annotated[int, Field(ge=0)] | Annotated[str, Field(min_length=1)]] | None = Field(
        default=None,
        description="GPUs that jobs may use, by index or UUID; null = all, or those that "
        "CUDA_VISIBLE_DEVICES names",
    )
    gpu_held_mib: int = Field(
        default=256,
        ge=0,
        description="A GPU on which others use so much memory is not given to a job, in MiB; "
        "what a desktop draws with does not count",
    )
    quick_failure_s: float = Field(
        default=60.0,
        ge=0,
        description="An attempt that dies within so many seconds of its start counts as a sign "
        "that none can run here; 0 = never",
    )
    quick_failures: int = Field(
        default=2,
        ge=1,
        le=1000,
        description="So many of them in a row pause the queue, until `gladius queue --resume`",
    )
    idle_exit_s: float = Field(
        default=30.0, ge=0, description="The supervisor ends itself after so long without a job"
    )
    trash_days: float = Field(
        default=7.0, ge=0, le=36_500, description="Deleted jobs can be restored for so many days"
    )
    notify: NotifySettings = Field(
        default=NotifySettings(), description="Who is told when a job ends or needs somebody"
    )


def load_settings(home: Home) -> Settings:
    """The home's settings; defaults where there is no file.

    Raises:
        ConfigError: the file cannot be used; names the key.
    """
    if not home.settings.exists():
        return Settings()
    from gladius_widgets.core.config.yaml_io import read_yaml  # slow to import, seldom needed

    document = read_yaml(home.settings)
    try:
        return Settings.model_validate(document.values)
    except ValidationError as error:
        raise _config_error(home, error) from None


def _config_error(home: Home, error: ValidationError) -> ConfigError:
    """A sentence without the value, which may be secret."""
    first = error.errors(include_input=False, include_url=False)[0]
    path = [str(part) for part in first["loc"]]
    key = ".".join(path)
    if first["type"] == "extra_forbidden":
        fields = NotifySettings.model_fields if len(path) > 1 else Settings.model_fields
        return ConfigError(
            f"{home.settings}: there is no setting '{key}'.", did_you_mean(path[-1], fields)
        )
    reason = first["msg"].removeprefix("Value error, ").rstrip(".")
    return ConfigError(f"{home.settings}: '{key}': {reason}.", "Change it.")
