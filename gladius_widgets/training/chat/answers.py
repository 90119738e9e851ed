"""A conversation as texts to train on, and where in them its answers are.

What a model is asked is the rendering of the turns before the answer; what it writes back is the
rest of the rendering in which that answer is the last turn, with the token that ends the turn. A
text holds several answers where all of them stand in it exactly so. Templates that rewrite earlier
turns (most drop their thinking) give a text for each answer.
"""

import re
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

from gladius_widgets.training.chat.template import ChatTemplate, Messages, Span
from gladius_widgets.training.rows.rows import BadRowError, Row, is_said

_FEW = 3  # so many answers are rendered one by one; more are found by the pattern of their turns
_THINKING = re.compile("think|channel", re.IGNORECASE)
Room = Callable[[str], int]  # how many characters of a text fit into a sample
_OPEN_THOUGHT = re.compile(r"<think>(\s*</think>)?\s*$")
_THOUGHT_END = "\n</think>\n\n"


@dataclass(frozen=True)
class Rendering:
    """A text to train on; `answers` are the character spans of what the model writes in it.

    `unlearnt` are spans without loss; None leaves the loss to the answers alone.
    """

    text: str
    answers: list[Span]
    unlearnt: list[Span] | None = None


def render_answers(template: ChatTemplate, row: Row, room: Room) -> list[Rendering]:
    """The texts of a row in which its answers are learnt, in the order of their answers.

    Where each answer has a text of its own, those that do not fit into `room` are left out.

    Raises:
        BadRowError: the template refuses the row, or it has no answer.
    """
    talk = _Talk(template, row)
    if not talk.learnt:
        raise BadRowError("no answer to learn from")
    last = talk.learnt[-1]
    text = talk.whole() if template.is_tagged else talk.answered(last)
    talk.check_told(text, len(talk.messages) if template.is_tagged else last)
    return _tagged(talk) if template.is_tagged else _grouped(talk, room)


def render_whole(template: ChatTemplate, row: Row) -> Rendering:
    """The text of a row with a loss on all of it, but for the turns that give none.

    Raises:
        BadRowError: the template refuses the row.
    """
    talk = _Talk(template, row)
    text = talk.whole()
    talk.check_told(text, len(talk.messages))
    if talk.messages[-1]["role"] == "assistant":
        text += talk.closing(text, len(talk.messages) - 1)
    spans = talk.roughly(text)
    answers = [span for i, span in spans.items() if i in talk.learnt]
    return Rendering(text, answers, [span for i, span in spans.items() if i in row.unlearnt])


def _tagged(talk: "_Talk") -> list[Rendering]:
    """As the template's own marks say."""
    template, row, messages = talk.template, talk.row, talk.messages
    text, spans = template.render_tagged(row, messages)
    answers = [i for i, message in enumerate(messages) if message["role"] == "assistant"]
    if len(answers) == len(talk.learnt):
        return [Rendering(text, spans)]
    if len(answers) == len(spans):
        learnt = [span for i, span in zip(answers, spans, strict=True) if i in talk.learnt]
        return [Rendering(text, learnt)]
    return [_tagged_alone(talk, i) for i in talk.learnt]


def _tagged_alone(talk: "_Talk", i: int) -> Rendering:
    """The i-th answer as the last turn; marks that touch those of an answer before it are cut."""
    text, spans = talk.template.render_tagged(talk.row, talk.messages[: i + 1])
    if spans and i and talk.messages[i - 1]["role"] == "assistant":
        start, end = spans[-1]
        spans[-1] = (max(start, talk.start(i)), end)
    return Rendering(text, spans[-1:])


def _grouped(talk: "_Talk", room: Room) -> list[Rendering]:
    """The last answer's text with all answers that it shows as they were; so on with the rest."""
    template, rest = talk.template, list(talk.learnt)
    made: list[Rendering] = []
    while rest:
        last = rest.pop()
        text, span = talk.alone(last)
        found = talk.by_pattern(text, rest, last) if len(rest) > _FEW else {}
        rest = [i for i in rest if i not in found]
        if len(rest) > _FEW and not made:
            most = room(text)
            most += len(template.generation_prompt)  # a prompt may end with a thought's beginning
            rest = rest[: bisect_right(rest, most, key=lambda i: len(talk.prompt(i)))]
        found |= talk.exactly(text, rest)
        rest = [i for i in rest if i not in found]
        made.append(Rendering(text, [*(found[i] for i in sorted(found)), span]))
    return made[::-1]


