"""The lines of the training log, as the console spec has them."""

from collections.abc import Sequence

_BAR_CELLS = 56
_GIB = 2**30


def step_line(epoch: int, batch: int, loss: float, expert_loss: Sequence[float | None]) -> str:
    """A step: `Epoch 47 | Batch 8450 | Loss: 0.0234 | Expert-0: 0.021 | …`."""
    parts = [f"Epoch {epoch}", f"Batch {batch}", f"Loss: {loss:.4f}"]
    parts += [f"Expert-{i}: {x:.3f}" for i, x in enumerate(expert_loss) if x is not None]
    return " | ".join(parts)


def machine_line(
    tokens_per_s: float, memory: tuple[int, int] | None, temperatures_c: Sequence[float]
) -> str:
    """The machine: `Throughput: 2,847 tokens/sec | Memory: 142.3/160.0GiB | Temp: 67°C/73°C`.

    `memory` is used and total bytes. What is not known shows as a dash.
    """
    used = f"{memory[0] / _GIB:.1f}/{memory[1] / _GIB:.1f}GiB" if memory else "–"
    temperature = "/".join(f"{t:.0f}°C" for t in temperatures_c) or "–"
    return f"Throughput: {tokens_per_s:,.0f} tokens/sec | Memory: {used} | Temp: {temperature}"


def progress_line(done: int, total: int) -> str:
    """Progress over the run: `▓▓▓░░░ 70.4% complete`."""
    share = min(1.0, done / total) if total else 0.0
    full = round(share * _BAR_CELLS)
    return "▓" * full + "░" * (_BAR_CELLS - full) + f" {share:.1%} complete"


def routing_line(load: Sequence[float]) -> str:
    """Shares: `Expert routing distribution: E0:14% E1:13% …`."""
    return "Expert routing distribution: " + " ".join(
        f"E{i}:{share:.0%}" for i, share in enumerate(load)
    )


def learning_rate_line(learning_rate: float, schedule: str) -> str:
    """Now: `Learning rate: 1.2e-5 (cosine schedule)`."""
    return f"Learning rate: {short_float(learning_rate)} ({schedule} schedule)"


def count_word(number: float) -> str:
    """A count in words: 1234567 → 1.2M."""
    for size, unit in ((1e9, "B"), (1e6, "M"), (1e3, "K")):
        if number >= size:
            return f"{number / size:.1f}{unit}"
    return str(int(number))


def short_float(value: float) -> str:
    """1.2e-05 → 1.2e-5; 0.01 stays."""
    text = f"{value:.3g}"
    return text.replace("e-0", "e-").replace("e+0", "e+")
