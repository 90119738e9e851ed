"""All parts of a run, built in the order in which they depend on each other."""

import time
from dataclasses import dataclass
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from transformers import PreTrainedTokenizerBase
from transformers.utils import logging as transformers_logging

from gladius_widgets.core.atomic import read_json
from gladius_widgets.core.config.schema import TrainingConfig
from gladius_widgets.core.errors import GladiusError
from gladius_widgets.core.paths import RunDirectory
from gladius_widgets.core.states import Stage
from gladius_widgets.training.checkpoint.contents import STATE, load_rng, load_weights
from gladius_widgets.training.checkpoint.folders import (
    MANIFEST_VERSION,
    Checkpoint,
    CheckpointStore,
)
from gladius_widgets.training.data.batches import TokenData
from gladius_widgets.training.data.prepare import prepare_data
from gladius_widgets.training.data.resume import ResumedData, data_record, resume_data
from gladius_widgets.training.data.taught import is_text
from gladius_widgets.training.data.tokenizer import pad_token_id
from gladius_widgets.training.model.build import build_model, describe, scratch_base, stop_at
from gladius_widgets.training.model.lora import add_adapters
from gladius_widgets.training.model.routers import RouterWatch
from gladius_widgets.training.model.sources import ModelSource, source_again
from gladius_widgets.training.output import machine
from gladius_widgets.training.output.banner import banner, split_rows
from gladius_widgets.training.output.process import Interruption
from gladius_widgets.training.output.recorder import Recorder
from gladius_widgets.training.output.status import StatusReporter
from gladius_widgets.training.parallel.base import Parallel
from gladius_widgets.training.parallel.packing import check_packing
from gladius_widgets.training.parallel.ranks import Ranks
from gladius_widgets.training.parallel.setup import make_accelerator, make_parallel
from gladius_widgets.training.parallel.step import StepRunner
from gladius_widgets.training.session.clock import TrainingClock
from gladius_widgets.training.session.inbox import Control
from gladius_widgets.training.session.state import TrainState

_TOLD_FILES = 50


@dataclass
class Session:
    """The parts of one attempt; see the module of each."""

    config: TrainingConfig
    run: RunDirectory
    attempt: int
    accelerator: Accelerator
    ranks: Ranks
    source: ModelSource | None
    data: dict[str, Any]  # what checkpoints remember of it
    tokenizer: PreTrainedTokenizerBase
    is_text: bool  # the rows are texts, not conversations
    splits: dict[str, TokenData]
    parallel: Parallel
    watch: RouterWatch
    steps: StepRunner
    state: TrainState
    control: Control
    checkpoints: CheckpointStore
    clock: TrainingClock
    recorder: Recorder
    reporter: StatusReporter
    interruption: Interruption

    @property
    def dataset_size(self) -> int:
        """Samples of the training split."""
        return len(self.splits["train"])


def build_session(
    config: TrainingConfig,
    run: RunDirectory,
    attempt: int,
    reporter: StatusReporter,
    interruption: Interruption,
) -> Session:
    """Load data and model, resume from the newest whole checkpoint if there is one.

    Raises:
        GladiusError: something in the config is not there or does not fit.
    """
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    accelerator = make_accelerator(config)
    ranks = Ranks(accelerator.device)
    ranks.check_size(config.resources.processes)
    store = CheckpointStore(run)
    problems: list[str] = []
    found = ranks.on_main(lambda: (store.newest_whole(problems.append), problems))
    checkpoint, problems = found
    state_file = _read_state(checkpoint)
    recorder = Recorder(
        run,
        attempt,
        enabled=ranks.is_main,
        tensorboard=config.training.tensorboard,
        first_step=checkpoint.step if checkpoint else 0,
    )
    for problem in problems:
        recorder.tell("WARN", problem)
    source, data = ranks.on_main(lambda: _prepare(config, run, reporter, checkpoint, state_file))
    prepared = data.prepared
    told = {"files": prepared.stats.get("files", [])[:_TOLD_FILES]}  # a folder may have very many
    recorder.event("status", "Data prepared", prepared.stats | told)
    if data.note:
        recorder.tell("WARN", data.note, {"exact": data.exact})
    tokenizer = prepared.tokenizer()
    flatten = config.model.attention == "flash_attention_2"
    splits = {
        name: prepared.split(name, config.data, pad_token_id(tokenizer), flatten=flatten)
        for name in ("train", "validation", "test")
    }

    reporter.stage(Stage.MODEL_LOADING, f"loading {config.model.name}")
    model = _model(config, source, tokenizer, checkpoint, recorder)
    parallel = make_parallel(model, accelerator, ranks, config.optimization)
    if config.data.packing:
        _prove_packing(config, parallel, splits["train"], accelerator, ranks, recorder)
    state = (
        TrainState.from_dict(state_file["state"])
        if state_file
        else TrainState.start(config, len(splits["train"]))
    )
    set_seed(config.training.seed + ranks.index)  # dropout differs between ranks
    if checkpoint is not None:
        parallel.load_optimizer(checkpoint.folder)
        load_rng(checkpoint.folder, ranks.index)
    watch = RouterWatch(model, accelerator.device)
    reporter.update(
        model=describe(model, config),
        split_rows=split_rows(prepared.stats),
        world_size=ranks.size,
        device=machine.device_name(accelerator.device, ranks.size),
    )
    stop_at(model, prepared.stats.get("end_ids", []))
    for line in banner(config, run, prepared.stats, tokenizer, reporter.status):
        recorder.line(line)
    for text in prepared.stats.get("warnings", []):
        recorder.tell("WARN", text)
    if parallel.limits:
        text = f"{parallel.name} training has limits. {' '.join(parallel.limits)}"
        recorder.tell("WARN", text, {"parallel": parallel.name, "limits": parallel.limits})
    if checkpoint is not None:
        recorder.tell("INFO", f"Resumed from checkpoint {checkpoint.folder.name}")
    began_at = _began_at(run, attempt)
    return Session(
        config=config,
        run=run,
        attempt=attempt,
        accelerator=accelerator,
        ranks=ranks,
        source=source,
        data=data_record(prepared, config.data),
        tokenizer=tokenizer,
        is_text=is_text(config.data, prepared.stats),
        splits=splits,
        parallel=parallel,
        watch=watch,
        steps=StepRunner(parallel, accelerator, ranks, watch, config.moe.aux_loss_coef),
        state=state,
        control=Control(run, ranks, set(state.handled), began_at, state.step),
        checkpoints=store,
        clock=TrainingClock(),
        recorder=recorder,
        reporter=reporter,
        interruption=interruption,
    )


