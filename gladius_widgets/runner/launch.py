"""The `accelerate launch` command line for a config and this machine."""

from gladius_widgets.core.config.schema import TrainingConfig
from gladius_widgets.core.errors import GladiusError
from gladius_widgets.core.machine.launcher import accelerate_path
from gladius_widgets.core.paths import RunDirectory


def launch_command(
    config: TrainingConfig, run: RunDirectory, attempt: int, gpus: int
) -> tuple[list[str], dict[str, str]]:
    """Arguments and extra environment that start the trainer.

    `accelerate launch --cpu --num_processes 2` starts one process only; with `--multi_gpu` and
    ACCELERATE_USE_CPU it starts them all, and gloo connects them. Port 0 lets the system choose
    a free one, so that two jobs on one machine cannot collide.

    Args:
        config: the run's config.
        run: its directory.
        attempt: the attempt's number.
        gpus: how many GPUs the job was given.

    Raises:
        GladiusError: accelerate is missing, or GPUs are asked for that were not given.
    """
    wanted = config.resources
    on_cpu = wanted.device == "cpu" or (wanted.device == "auto" and gpus == 0)
    if wanted.accelerate_config is None and not on_cpu and wanted.processes > gpus:
        given = gpus or "none"
        raise GladiusError(
            f"The config asks for {_gpus(wanted.processes)} and this job was given {given}.",
            "Lower resources.processes, or set resources.device: cpu.",
        )
    # Without it an accelerate config's `gpu_ids` would put us on GPUs that are another job's.
    command, environment = [accelerate_path(), "launch", "--gpu_ids", "all"], {}
    if wanted.accelerate_config is not None:
        command += ["--config_file", wanted.accelerate_config]
    else:
        precision = "no" if config.training.precision == "fp32" else config.training.precision
        command += ["--num_machines", "1", "--dynamo_backend", "no"]
        command += ["--mixed_precision", precision, "--num_processes", str(wanted.processes)]
        if on_cpu:
            environment["ACCELERATE_USE_CPU"] = "true"
        if wanted.processes > 1:
            command += ["--multi_gpu", "--main_process_port", "0"]
        elif on_cpu:
            command += ["--cpu"]
    trainer = ["-m", "gladius_widgets.training"]
    return [*command, *trainer, "--run", str(run.root), "--attempt", str(attempt)], environment


def _gpus(count: int) -> str:
    return "1 GPU" if count == 1 else f"{count} GPUs"
