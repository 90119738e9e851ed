"""What the model writes after given prompts: a look at a validation that no figure gives."""

import time
from typing import Any

import orjson
import torch
from transformers import (
    GenerationConfig,
    PreTrainedTokenizerBase,
    StoppingCriteria,
    StoppingCriteriaList,
)

from gladius_widgets.training.chat.template import ChatTemplate
from gladius_widgets.training.output.faults import free_memory, out_of_memory_message
from gladius_widgets.training.rows.rows import BadRowError, Row
from gladius_widgets.training.session.session import Session

# All prompts of one validation together; other ranks wait meanwhile.
LONGEST_S = 10.0
_MAX_PAYLOAD_BYTES = 24 * 1024  # an event holds 32 KiB
_PROMPT_CHARS = 500


class Samples:
    """Generates greedily on rank 0: no random state, no routing figure, no gradient changes.

    Sharded models are left out, as a forward pass of theirs needs all ranks.
    """

    def __init__(self, session: Session) -> None:
        self._s = session
        training, parallel = session.config.training, session.parallel
        self._prompts = training.sample_prompts if session.ranks.is_main else []
        if self._prompts and (parallel.shards or not hasattr(parallel.model, "generate")):
            self._prompts = []
            session.recorder.tell("WARN", f"{parallel.name} training generates no samples.")

    def write(self) -> None:
        """Generate after every prompt, and keep the texts as an event."""
        if not self._prompts:
            return
        s, model = self._s, self._s.parallel.model
        was_training = model.training
        model.eval()
        try:
            with torch.no_grad(), torch.random.fork_rng(), s.accelerator.autocast():
                made = self._generate(time.monotonic() + LONGEST_S)
        except (RuntimeError, MemoryError, BadRowError) as error:
            is_refused = isinstance(error, BadRowError)
            message = str(error) if is_refused else out_of_memory_message(error)
            s.recorder.tell("WARN", f"No samples at step {s.state.step}: {message}")
            made = []
        finally:
            model.train(was_training)
        if not made:
            free_memory()
            return
        payload = {"kind": "samples", "step": s.state.step, "samples": made}
        count = f"{len(made)} sample{'' if len(made) == 1 else 's'}"
        s.recorder.event("metrics", f"{count} at step {s.state.step}", _fitted(payload))

    def _generate(self, deadline: float) -> list[dict[str, Any]]:
        made = []
        for number, prompt in enumerate(self._prompts):
            left_s = (deadline - time.monotonic()) / (len(self._prompts) - number)
            if left_s <= 0 or self._s.interruption.requested:
                break
            self._s.reporter.progress(f"sample {number + 1}/{len(self._prompts)}")
            made.append(self._continue(prompt, left_s))
        self._s.reporter.progress("")
        return made

    def _continue(self, prompt: str, left_s: float) -> dict[str, Any]:
        s, tokenizer = self._s, self._s.tokenizer
        wanted = s.config.training.sample_tokens
        ids = self._encoded(prompt, room=wanted)
        ends = _end_ids(s)
        output: Any = s.parallel.model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            generation_config=GenerationConfig(
                do_sample=False,
                max_new_tokens=wanted,
                max_time=left_s,
                eos_token_id=ends,
                pad_token_id=tokenizer.pad_token_id,
            ),
            stopping_criteria=StoppingCriteriaList([_Interrupted(s)]),
        )
        new = output[0, ids.shape[1] :].tolist()
        return {
            "prompt": prompt[:_PROMPT_CHARS],
            "text": tokenizer.decode(new, skip_special_tokens=True),
            "tokens": len(new),
            "is_cut": not new or new[-1] not in ends,
        }

    def _encoded(self, prompt: str, room: int) -> torch.Tensor:
        """(1, tokens): the prompt as rows of the data are put, its end where it is too long."""
        s, tokenizer = self._s, self._s.tokenizer
        ids = text_ids(tokenizer, prompt) if s.is_text else chat_ids(tokenizer, prompt)
        most = getattr(s.parallel.model.config, "max_position_embeddings", None) or len(ids) + room
        kept = ids[-max(1, most - room) :]
        return torch.tensor([kept], device=s.accelerator.device)


def chat_ids(tokenizer: PreTrainedTokenizerBase, prompt: str) -> list[int]:
    """A prompt as a user's turn, as the chat template puts it before an answer."""
    template = ChatTemplate(tokenizer)
    row = Row(messages=({"role": "user", "content": prompt},))
    text = template.render(row, template.prepared(row), prompt=True)
    return tokenizer.encode(text, add_special_tokens=False)


def text_ids(tokenizer: PreTrainedTokenizerBase, prompt: str) -> list[int]:
    """A prompt as the beginning of a text: as the tokenizer begins one, without its end."""
    ids = tokenizer.encode(prompt)
    return ids[:-1] if len(ids) > 1 and ids[-1] == tokenizer.eos_token_id else ids


def _end_ids(session: Session) -> list[int]:
    """The tokens that end a generation: those that are taught as ends, and the tokenizer's."""
    settings = getattr(session.parallel.model, "generation_config", None)
    ends: Any = getattr(settings, "eos_token_id", None) or session.tokenizer.eos_token_id
    return ends if isinstance(ends, list) else [] if ends is None else [ends]


class _Interrupted(StoppingCriteria):
    """Ends a generation when the machine is being taken away."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def __call__(self, input_ids: torch.Tensor, scores: Any, **_more: Any) -> Any:
        ends = self._session.interruption.requested
        return torch.full((input_ids.shape[0],), ends, device=input_ids.device)


def _fitted(payload: dict[str, Any]) -> dict[str, Any]:
    """The payload with its longest texts cut until an event can hold it."""
    while len(orjson.dumps(payload, default=str)) > _MAX_PAYLOAD_BYTES:
        longest = max(payload["samples"], key=lambda sample: len(sample["text"]))
        longest |= {"text": longest["text"][: len(longest["text"]) // 2], "is_cut": True}
    return payload
