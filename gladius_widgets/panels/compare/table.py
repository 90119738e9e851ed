"""CompareTable: final figures and cost of several jobs, sortable."""

import time
from collections.abc import Callable, Sequence
from typing import Any

from gladius_widgets.components import Element, Node, h, icon, location, toasts
from gladius_widgets.core.text.durations import DURATION
from gladius_widgets.panels.compare import table_model as model
from gladius_widgets.panels.compare.chart import Compared, swatch
from gladius_widgets.panels.controls.panel import state_badge
from gladius_widgets.panels.live import topics as reading
from gladius_widgets.panels.live.pace import Part, Sent
from gladius_widgets.panels.text import format as fmt
from gladius_widgets.panels.text.badges import job_badge
from gladius_widgets.panels.text.links import job_url

# field, label, what it means
COLUMNS = (
    ("name", "Job", ""),
    ("status", "Status", ""),
    ("step", "Steps", "Optimizer steps done"),
    ("final_loss", "Final val loss", "Loss of the newest validation"),
    ("best_loss", "Best val loss", "The lowest validation loss of the run"),
    ("perplexity", "Perplexity", "e to the power of the loss of the newest validation"),
    ("accuracy", "Accuracy", "Next-token accuracy of the newest validation"),
    ("tokens_per_s", "Mean tokens/s", "All tokens over the active time of the run"),
    ("duration_s", DURATION.label, DURATION.help),
    ("cost", "Cost", "Time on a machine × price"),
    ("cost_per_million", "Cost / 1M tokens", "Cost per million tokens trained on"),
)
_TEXT = ("name", "status")


