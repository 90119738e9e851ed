"""A tokenizer's chat template: what it renders, and what it knows of tools and reasoning.

Templates differ in what they drop without a word, so each is asked once with marked words.
"""

import json
import re
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from jinja2 import TemplateError
from transformers.utils.chat_template_utils import render_jinja_template

from gladius_widgets.training.rows.rows import BadRowError, Row

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Span = tuple[int, int]
Messages = list[dict[str, Any]]

_QUESTION, _ANSWER, _TOOL = "qzquestionzq", "qzanswerzq", "qztoolzq"
_OTHER_TOOL = "qzothertoolzq"
_KEY, _VALUE, _RESULT, _THOUGHT = "qzkeyzq", "qzvaluezq", "qzresultzq", "qzthoughtzq"
_TAG = re.compile(r"\{%-?\s*generation\s*-?%\}")
_THINK, _THOUGHT_END = "<think>", "</think>"
_OTHER = "choose another model or model.chat_template, or leave them out"


class ChatTemplate:
    """Renders conversations as `tokenizer.apply_chat_template` does."""

    def __init__(self, tokenizer: "PreTrainedTokenizerBase") -> None:
        self._tokenizer = tokenizer
        self.specials = _special_texts(tokenizer)

    # Rendering

    def render(self, row: Row, messages: Messages, *, prompt: bool = False) -> str:
        """The text of messages (of `prepared`), with what asks for an answer where `prompt`.

        Raises:
            BadRowError: the template refuses them.
        """
        return self._render(row, messages, add_generation_prompt=prompt)[0]

    def render_tagged(self, row: Row, messages: Messages) -> tuple[str, list[Span]]:
        """The text, and the character spans that `{% generation %}` marks; touching ones as one.

        Raises:
            BadRowError: the template refuses the messages.
        """
        text, found = self._render(row, messages, return_assistant_tokens_mask=True)
        spans: list[Span] = []
        for start, end in found:
            if spans and spans[-1][1] == start:
                spans[-1] = (spans[-1][0], end)
            elif end > start:
                spans.append((start, end))
        return text, spans

    def _render(self, row: Row, messages: Messages, **how: bool) -> tuple[str, list[Span]]:
        tools = list(row.tools) or None
        render: Any = render_jinja_template  # its stubs know neither the spans nor the variables
        try:
            texts, spans = render(
                [messages],
                tools=tools,
                chat_template=self._tokenizer.get_chat_template(tools=tools),
                **how,
                **(self._tokenizer.special_tokens_map | row.template_options),
            )
        except (TemplateError, TypeError, ValueError, KeyError, AttributeError) as error:
            raise BadRowError(f"the chat template refuses it: {error}") from None
        return str(texts[0]), list(spans[0]) if spans else []

    # What a row becomes

    def prepared(self, row: Row) -> Messages:
        """The row's messages in the form that this template reads.

        Raises:
            BadRowError: the row has tools, calls, results or reasoning that it would drop.
        """
        self._check_tools(row)
        return [self._message(message) for message in row.messages]

    def _check_tools(self, row: Row) -> None:
        if row.tools and not self._knows_tools:
            raise BadRowError(f"the chat template knows no tools: it drops them; {_OTHER}")
        calls = [message for message in row.messages if message.get("tool_calls")]
        if calls and not self._call_form:
            raise BadRowError(f"the chat template knows no tools: it drops tool_calls; {_OTHER}")
        if not self._knows_calls and any(len(each["tool_calls"]) > 1 for each in calls):
            raise BadRowError(
                "the chat template writes one call of a tool in a turn, and drops the others; "
                f"{_OTHER}"
            )
        if not self._tells_calls and any(each["content"].strip() for each in calls):
            raise BadRowError(
                f"the chat template drops the text of turns that call tools; {_OTHER}"
            )
        if any(message["role"] == "tool" for message in row.messages) and not self._knows_results:
            raise BadRowError(
                f"the chat template knows no tools: it drops the turns of tools; {_OTHER}"
            )

    def _message(self, message: dict[str, Any]) -> dict[str, Any]:
        made = dict(message)
        if made["role"] == "developer" and "developer" not in self._source:
            made["role"] = "system"
        if self.drops_thinking and made["role"] == "assistant":
            made |= _split_thinking(made)
        if "reasoning_content" in made and not (self._knows_reasoning or self.drops_thinking):
            raise BadRowError(
                "the chat template has no place for reasoning_content; put it into the content, "
                f"{_OTHER.replace('them', 'it')}"
            )
        if "tool_calls" in made and self._call_form == "text":
            made["tool_calls"] = [_with_text_arguments(call) for call in made["tool_calls"]]
        if self._wants_parts:
            made["content"] = [{"type": "text", "text": made["content"]}]
        return made

    # What the template knows

    @cached_property
    def is_tagged(self) -> bool:
        """Whether it marks itself what the model writes."""
        return _TAG.search(self._source) is not None

    @cached_property
    def drops_thinking(self) -> bool:
        """Whether its prompt opens a thought that its rendering of an answer leaves out.

        So do DeepSeek's: the answer after the thought alone is kept, even in the last turn.
        """
        asked = self._try([_user()], prompt=True)
        if self.is_tagged or not asked.rstrip().endswith(_THINK):
            return False
        inline = {
            "role": "assistant",
            "content": f"{_THINK}\n{_THOUGHT}\n{_THOUGHT_END}\n\n{_ANSWER}",
        }
        return _THOUGHT not in self._try([_user(), inline]) and not self._knows_reasoning

    @cached_property
    def closes_turns(self) -> bool:
        """Whether a special token ends its rendering of an answer (GLM's has none there)."""
        text = self._try([_user(), _assistant()])
        return self.ends_special(text[text.find(_ANSWER) :])

    def next_turn(self, role: str) -> str:
        """The special token that a turn of `role` begins with, if it has one."""
        if role not in self._openings:
            before = self._calling[:2] if role == "tool" else [_user(), _assistant()]
            after = self._calling[2] if role == "tool" else {"role": role, "content": _RESULT}
            answered = self._try(before)
            follow = self._try([*before, after]).removeprefix(answered) if answered else ""
            found = self._special_at(follow, len(follow) - len(follow.lstrip()))
            self._openings[role] = follow[:found]
        return self._openings[role]

    @cached_property
    def _openings(self) -> dict[str, str]:
        return {}

    @property
    def other_words(self) -> dict[str, Any]:
        """A content that is no row's."""
        return {"content": self._content(_ANSWER)}

    def shows_other_words(self, text: str) -> bool:
        """Whether they are in a rendering."""
        return _ANSWER in text.lower()

    @cached_property
    def generation_prompt(self) -> str:
        """What it adds to a question to ask for an answer."""
        return self._try([_user()], prompt=True).removeprefix(self._try([_user()]))

    @cached_property
    def _source(self) -> str:
        template = self._tokenizer.chat_template or ""
        return template if isinstance(template, str) else "\n".join(template.values())

    @cached_property
    def _wants_parts(self) -> bool:
        """Templates of models that see images read lists of parts alone."""
        if _QUESTION in self._asked(_QUESTION):
            return False
        return _QUESTION in self._asked([{"type": "text", "text": _QUESTION}])

    def _asked(self, content: Any) -> str:
        try:
            return self.render(Row(), [{"role": "user", "content": content}])
        except BadRowError:
            return ""

    @cached_property
    def _knows_tools(self) -> bool:
        argument = {_KEY: {"type": "string", "description": _KEY}}
        parameters = {"type": "object", "properties": argument}
        function = {"name": _TOOL, "description": _TOOL, "parameters": parameters}
        row = Row(tools=({"type": "function", "function": function},))
        return _TOOL in self._try([_user()], row=row)

    @cached_property
    def _call_form(self) -> str:
        """How calls hold their arguments: as an "object", as "text", or "" where it drops calls."""
        for form in ("object", "text"):
            text = self._try(_calling(form, self._content))
            if all(word in text for word in (_TOOL, _KEY, _VALUE)):
                return form
        return ""

    @cached_property
    def _knows_calls(self) -> bool:
        """Whether it writes all calls of a turn."""
        asked, calling, *_ = self._calling
        [call] = calling["tool_calls"]
        other = call | {"id": "call00002", "function": call["function"] | {"name": _OTHER_TOOL}}
        text = self._try([asked, calling | {"tool_calls": [call, other]}])
        return _TOOL in text and _OTHER_TOOL in text

    @cached_property
    def _tells_calls(self) -> bool:
        """Whether it writes the text of a turn with calls."""
        asked, calling, *_ = self._calling
        return _ANSWER in self._try([asked, calling | {"content": _ANSWER}])

    @cached_property
    def _knows_results(self) -> bool:
        return _RESULT in self._try(self._calling)

    @cached_property
    def _knows_reasoning(self) -> bool:
        return _THOUGHT in self._try([_user(), _assistant() | {"reasoning_content": _THOUGHT}])

    @property
    def _calling(self) -> Messages:
        return _calling(self._call_form or "object", self._content)

    def _content(self, text: str) -> Any:
        return [{"type": "text", "text": text}] if self._wants_parts else text

    def _try(self, messages: Messages, *, prompt: bool = False, row: Row | None = None) -> str:
        """A rendering of marked words; nothing where the template refuses them."""
        made = [
            each | {"content": self._content(each["content"])}
            if isinstance(each["content"], str)
            else each
            for each in messages
        ]
        try:
            return self.render(row or Row(), made, prompt=prompt)
        except BadRowError:
            return ""

    # Special tokens in a text

    @property
    def end_of_text(self) -> str:
        """The tokenizer's own token for an end; nothing where it has none."""
        return str(self._tokenizer.eos_token or "")

    def end_after(self, text: str, at: int) -> int:
        """The end of the special token at `at`, blanks before it aside; `at` without one."""
        blanks = len(text) - at - len(text[at:].lstrip())
        return self._special_at(text, at + blanks) or at

    def ends_special(self, text: str) -> bool:
        """Whether a text ends with a special token, blanks aside."""
        return text.rstrip().endswith(self.specials) if self.specials else False

    def without_last_special(self, text: str) -> str:
        """A text up to the special token that ends it; nothing without one."""
        text = text.rstrip()
        return next((text[: -len(each)] for each in self.specials if text.endswith(each)), "")

    def _special_at(self, text: str, start: int) -> int:
        """Where the special token at `start` ends; 0 without one."""
        return next(
            (start + len(each) for each in self.specials if text.startswith(each, start)), 0
        )


