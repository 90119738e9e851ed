"""Columns of the metric tables. Lists have one item per GPU or expert."""

import pyarrow as pa

_BYTES = pa.int64()
_PER_EXPERT = pa.list_(pa.float32())
_PER_GPU = pa.list_(pa.float32())

# One row per optimizer step. `tokens` and `samples` are this step's own, over all ranks;
# `loss` is without `aux_loss`; the expert columns are null for models without experts.
TRAIN = pa.schema(
    [
        ("step", pa.int64()),
        ("attempt", pa.int32()),
        ("time", pa.float64()),
        ("epoch", pa.float64()),
        ("batch", pa.int64()),
        ("loss", pa.float64()),
        ("aux_loss", pa.float64()),
        ("learning_rate", pa.float64()),
        ("grad_norm", pa.float64()),
        ("weight_decay", pa.float64()),
        ("tokens", pa.int64()),
        ("tokens_per_s", pa.float64()),
        ("samples", pa.int64()),
        ("step_time_s", pa.float64()),
        ("expert_load", _PER_EXPERT),
        ("expert_loss", _PER_EXPERT),
    ]
)

# One row per pass over a split; `split` is validation or test.
VALIDATION = pa.schema(
    [
        ("step", pa.int64()),
        ("attempt", pa.int32()),
        ("time", pa.float64()),
        ("epoch", pa.float64()),
        ("split", pa.string()),
        ("loss", pa.float64()),
        ("perplexity", pa.float64()),
        ("accuracy", pa.float64()),
        ("tokens", pa.int64()),
        ("duration_s", pa.float64()),
    ]
)

# One row per sample of the machine; `step` is null before the first.
SYSTEM = pa.schema(
    [
        ("time", pa.float64()),
        ("attempt", pa.int32()),
        ("step", pa.int64()),
        ("gpu_memory_used_bytes", pa.list_(pa.int64())),
        ("gpu_memory_total_bytes", pa.list_(pa.int64())),
        ("gpu_utilization_percent", _PER_GPU),
        ("gpu_temperature_c", _PER_GPU),
        ("gpu_power_w", _PER_GPU),
        ("gpu_throttled", pa.list_(pa.bool_())),
        ("cpu_percent", pa.float32()),
        ("ram_used_bytes", _BYTES),
        ("ram_total_bytes", _BYTES),
        ("swap_used_bytes", _BYTES),
        ("swap_total_bytes", _BYTES),
        ("process_rss_bytes", _BYTES),
        ("disk_free_bytes", _BYTES),
    ]
)

# One row per MoE layer and measured step; `load` are the shares of the experts, summing to 1.
EXPERTS = pa.schema(
    [
        ("step", pa.int64()),
        ("attempt", pa.int32()),
        ("time", pa.float64()),
        ("layer", pa.int32()),
        ("load", _PER_EXPERT),
    ]
)

TABLES: dict[str, pa.Schema] = {
    "train": TRAIN,
    "validation": VALIDATION,
    "system": SYSTEM,
    "experts": EXPERTS,
}