@dataclass
class _Pattern:
    """How the answers of one conversation stand in its rendering, learnt from one of them."""

    before: str  # between the text of the turn before and the span
    head: str  # between the span's start and the answer's text
    tail: str  # between the answer's text and the span's end

    def begins_as(self, other: "_Pattern") -> bool:
        """Whether it is the other; the last turn of a text may end with more."""
        same = (self.before, self.head) == (other.before, other.head)
        return same and self.tail.startswith(other.tail)


@dataclass
class _Talk:
    """A row, and its renderings as far as they were needed."""

    template: ChatTemplate
    row: Row
    _prompts: dict[int, str] = field(default_factory=dict)
    _answered: dict[int, str] = field(default_factory=dict)

    @cached_property
    def messages(self) -> Messages:
        """The messages for the template."""
        return self.template.prepared(self.row)

    @cached_property
    def learnt(self) -> list[int]:
        """The numbers of the answers to learn."""
        return [
            i
            for i, message in enumerate(self.row.messages)
            if message["role"] == "assistant" and is_said(message) and i not in self.row.unlearnt
        ]

    def whole(self) -> str:
        """The rendering of all turns."""
        return self.answered(len(self.messages) - 1)

    def check_told(self, text: str, count: int) -> None:
        """Raise BadRowError where a rendering leaves out what is told to the model.

        It has the first `count` turns, and perhaps an answer to them.
        """
        at = 0
        for i, message in enumerate(self.row.messages[:count]):
            said = message["content"].strip()
            place = text.find(said, at)
            at = max(at, place)
            if message["role"] == "assistant" or place >= 0 or said in text:
                continue
            if not self._is_told(i, count):
                raise BadRowError(
                    f"the chat template drops a turn of the role {message['role']} where it "
                    f"stands; choose another model or model.chat_template, or leave the turn out"
                )

    def _is_told(self, i: int, count: int) -> bool:
        """Whether other words in the place of a turn's are in the rendering, however written."""
        messages = self.messages[: count + 1]
        messages[i] = messages[i] | self.template.other_words
        return self.template.shows_other_words(self.template.render(self.row, messages))

    # One answer

    def answered(self, i: int) -> str:
        """The rendering that the i-th turn ends."""
        if i not in self._answered:
            self._answered[i] = self.template.render(self.row, self.messages[: i + 1])
        return self._answered[i]

    def prompt(self, i: int) -> str:
        """What the model is given to write the i-th turn, as far as it can be told."""
        if i not in self._prompts:
            try:
                before = self.messages[:i]
                text = self.template.render(self.row, before, prompt=True) if before else ""
            except BadRowError:  # some templates want a question
                text = ""
            self._prompts[i] = text or self._opening(i)
        return self._prompts[i]

    def _opening(self, i: int) -> str:
        """The prompt of an answer that nothing asked for, told from another conversation's."""
        mark, text = self.template.generation_prompt, self.answered(i)
        before = text[: max(0, self._content_at(i))]
        return before[: before.rindex(mark) + len(mark)] if mark and mark in before else ""

    def _content_at(self, i: int) -> int:
        return self.answered(i).rfind(self.row.messages[i]["content"].strip())

    def alone(self, i: int) -> tuple[str, Span]:
        """The rendering that the i-th answer ends, and its span."""
        text, start = self.answered(i), self.start(i)
        thought = self.messages[i].get("reasoning_content")
        if thought and self.template.drops_thinking:
            prompt = self.prompt(i)
            text = f"{prompt}{thought.strip()}{_THOUGHT_END}{text[start:]}"
            start = len(prompt)
        text += self.closing(text, i)
        return text, (start, len(text.rstrip(" ")))

    def start(self, i: int) -> int:
        prompt, text = self.prompt(i), self.answered(i)
        if prompt and text.startswith(prompt):
            return len(prompt)
        # The prompt opens a thought in another way than the answer has it: learn the answer's.
        thinking = _OPEN_THOUGHT.search(prompt)
        if thinking and text.startswith(prompt[: thinking.start()]):
            return thinking.start()
        return self._start_by_mark(i)

    def _start_by_mark(self, i: int) -> int:
        """The start of an answer before which the turns stand otherwise than where they end.

        It is behind the last mark of an answer before the words that are its own.
        """
        text, messages = self.answered(i), self.messages[:i]
        own = {key: each for key, each in self.messages[i].items() if key != "reasoning_content"}
        try:
            other = self.template.render(self.row, [*messages, own | self.template.other_words])
            before = self.template.render(self.row, messages) if i else ""
        except BadRowError:
            return max(0, self._content_at(i))
        mark = _OPEN_THOUGHT.sub("", self.template.generation_prompt)
        place = text.rfind(mark, 0, _same(other, text)) if mark else -1
        if place >= 0:
            return place + len(mark)
        return _same(before, text) if before else max(0, self._content_at(i))

    def closing(self, text: str, i: int) -> str:
        """What the rendering of the i-th answer lacks to teach its end."""
        template = self.template
        if template.closes_turns and template.ends_special(text):
            return ""
        return self._next_opening(i) or template.end_of_text

    def _next_opening(self, i: int) -> str:
        following = "tool" if self.messages[i].get("tool_calls") else "user"
        if i + 1 < len(self.messages):
            following = self.messages[i + 1]["role"]
        return "" if self.template.closes_turns else self.template.next_turn(following)

    # Several answers in one text

    def exactly(self, text: str, rest: list[int]) -> dict[int, Span]:
        """Which answers stand in `text` as they were learnt alone, each rendered, and where."""
        spans = {i: self._span_in(text, i) for i in rest}
        return {i: span for i, span in spans.items() if span is not None}

    def _span_in(self, text: str, i: int) -> Span | None:
        if self.template.drops_thinking and "reasoning_content" in self.messages[i]:
            return None
        answered, start = self.answered(i), self.start(i)
        while not text.startswith(answered):  # the last turn of a rendering may end with more
            answered = self.template.without_last_special(answered)
        end = len(answered.rstrip(" "))  # a blank would take the next turn's first token along
        if end <= start:
            return None
        opening = self._next_opening(i)
        if opening:
            return (start, end + len(opening)) if text.startswith(opening, end) else None
        said = self.row.messages[i]["content"].strip()  # may end with a special token itself
        behind = answered[start:].partition(said)[2] if said else answered[start:]
        return (start, end) if self.template.ends_special(behind) else None

    def by_pattern(self, text: str, rest: list[int], last: int) -> dict[int, Span]:
        """The answers whose turns are written as the first and the last one are, and where.

        The two are rendered alone. Those between them are not, as rendering each costs as much
        as all turns before it; whatever is special about one of them leaves it to be rendered.
        """
        first = rest[0]
        span = self._span_in(text, first)
        pattern = span and self._pattern(text, first, span)
        at_end = self._pattern(text, last, self.alone(last)[1])
        if span is None or not pattern or at_end is None or not at_end.begins_as(pattern):
            return {}
        return {first: span} | self._alike(text, pattern, first, last)

    def _alike(self, text: str, pattern: _Pattern, first: int, last: int) -> dict[int, Span]:
        """The plain answers between two that stand in `text` as the pattern says.

        Each turn is looked for behind the one before, so that of equal turns each finds its own.
        """
        asker, learnt = self.messages[first - 1]["role"], set(self.learnt)
        found: dict[int, Span] = {}
        at, asked = 0, -1  # behind the turns so far; behind the turn before, -1 if it is not found
        for i, message in enumerate(self.row.messages[:last]):
            said = message["content"].strip()
            start = asked + len(pattern.before)
            whole = pattern.head + said + pattern.tail
            plain = i > first and i in learnt and self._is_plain(i, asker)
            if plain and asked >= 0 and text.startswith(pattern.before + whole, asked):
                found[i] = (start, start + len(whole))
                at = start + len(pattern.head)
            place = text.find(said, at) if said else -1
            asked = place + len(said) if place >= 0 else -1
            at = max(at, asked)
        return found

    def _is_plain(self, i: int, asker: str) -> bool:
        message = self.row.messages[i]
        plain = message.keys() == {"role", "content"} and not _THINKING.search(message["content"])
        return plain and self.row.messages[i - 1]["role"] == asker

    def _pattern(self, text: str, i: int, span: Span) -> _Pattern | None:
        asked = self.row.messages[i - 1]["content"].strip() if i else ""
        said = self.row.messages[i]["content"].strip()
        before, here = text[: span[0]], text[span[0] : span[1]]
        if not asked or asked not in before or said not in here:
            return None
        head, _, tail = here.partition(said)
        return _Pattern(before.rpartition(asked)[2], head, tail)

    # All of a text

    def roughly(self, text: str) -> dict[int, Span]:
        """Where each answer's words stand in a whole rendering, with the token behind them."""
        spans: dict[int, Span] = {}
        at = 0
        for i, message in enumerate(self.row.messages):
            said = message["content"].strip()
            place = text.find(said, at) if said else -1
            if place < 0:  # perhaps its thought is left out
                said = said.rpartition("</think>")[2].strip()
                place = text.find(said, at) if said else -1
            if place < 0:
                continue
            at = place + len(said)
            if message["role"] == "assistant":
                spans[i] = (place, self.template.end_after(text, at))
        return spans


def _same(one: str, other: str) -> int:
    """How many characters two texts begin with alike; by halves, as they may be long."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one.startswith(other[low:middle], low):
            low = middle
        else:
            high = middle - 1
    return low