def _prepare(
    config: TrainingConfig,
    run: RunDirectory,
    reporter: StatusReporter,
    checkpoint: Checkpoint | None,
    resumed: dict[str, Any] | None,
) -> tuple[ModelSource | None, ResumedData]:
    home, progress = run.home, reporter.substatus
    source = None
    # A checkpoint without adapters needs no base.
    if checkpoint is None or config.lora.enabled:
        source = source_again((resumed or {}).get("source"), config.model, home, progress)
    progress("reading the data")
    if checkpoint is not None:
        record = (resumed or {}).get("data") or {}
        data = resume_data(config, home, checkpoint.folder, record, progress)
    else:
        tokenizer_source = source.folder if source else ""
        data = ResumedData(prepare_data(config, home, tokenizer_source, progress))
    if config.lora.enabled and config.model.from_scratch is not None:
        source = scratch_base(config, run, data.prepared.tokenizer())
    return source, data


def _model(
    config: TrainingConfig,
    source: ModelSource | None,
    tokenizer: PreTrainedTokenizerBase,
    checkpoint: Checkpoint | None,
    recorder: Recorder,
) -> torch.nn.Module:
    folder = checkpoint.folder if checkpoint else None
    model = build_model(config, source, tokenizer, folder)
    if not config.lora.enabled:
        return model
    torch.manual_seed(config.training.seed)  # the same adapters on every rank
    adapted = add_adapters(model, config.lora, config.model.revision)
    targets = ", ".join(f"{name} ×{count}" for name, count in adapted.targets.items())
    recorder.tell(
        "INFO",
        f"LoRA on {targets}: {adapted.trainable:,} trainable parameters",
        {"targets": adapted.targets, "trainable": adapted.trainable},
    )
    if folder is not None:
        load_weights(folder, adapted.model)
    adapted.model.train()
    return adapted.model


def _prove_packing(
    config: TrainingConfig,
    parallel: Parallel,
    data: TokenData,
    accelerator: Accelerator,
    ranks: Ranks,
    recorder: Recorder,
) -> None:
    size = config.training.micro_batch_size
    difference = check_packing(parallel, data, accelerator, ranks, size)
    if difference is not None:
        recorder.tell(
            "INFO",
            f"Packed rows do not see each other: their losses differ by {difference:.1g} at most "
            "from those of rows alone",
            {"packing_difference": difference},
        )


def _read_state(checkpoint: Checkpoint | None) -> dict[str, Any] | None:
    if checkpoint is None:
        return None
    if checkpoint.manifest.get("version", 0) > MANIFEST_VERSION:
        raise GladiusError(
            f"{checkpoint.folder.name} was made by a newer version of gladius-widgets.",
            "Update gladius-widgets to resume it.",
        )
    return read_json(checkpoint.folder / STATE)


def _began_at(run: RunDirectory, attempt: int) -> float:
    """When the attempt began (unix s): requests from before were meant for an earlier one."""
    if attempt == 1:
        return 0.0
    proc = read_json(run.attempt(attempt).proc) or {}
    return float(proc.get("started_at") or time.time())
