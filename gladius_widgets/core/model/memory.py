"""A forecast of the memory (bytes) that training needs on each device, before it starts.

It is of the five large parts; buffers of the framework come on top. Sources: AdamW has two float32
moments a weight; activations as in Korthikanti et al. 2022, "Reducing Activation Recomputation in
Large Transformer Models", eq. 1.
"""

from dataclasses import dataclass, fields

from gladius_widgets.core.config.schema import LoraSection, TrainingConfig
from gladius_widgets.core.model.files import model_folder, named_folder, read_json_file
from gladius_widgets.core.model.files import stored_parameters as count_stored
from gladius_widgets.core.model.shape import Shape

_FP32_BYTES = 4
_MOMENTS = 2
_ITEM_BYTES = {"fp32": 4, "bf16": 2, "fp16": 2}
# The logits' float32 log-probabilities, and the gradients of these and of the float32 logits.
_LOSS_BYTES = 3 * _FP32_BYTES
_ATTENTION = ("q_proj", "k_proj", "v_proj", "o_proj")
_MLP = ("gate_proj", "up_proj", "down_proj")


@dataclass(frozen=True)
class Forecast:
    """Bytes on each device, by what they are for."""

    weights: int
    gradients: int
    optimizer: int
    logits: int
    activations: int

    @property
    def total_bytes(self) -> int:
        """All of it."""
        return sum(getattr(self, part.name) for part in fields(self))

    @property
    def largest(self) -> str:
        """The name of the largest part."""
        return max((part.name for part in fields(self)), key=lambda name: getattr(self, name))


def memory_forecast(config: TrainingConfig) -> Forecast | None:
    """What a run needs on each device.

    None where the model's shape is not known without the network, and with an accelerate config,
    which may part the model among devices.
    """
    shape = None if config.resources.accelerate_config else shape_of(config)
    return forecast(shape, config) if shape is not None else None


def shape_of(config: TrainingConfig) -> Shape | None:
    """The shape of the config's model, from its fields or a folder on this machine."""
    model = config.model
    if model.from_scratch is not None:
        given = dict(model.from_scratch)
        given.setdefault("vocab_size", model.train_tokenizer_vocab or _vocabulary(model.tokenizer))
        return Shape.of(given) if given["vocab_size"] else None
    folder = model_folder(model)
    told = folder and read_json_file(folder / "config.json")
    if not folder or not told or "quantization_config" in told:
        return None
    return Shape.of(told, count_stored(folder))


def forecast(shape: Shape, config: TrainingConfig) -> Forecast | None:
    """The forecast for a shape; None where its parameters are not known."""
    if shape.parameters is None:
        return None
    training, item_bytes = config.training, _ITEM_BYTES[config.training.precision]
    if config.lora.enabled:  # a frozen base is loaded in the precision, adapters in float32
        trained = adapter_parameters(shape, config.lora)
        weights = shape.parameters * item_bytes + trained * _FP32_BYTES
    else:
        trained = shape.parameters
        copy_bytes = item_bytes if item_bytes < _FP32_BYTES else 0  # that autocast keeps
        weights = trained * (_FP32_BYTES + copy_bytes)
    tokens = training.micro_batch_size * config.data.max_length
    return Forecast(
        weights=weights,
        gradients=trained * _FP32_BYTES,
        optimizer=trained * _FP32_BYTES * _MOMENTS,
        logits=tokens * shape.vocabulary * (item_bytes + _LOSS_BYTES),
        activations=_activations(shape, config, tokens, item_bytes),
    )


def adapter_parameters(shape: Shape, lora: LoraSection) -> int:
    """Of the low-rank adapters: r times inputs and outputs of each weight that gets one."""
    presets = {"attention": _ATTENTION, "all-linear": (*_ATTENTION, *_MLP), "experts": _MLP}
    wanted = presets[lora.targets] if isinstance(lora.targets, str) else lora.targets
    sizes = shape.linear_sizes()
    chosen = [sizes[name] for name in wanted if name in sizes]
    return shape.layers * lora.r * sum((inputs + out) * count for inputs, out, count in chosen)


def _activations(shape: Shape, config: TrainingConfig, tokens: int, item_bytes: int) -> int:
    """Bytes that the backward pass needs.

    The paper's 34 bytes a token and hidden unit, at 2 bytes a number, are 18 of attention and
    norms and 16 of an MLP four times as wide: 4 a unit of its width, and 8 with a gate. Each
    expert that a token goes to holds its own input, its output, and that weighted.
    """
    share = item_bytes / 2
    mlp = shape.active_experts * shape.intermediate * (8 if shape.is_gated else 4)
    routed = 6 * shape.active_experts * shape.hidden if shape.experts else 0
    layer = tokens * (18 * shape.hidden + mlp + routed) * share
    if config.model.attention == "eager":  # the others never hold the scores
        layer += tokens * 5 * shape.heads * config.data.max_length * share
    if config.training.gradient_checkpointing:  # the inputs of all layers, and one layer whole
        return round(tokens * shape.hidden * item_bytes * shape.layers + layer)
    return round(shape.layers * layer)


def _vocabulary(tokenizer: str | None) -> int | None:
    """Of the model that a tokenizer belongs to, if that is on this machine."""
    folder = named_folder(tokenizer) if tokenizer else None
    size = ((folder and read_json_file(folder / "config.json")) or {}).get("vocab_size")
    return size if isinstance(size, int) else None
