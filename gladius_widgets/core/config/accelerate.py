"""What `resources.accelerate_config` may name: a description of processes on machines, no more.

An accelerate config can also start programs on other machines (a pod's commands, MPI, a cloud's
jobs, DeepSpeed's launcher over ssh). A training config must not start anything but the training.
"""

from pathlib import Path

from gladius_widgets.core.config.yaml_io import Document, read_yaml
from gladius_widgets.core.errors import ConfigError

_KINDS = ("NO", "MULTI_CPU", "MULTI_GPU", "FSDP", "DEEPSPEED")
_REFUSED = frozenset({"command_file", "commands", "mpirun_config"})
_REFUSED_OF_DEEPSPEED = frozenset({"deepspeed_hostfile", "deepspeed_multinode_launcher"})


def check_accelerate_file(path: Path) -> None:
    """See that the file is an accelerate config that starts the training and nothing else.

    Raises:
        ConfigError: it is not; names file, line and key.
    """
    if not path.is_file():
        raise ConfigError(
            f"resources.accelerate_config: {path} is not a file.",
            "Name a file that `accelerate config` wrote.",
        )
    try:
        document = read_yaml(path)
    except ConfigError as error:
        raise ConfigError(
            f"resources.accelerate_config: {error.message}",
            "Name a file that `accelerate config` wrote.",
        ) from None
    values = document.values
    kind = str(values.get("distributed_type"))
    if kind not in _KINDS:
        said = f"is {kind[:40]!r}" if "distributed_type" in values else "is missing"
        raise _refusal(
            document, ("distributed_type",), said, f"Set it to one of {', '.join(_KINDS)}."
        )
    if str(values.get("compute_environment", "LOCAL_MACHINE")) != "LOCAL_MACHINE":
        raise _refusal(document, ("compute_environment",), "is not LOCAL_MACHINE", "Change it.")
    deepspeed = values.get("deepspeed_config")
    inner = deepspeed if isinstance(deepspeed, dict) else {}
    found = [(key,) for key in values if key in _REFUSED or key.startswith("tpu_")]
    found += [("deepspeed_config", key) for key in inner if key in _REFUSED_OF_DEEPSPEED]
    for place in found:
        value = inner.get(place[1]) if len(place) > 1 else values[place[0]]
        if value:
            why = "would start programs other than the training"
            raise _refusal(document, place, why, "Take it out.")


def _refusal(document: Document, place: tuple[str, ...], said: str, hint: str) -> ConfigError:
    key = ".".join(place)
    return ConfigError(
        f"resources.accelerate_config: {document.where(place)}: '{key}' {said}.", hint
    )