def _special_texts(tokenizer: "PreTrainedTokenizerBase") -> tuple[str, ...]:
    texts = {*_added(tokenizer), *map(str, tokenizer.all_special_tokens)}
    return tuple(sorted(filter(str.strip, texts), key=len, reverse=True))


def _added(tokenizer: "PreTrainedTokenizerBase") -> dict[str, int]:
    return cast("dict[str, int]", cast("Any", tokenizer).get_added_vocab())


def special_ids(tokenizer: "PreTrainedTokenizerBase") -> frozenset[int]:
    """The ids of tokens that are no text."""
    return frozenset(_added(tokenizer).values()) | set(tokenizer.all_special_ids)


def _user() -> dict[str, Any]:
    return {"role": "user", "content": _QUESTION}


def _assistant() -> dict[str, Any]:
    return {"role": "assistant", "content": _ANSWER}


def _calling(form: str, content: Callable[[str], Any]) -> Messages:
    call = {
        "id": "call00001",
        "type": "function",
        "function": {"name": _TOOL, "arguments": {_KEY: _VALUE}},
    }
    if form == "text":
        call = _with_text_arguments(call)
    return [
        _user(),
        {"role": "assistant", "content": content(""), "tool_calls": [call]},
        {"role": "tool", "name": _TOOL, "tool_call_id": "call00001", "content": content(_RESULT)},
        _assistant(),
    ]


def _with_text_arguments(call: dict[str, Any]) -> dict[str, Any]:
    function = call["function"]
    text = json.dumps(function["arguments"], ensure_ascii=False)
    return call | {"function": function | {"arguments": text}}


def _split_thinking(message: dict[str, Any]) -> dict[str, Any]:
    thought, mark, answer = message["content"].rpartition(_THOUGHT_END)
    if not mark:
        return {}
    thought = thought.strip().removeprefix(_THINK).strip()
    return {"content": answer.lstrip()} | ({"reasoning_content": thought} if thought else {})
