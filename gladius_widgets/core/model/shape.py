"""The shape of a decoder, and how many parameters it has, by the fields of its config alone.

Families whose modules are known: llama and what is built like it, mixtures of experts of them, and
GPT-2. The defaults are those of transformers' config classes; tests compare both.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

_Fields = Mapping[str, Any]

_LLAMA: _Fields = {
    "hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32,
    "num_attention_heads": 32, "vocab_size": 32000,
}  # fmt: skip
_MISTRAL: _Fields = {**_LLAMA, "intermediate_size": 14336, "num_key_value_heads": 8}
_QWEN: _Fields = {
    **_LLAMA, "intermediate_size": 22016, "num_key_value_heads": 32, "vocab_size": 151936,
}  # fmt: skip
_DEFAULTS: Mapping[str, _Fields] = {
    "llama": _LLAMA,
    "mistral": _MISTRAL,
    "mixtral": {**_MISTRAL, "num_local_experts": 8, "num_experts_per_tok": 2},
    "qwen2": {**_QWEN, "qkv_bias": True},
    "qwen3": {**_QWEN, "head_dim": 128, "qk_norm": True},
    "qwen3_moe": {
        "hidden_size": 2048, "intermediate_size": 6144, "moe_intermediate_size": 768,
        "num_hidden_layers": 24, "num_attention_heads": 32, "num_key_value_heads": 4,
        "vocab_size": 151936, "num_local_experts": 128, "num_experts_per_tok": 8, "qk_norm": True,
    },
    "gpt2": {
        "hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12,
        "vocab_size": 50257, "positions": 1024, "tie_word_embeddings": True,
    },
}  # fmt: skip
# Other families call the same thing by these names.
_ALIASES = {
    "n_embd": "hidden_size", "n_layer": "num_hidden_layers", "n_head": "num_attention_heads",
    "n_inner": "intermediate_size", "n_positions": "positions",
    "num_experts": "num_local_experts", "n_routed_experts": "num_local_experts",
}  # fmt: skip
_MOST = 2**40  # of any size; more is a slip
_NEEDED = ("hidden_size", "num_hidden_layers", "num_attention_heads", "vocab_size")


@dataclass(frozen=True)
class Shape:
    """A decoder's sizes.

    Attributes:
        hidden, layers, heads, kv_heads, head_size, vocabulary: as everywhere.
        intermediate: width of the MLP, or of one expert.
        experts, active_experts: of a layer; 0 and 1 without experts.
        is_gated: whether the MLP has a gate beside its way up.
        parameters: of the whole model; None where its family is not known.
    """

    hidden: int
    layers: int
    heads: int
    kv_heads: int
    head_size: int
    vocabulary: int
    intermediate: int
    experts: int = 0
    active_experts: int = 1
    is_gated: bool = True
    parameters: int | None = None

    @classmethod
    def of(cls, fields: Mapping[str, Any], parameters: int | None = None) -> Self | None:
        """The shape that a transformers config describes; None where it does not say enough.

        Args:
            fields: of the config, with `model_type`.
            parameters: where they were counted; else by the family's formula.
        """
        family = str(fields.get("model_type"))
        said = {_ALIASES.get(key, key): value for key, value in fields.items() if value is not None}
        known = {**_DEFAULTS.get(family, {}), **said}
        try:
            found = cls(**_sizes(known, family))
            if parameters is None and family in _DEFAULTS:
                parameters = _parameters(found, known, family)
        except (KeyError, TypeError, ValueError, ZeroDivisionError):
            return None
        return replace(found, parameters=parameters)

    def linear_sizes(self) -> dict[str, tuple[int, int, int]]:
        """Inputs, outputs and number of each linear weight of a layer, by its name in llama."""
        inner, inner_kv = self.heads * self.head_size, self.kv_heads * self.head_size
        mlps = max(1, self.experts)
        sizes = {
            "q_proj": (self.hidden, inner, 1),
            "k_proj": (self.hidden, inner_kv, 1),
            "v_proj": (self.hidden, inner_kv, 1),
            "o_proj": (inner, self.hidden, 1),
            "up_proj": (self.hidden, self.intermediate, mlps),
            "down_proj": (self.intermediate, self.hidden, mlps),
        }
        return sizes | ({"gate_proj": sizes["up_proj"]} if self.is_gated else {})


def _sizes(known: Mapping[str, Any], family: str) -> dict[str, Any]:
    hidden, layers, heads, vocabulary = (_size(known[name]) for name in _NEEDED)
    experts = _size(known.get("num_local_experts", 0), least=0)
    width = known.get("moe_intermediate_size") if experts else None
    return {
        "hidden": hidden,
        "layers": layers,
        "heads": heads,
        "kv_heads": _size(known.get("num_key_value_heads", heads)),
        "head_size": _size(known.get("head_dim", hidden // heads)),
        "vocabulary": vocabulary,
        "intermediate": _size(width or known.get("intermediate_size", 4 * hidden)),
        "experts": experts,
        "active_experts": _size(known.get("num_experts_per_tok", 1)) if experts else 1,
        "is_gated": family != "gpt2",
    }


def _size(value: Any, least: int = 1) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value < _MOST:
        raise ValueError(f"{value!r} is no size")
    return value


def _parameters(shape: Shape, known: Mapping[str, Any], family: str) -> int | None:
    """Embeddings, and of each layer attention, MLP or experts with their router, and norms."""
    if known.get("mlp_only_layers") or known.get("decoder_sparse_step", 1) != 1:
        return None  # layers differ
    embedding = shape.vocabulary * shape.hidden
    if family == "gpt2":  # weights and biases of 4 linear layers and 2 norms
        h, f = shape.hidden, shape.intermediate
        layer = 4 * h * h + 4 * h + 2 * h * f + f + h + 4 * h
        head = 0 if known["tie_word_embeddings"] else embedding
        return embedding + _size(known["positions"]) * h + shape.layers * layer + 2 * h + head
    sizes = shape.linear_sizes()
    layer = sum(inputs * outputs * count for inputs, outputs, count in sizes.values())
    layer += sum(sizes[name][1] for name in _biased(known))
    layer += 2 * shape.hidden + shape.experts * shape.hidden
    layer += 2 * shape.head_size if known.get("qk_norm") else 0
    head = 0 if known.get("tie_word_embeddings") else embedding
    return embedding + shape.layers * layer + shape.hidden + head


def _biased(known: Mapping[str, Any]) -> list[str]:
    if known.get("qkv_bias"):
        return ["q_proj", "k_proj", "v_proj"]
    biased = ["q_proj", "k_proj", "v_proj", "o_proj"] if known.get("attention_bias") else []
    return biased + (["gate_proj", "up_proj", "down_proj"] if known.get("mlp_bias") else [])
