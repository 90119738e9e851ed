"""Which experts the router chose, and how well they did: hooks on the routers."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from gladius_widgets.training.data.batches import IGNORED, Batch


class RouterWatch:
    """Collects routing of one step from every router of a model.

    A router's forward gives (logits, gate weights, expert ids); Qwen2/3-MoE, Mixtral and OLMoE
    do so in transformers 5. It listens only inside `listening`, so the second forward of
    gradient checkpointing is not counted.

    Attributes:
        layers: routers found, in order.
        experts: experts a router.
    """

    def __init__(self, model: torch.nn.Module, device: torch.device) -> None:
        routers = [m for m in model.modules() if type(m).__name__.endswith("TopKRouter")]
        self.layers = len(routers)
        self.experts = int(getattr(routers[0], "num_experts", 0)) if routers else 0
        self._calls: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}
        self._listening = False
        self._sums = torch.zeros(self.layers + 2, self.experts, dtype=torch.float64, device=device)
        for layer, router in enumerate(routers):
            router.register_forward_hook(self._hook(layer))

    def __bool__(self) -> bool:
        return self.experts > 0

    def _hook(self, layer: int) -> Any:
        def remember(_module: Any, _inputs: Any, output: Any) -> None:
            if self._listening:
                self._calls[layer] = (output[1].detach(), output[2].detach())

        return remember

    @contextmanager
    def listening(self, on: bool) -> Iterator[None]:
        """Around a forward pass: remember its routing if `on`."""
        self._calls.clear()
        self._listening = on and self.experts > 0
        try:
            yield
        finally:
            self._listening = False

    def add(self, batch: Batch, token_losses: torch.Tensor) -> None:
        """Count the routing just heard.

        Args:
            batch: the micro-batch that went through.
            token_losses: (samples, length - 1), loss of predicting token t + 1 at position t.
        """
        layers = sorted(self._calls)
        gates = torch.stack([self._calls[layer][0] for layer in layers]).double()
        ids = torch.stack([self._calls[layer][1] for layer in layers])
        self._calls.clear()
        real = batch.attention_mask.reshape(-1, 1).double().expand_as(gates)
        losses = torch.zeros(batch.labels.shape, dtype=torch.float64, device=ids.device)
        losses[:, :-1] = token_losses.detach()
        counted = torch.zeros_like(losses)
        counted[:, :-1] = batch.labels[:, 1:] != IGNORED
        gates = gates * counted.reshape(-1, 1)
        weighted = gates * losses.reshape(-1, 1)
        # One pass over all layers: each has its own row of counters.
        rows = torch.tensor(layers, device=ids.device).reshape(-1, 1, 1) * self.experts
        self._sums.view(-1).scatter_add_(0, (ids + rows).reshape(-1), real.reshape(-1))
        self._sums[-2].scatter_add_(0, ids.reshape(-1), gates.reshape(-1))
        self._sums[-1].scatter_add_(0, ids.reshape(-1), weighted.reshape(-1))

    def take(self) -> list[float]:
        """The step's sums, flat, to be added over ranks; starts the next step."""
        flat = self._sums.reshape(-1).tolist()
        self._sums.zero_()
        return flat

    def figures(self, flat: list[float]) -> "ExpertFigures":
        """What `take`, summed over ranks, says."""
        rows = [flat[i : i + self.experts] for i in range(0, len(flat), self.experts)]
        return ExpertFigures(rows[:-2], rows[-2], rows[-1])


class ExpertFigures:
    """Routing of one step or of several.

    Args:
        counts: (layers, experts) assignments of real tokens.
        gates: gate weight on each expert, over supervised tokens.
        weighted_losses: the same, each times its token's loss.
    """

    def __init__(
        self, counts: list[list[float]], gates: list[float], weighted_losses: list[float]
    ) -> None:
        self.counts = counts
        self.gates = gates
        self.weighted_losses = weighted_losses

    def __add__(self, other: "ExpertFigures") -> "ExpertFigures":
        return ExpertFigures(
            [_added(a, b) for a, b in zip(self.counts, other.counts, strict=True)],
            _added(self.gates, other.gates),
            _added(self.weighted_losses, other.weighted_losses),
        )

    @property
    def load(self) -> list[float]:
        """Share of assignments that go to each expert, over layers; sums to 1."""
        return shares([sum(column) for column in zip(*self.counts, strict=True)])

    @property
    def layer_loads(self) -> list[list[float]]:
        """The same for each layer."""
        return [shares(row) for row in self.counts]

    @property
    def loss(self) -> list[float | None]:
        """Gate-weighted mean of the token losses routed to each expert; None without any."""
        pairs = zip(self.weighted_losses, self.gates, strict=True)
        return [loss / gate if gate > 0 else None for loss, gate in pairs]


def shares(counts: list[float]) -> list[float]:
    """Counts as shares of their sum; zeros when there is none."""
    total = sum(counts)
    return [count / total if total else 0.0 for count in counts]


def coverage(load: list[float]) -> list[float]:
    """min(1, f_e · E): 1 means an expert has at least its even share."""
    return [min(1.0, share * len(load)) for share in load]


def imbalance(load: list[float]) -> float:
    """Standard deviation of coverage over experts."""
    values = coverage(load)
    mean = sum(values) / len(values)
    return (sum((value - mean) ** 2 for value in values) / len(values)) ** 0.5


def _added(a: list[float], b: list[float]) -> list[float]:
    return [x + y for x, y in zip(a, b, strict=True)]
