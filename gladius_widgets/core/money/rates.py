"""What a machine costs per hour: the home's rates.yaml, else the one that comes with us."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from gladius_widgets.core.config.schema import Money, TrainingConfig
from gladius_widgets.core.errors import ConfigError
from gladius_widgets.core.paths import Home
from gladius_widgets.core.text.suggest import did_you_mean

PACKAGED = Path(__file__).with_name("rates.yaml")
CPU = "cpu"

Hourly = Money | None


@dataclass(frozen=True)
class Price:
    """Per GPU (or machine) and hour; `hourly` None = unknown, and `reason` says why and what to do.

    Where nobody asked for a price there is nothing to mend, as for CPU work: then `hourly` is None
    and `expected` True.
    """

    hourly: float | None
    currency: str
    reason: str = ""
    expected: bool = False


@dataclass(frozen=True)
class Rate:
    """Prices of one GPU type per hour, None = not known."""

    spot: float | None = None
    on_demand: float | None = None


@dataclass(frozen=True)
class Rates:
    """A rates file as it was read.

    Attributes:
        source: the file.
        as_of: when the prices were looked up.
        currency: three capital letters.
        gpus: by GPU type; `cpu` is a machine without one.
        problem: why the file cannot be used, one sentence with what to do; then `gpus` is empty.
    """

    source: Path
    as_of: date | None
    currency: str
    gpus: Mapping[str, Rate] = field(default_factory=dict)
    problem: str = ""

    def price(self, gpu_type: str | None, spot: bool) -> Price:
        """The price of a GPU, its type in any case; `cpu` for a machine without one."""
        if self.problem:
            return Price(None, self.currency, self.problem)
        if gpu_type is None:
            return self._unknown("No GPU type is given.", "Set resources.gpu_type.")
        names = {name.lower(): name for name in self.gpus}
        name = names.get(gpu_type.lower())
        if name is None and gpu_type.lower() == CPU:
            return self._free_cpu()
        if name is None:
            return self._unknown(
                f"{self.source} has no GPU type '{gpu_type[:60]}'.",
                f"{did_you_mean(gpu_type, self.gpus)} Or add it there, or set cost.hourly_rate.",
            )
        rate = self.gpus[name]
        hourly = rate.spot if spot else rate.on_demand
        if hourly is None and name.lower() == CPU:
            return self._free_cpu()
        if hourly is None:
            kind = "spot" if spot else "on-demand"
            return self._unknown(
                f"{self.source} has no {kind} price for {name}.",
                "Add it in the home's rates.yaml, or set cost.hourly_rate.",
            )
        return Price(hourly, self.currency)

    def _free_cpu(self) -> Price:
        reason = "CPU work has no price: `cpu` in rates.yaml or cost.hourly_rate would give it one."
        return Price(None, self.currency, reason, expected=True)

    def _unknown(self, what: str, mend: str) -> Price:
        return Price(None, self.currency, f"{what} {mend}")


class _Entry(BaseModel):
    """One GPU type in the file."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    spot: Hourly = None
    on_demand: Hourly = None


class _File(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    as_of: date = Field(strict=False)
    currency: str = Field(default="USD", pattern=r"^[A-Z]{3}$")
    gpus: dict[str, _Entry]

    @field_validator("gpus", mode="before")
    @classmethod
    def _written_short(cls, value: Any) -> Any:
        """A bare number is one price for both, null is no price."""
        if not isinstance(value, dict):
            return value
        return {
            name: {"spot": entry, "on_demand": entry} if not isinstance(entry, dict) else entry
            for name, entry in value.items()
        }


def load_rates(home: Home) -> Rates:
    """The home's rates file, else the packaged one.

    Raises:
        ConfigError: it cannot be used; one sentence that names file, line and key.
    """
    path = home.rates if home.rates.exists() else PACKAGED
    try:
        stamp = path.stat().st_mtime_ns
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.", "Check it.") from None
    return _read(path, stamp)


def usable_rates(home: Home) -> Rates:
    """As `load_rates`; a file that cannot be used gives no price, and `problem` says why."""
    try:
        return load_rates(home)
    except ConfigError as error:
        return Rates(home.rates, None, "USD", problem=str(error))


def job_price(config: TrainingConfig, gpus: int, home: Home) -> Price:
    """What the job's machine costs: the config's own rate, else the one of its GPU type.

    Args:
        config: the job's config.
        gpus: that it will use; 0 = it runs on CPUs.
        home: whose rates file counts.
    """
    cost, wanted = config.cost, config.resources
    if cost.hourly_rate is not None:
        return Price(cost.hourly_rate, cost.currency)
    on_cpu = wanted.device == "cpu" or (wanted.gpu_type is None and gpus == 0)
    price = usable_rates(home).price(CPU if on_cpu else wanted.gpu_type, wanted.spot)
    has_amounts = cost.budget is not None or cost.estimate_low is not None
    if price.hourly is None:
        asked_for = has_amounts or (wanted.gpu_type is not None and not on_cpu)
        expected = price.expected or (wanted.gpu_type is None and not on_cpu)
        return replace(price, currency=cost.currency, expected=expected and not asked_for)
    if has_amounts and price.currency != cost.currency:
        return Price(
            None,
            cost.currency,
            f"The rates are in {price.currency} and the config's amounts in {cost.currency}. "
            "Set cost.currency, or cost.hourly_rate.",
        )
    return price


def unused_gpu_type(config: TrainingConfig) -> str:
    """One sentence and what to do when a job on CPUs names a GPU type; else empty."""
    wanted = config.resources
    if wanted.gpu_type is None or wanted.device != "cpu":
        return ""
    return (
        f"resources.gpu_type {wanted.gpu_type[:60]} is not used, as resources.device is cpu. "
        "Take one of the two out."
    )


@lru_cache(maxsize=16)
def _read(path: Path, _stamp: int) -> Rates:
    from gladius_widgets.core.config.yaml_io import (
        read_yaml,  # slow to import, and not always needed
    )

    document = read_yaml(path)
    try:
        parsed = _File.model_validate(document.values)
    except ValidationError as error:
        first = error.errors()[0]
        place = tuple(first["loc"])
        key = ".".join(str(part) for part in place)
        where = document.where(place)
        if first["type"] == "extra_forbidden":
            valid = _Entry.model_fields if len(place) > 1 else _File.model_fields
            raise ConfigError(
                f"{where}: there is no key '{key}'.", did_you_mean(key.rpartition(".")[2], valid)
            ) from None
        if first["type"] == "missing":
            raise ConfigError(f"{where}: the key '{key}' is missing.", "Add it.") from None
        raise ConfigError(f"{where}: '{key}': {first['msg']}.", "Change the value.") from None
    gpus = {name: Rate(entry.spot, entry.on_demand) for name, entry in parsed.gpus.items()}
    return Rates(path, parsed.as_of, parsed.currency, gpus)