class CompareTable(Element):
    """One row a job; a press on a column sorts by it.

    Args:
        jobs: what to list.
        remove: called with the id of a job that is to go.
        open_job: called with the id of a job whose name is pressed.
    """

    def __init__(
        self,
        jobs: Sequence[Compared],
        *,
        remove: Callable[[str], object] | None = None,
        open_job: Callable[[str], object] | None = None,
    ) -> None:
        super().__init__()
        toasts()
        self._jobs = {job.id: job for job in jobs}
        self._remove, self._open = remove, open_job
        self._sort, self._descending = "", False
        self.on("sort", lambda payload: self._sort_by(str(payload["data"]["by"])))
        self.on("export", lambda _payload: self._export())
        self.on("remove", lambda payload: self._remove and self._remove(str(payload["key"])))
        self.on("open", lambda payload: self._go(str(payload["key"])))
        self._paint()
        topics = frozenset({reading.STATE, reading.TRAIN, reading.VALIDATION})
        self._undo = [job.feed.show([Part(self._paint, topics, 2.0)]) for job in jobs]

    def end(self) -> None:
        """Stop listening."""
        for undo in self._undo:
            undo()
        self._undo = []

    def rows(self) -> list[model.Figures]:
        """The figures, in the order shown."""
        now = time.time()
        found = [model.figures(j.feed.job, j.feed.history, now) for j in self._jobs.values()]
        return model.in_order(found, self._sort, self._descending)

    def _sort_by(self, name: str) -> None:
        """Up, down, and back to the order of the address."""
        if name != self._sort:
            self._sort, self._descending = name, False
        elif not self._descending:
            self._descending = True
        else:
            self._sort, self._descending = "", False
        self._paint()

    def _export(self) -> None:
        name = f"comparison-{time.strftime('%Y-%m-%d')}.csv"
        location().download(name, model.to_csv(self.rows()), "text/csv")
        toasts().show("Comparison exported", name, "green", icon="download")

    def _go(self, job_id: str) -> None:
        if self._open is not None:
            self._open(job_id)
        else:
            location().navigate(job_url(job_id))

    def _paint(self) -> Sent:
        rows = self.rows()
        tree = self._tree(rows)
        if tree == self.tree:
            return Sent()
        self.tree = tree
        return Sent(1, 1000 * len(rows))

    def _tree(self, rows: Sequence[model.Figures]) -> Node:
        best = {name: model.best(rows, name) for name in ("final_loss", "best_loss")}
        why_not = model.why_not_comparable(rows)
        note = h(
            "p", {"class": "gw-banner gw-tone-yellow", "role": "note"}, icon("warn"),
            h("span", None, f"No best is marked: these jobs were {why_not}, so their validation "
              "losses, perplexities and accuracies cannot be compared."),
        ) if why_not else None  # fmt: skip
        head = [self._column(*column) for column in COLUMNS]
        title = "Download the figures as CSV"
        export = {"type": "button", "class": "gw-btn gw-btn--sm", "title": title}
        return h(
            "section",
            {"class": "gw-card", "aria-label": "Figures and cost"},
            h(
                "div",
                {"class": "gw-card__h gw-cmp__tools"},
                h("h2", {"class": "gw-card__t"}, "Figures and Cost"),
                h("span", {"class": "gw-spacer"}),
                h("button", export, icon("download", 14), "Export CSV", on={"click": "export"}),
            ),
            note,
            h(
                "div",
                {"class": "gw-cmp__wrap", "tabindex": 0, "role": "group",
                 "aria-label": "Figures, scrollable"},
                h(
                    "table",
                    {"class": "gw-table gw-cmp__table", "aria-label": "Figures and cost"},
                    h("thead", None, h("tr", None, head, _unseen_head("Remove"))),
                    h("tbody", None, [self._row(row, best) for row in rows]),
                ),
            ),
        )  # fmt: skip

    def _column(self, name: str, label: str, hint: str) -> Node:
        chosen = name == self._sort
        arrow = "arr-d" if chosen and self._descending else "arr-u"
        direction = "descending" if self._descending else "ascending"
        classes = "gw-cmp__key" if name == "name" else "" if name in _TEXT else "gw-num"
        attrs = {
            "scope": "col",
            "class": classes or None,
            "aria-sort": direction if chosen else None,
        }
        words = f"{hint}. Sort by it" if hint else f"Sort by {label}"
        button = {"type": "button", "class": "gw-sort", "data-by": name, "title": words}
        return h("th", attrs, h("button", button, label, icon(arrow, 12), on={"click": "sort"}))

    def _row(self, row: model.Figures, best: dict[str, frozenset[str]]) -> Node:
        job = self._jobs[row.id]
        link = {"class": "gw-jobname gw-ellipsis", "href": job_url(row.id), "title": row.name}
        share = row.step / row.total_steps if row.total_steps else None
        cells = [
            (f"{row.step:,}" + (f" / {row.total_steps:,}" if row.total_steps else ""), ""),
            (fmt.loss(row.final_loss), "final_loss"),
            (fmt.loss(row.best_loss), "best_loss"),
            (fmt.perplexity(row.perplexity), ""),
            (fmt.percent(row.accuracy), ""),
            (fmt.count(row.tokens_per_s), ""),
            (fmt.duration(row.duration_s), ""),
            (fmt.money(row.cost, row.currency), ""),
            (fmt.money(row.cost_per_million, row.currency), ""),
        ]
        return h(
            "tr",
            None,
            h(
                "th",
                {"scope": "row", "class": "gw-cmp__key"},
                h(
                    "span",
                    {"class": "gw-cmp__name"},
                    swatch(job.color),
                    h("a", link, job.label, on={"click": "open"}),
                ),
            ),
            h("td", None, state_badge(job_badge(row.status, share))),
            [_figure(text, row.id in best.get(name, ())) for text, name in cells],
            h("td", {"class": "gw-num"}, self._remove_button(row)),
            key=row.id,
        )

    def _remove_button(self, row: model.Figures) -> Node | None:
        if self._remove is None:
            return None
        attrs = {
            "type": "button",
            "class": "gw-btn gw-btn--sm gw-btn--icon gw-btn--ghost",
            "aria-label": f"Remove {self._jobs[row.id].label} from the comparison",
            "title": "Remove from the comparison",
        }
        return h("button", attrs, icon("x", 14), on={"click": "remove"})

    def __repr__(self) -> str:
        return f"CompareTable({', '.join(self._jobs)})"


def _figure(text: str, is_best: bool) -> Node:
    badge = h("span", {"class": "gw-badge gw-badge--square gw-tone-green gw-badge--plain"}, "Best")
    attrs: dict[str, Any] = {"class": "gw-num gw-cmp__best" if is_best else "gw-num"}
    return h("td", attrs, [badge, " "] if is_best else None, text)


def _unseen_head(words: str) -> Node:
    return h("th", {"scope": "col"}, h("span", {"class": "gw-sr"}, words))
