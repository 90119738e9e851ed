"""What happens to a config between the user's file and the run directory."""

import re
import secrets
import unicodedata
from pathlib import Path
from typing import Any

from gladius_widgets.core.config import TrainingConfig
from gladius_widgets.core.errors import GladiusError

MAX_NAME_CHARS = 200
# Characters that reorder the text around them could make one name look like another.
_REORDERING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_MOE_WORDS = ("moe", "mixtral")


def check_name(name: str) -> str:
    """The name as it will be shown.

    Raises:
        GladiusError: empty, too long, or with characters that cannot be seen.
    """
    name = unicodedata.normalize("NFC", name).strip()
    if not name:
        raise GladiusError("The job's name is empty.", "Give it one, or leave --name out.")
    if len(name) > MAX_NAME_CHARS:
        raise GladiusError(
            f"The job's name has {len(name)} characters; {MAX_NAME_CHARS} is the most.",
            "Shorten it.",
        )
    if any(unicodedata.category(c) in ("Cc", "Cs") or c in _REORDERING for c in name):
        raise GladiusError("The job's name holds control characters.", "Leave them out.")
    return name


def make_id(name: str) -> str:
    """A short id that starts like the name, such as `moe-chitchat-3f9a1c`."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain)[:32].strip("-") or "job"
    return f"{slug}-{secrets.token_hex(3)}"


def config_line(config: TrainingConfig) -> str:
    """What kind of run on what machine, such as `MoE · Local CPU` or `LoRA r=16 · 2× H100`."""
    names = [config.model.name, str((config.model.from_scratch or {}).get("model_type", ""))]
    is_moe = any(word in name.lower() for name in names for word in _MOE_WORDS)
    method = f"LoRA r={config.lora.r}" if config.lora.enabled else "" if is_moe else "Full"
    kind = " ".join(word for word in ("MoE" if is_moe else "", method) if word)
    return f"{kind} · {_machine(config)}"


def gpu_count(config: TrainingConfig) -> int:
    """GPUs that the job will be billed for; 0 for a job on CPUs."""
    wanted = config.resources
    on_gpu = wanted.device == "gpu" or (wanted.device == "auto" and _gpus_here() > 0)
    return wanted.processes if on_gpu else 0


def job_record(config: TrainingConfig, **known: Any) -> dict[str, Any]:
    """What job.json and the registry say about a new job."""
    return {
        **known,
        "config_line": config_line(config),
        "engine": config.resources.engine,
        "hourly_rate": config.cost.hourly_rate,
        "currency": config.cost.currency,
        "gpus": gpu_count(config),
    }


def _machine(config: TrainingConfig) -> str:
    gpus, wanted = gpu_count(config), config.resources
    if not gpus:
        return f"{wanted.engine.title()} CPU"
    count = f"{gpus}× " if gpus > 1 else ""
    spot = "Spot " if wanted.spot else ""
    return f"{count}{spot}{wanted.gpu_type or f'{wanted.engine.title()} GPU'}"


def _gpus_here() -> int:
    """GPUs of this machine, as the NVIDIA driver lists them."""
    try:
        return sum(1 for _ in Path("/proc/driver/nvidia/gpus").iterdir())
    except OSError:
        return 0
