"""CompareConfig: where the configs of several jobs differ, or all of them."""

from collections.abc import Sequence

from gladius_widgets.components import Element, Node, h
from gladius_widgets.panels.compare import config_model as compare_config
from gladius_widgets.panels.compare.chart import Compared, swatch
from gladius_widgets.panels.text import format as fmt

_KEY_PX, _VALUE_PX = 250, 170  # columns of at least so much


class CompareConfig(Element):
    """The keys on which the configs of these jobs differ, or all keys."""

    def __init__(self, jobs: Sequence[Compared]) -> None:
        super().__init__()
        self._jobs = list(jobs)
        self._everything = False
        self.on("all", lambda _payload: self._switch())
        self._paint()

    def _switch(self) -> None:
        self._everything = not self._everything
        self._paint()

    def _paint(self) -> None:
        configs = [job.feed.job.config for job in self._jobs]
        groups = compare_config.compare(configs, everything=self._everything)
        switch = {
            "type": "button",
            "class": "gw-switch",
            "role": "switch",
            "aria-checked": self._everything,
        }
        self.tree = h(
            "section",
            {"class": "gw-card", "aria-label": "Configuration"},
            h(
                "div",
                {"class": "gw-card__h gw-cmp__tools"},
                h("h2", {"class": "gw-card__t"}, "Configuration"),
                h("span", {"class": "gw-card__s"}, self._words(groups)),
                h("span", {"class": "gw-spacer"}),
                h("button", switch, h("span", {"class": "gw-switch__t"}), "Show all keys",
                  on={"click": "all"}),
            ),
            self._table(groups) if groups else None,
        )  # fmt: skip

    def _words(self, groups: Sequence[compare_config.Group]) -> str:
        number = sum(row.differs for group in groups for row in group.rows)
        if len(self._jobs) < 2:
            return "Add a job to see where they differ"
        if not number:
            return "The configs are equal"
        return f"{number} key{'s differ' if number > 1 else ' differs'}"

    def _table(self, groups: Sequence[compare_config.Group]) -> Node:
        head = [
            h("th", {"scope": "col"},
              h("span", {"class": "gw-cmp__name"}, swatch(job.color),
                h("span", {"class": "gw-ellipsis", "title": job.label}, job.label)))
            for job in self._jobs
        ]  # fmt: skip
        corner = h("th", {"scope": "col", "class": "gw-cmp__key"}, "Key")
        return h(
            "div",
            {"class": "gw-cmp__wrap gw-cmp__wrap--tall", "tabindex": 0, "role": "group",
             "aria-label": "Configuration, scrollable"},
            h(
                "table",
                {
                    "class": "gw-table gw-cmp__table gw-cmp__table--config",
                    "aria-label": "Configuration",
                    "style": {"min-width": f"{_KEY_PX + _VALUE_PX * len(self._jobs)}px"},
                },
                h("thead", None, h("tr", None, corner, head)),
                [self._group(group) for group in groups],
            ),
        )  # fmt: skip

    def _group(self, group: compare_config.Group) -> Node:
        title = h(
            "th", {"scope": "rowgroup", "class": "gw-cmp__key gw-cmp__section"}, group.section
        )
        filler = h("td", {"class": "gw-cmp__section", "colspan": len(self._jobs)})
        return h(
            "tbody", None, h("tr", None, title, filler), [_config_row(row) for row in group.rows]
        )


def _config_row(row: compare_config.Row) -> Node:
    key = h("th", {"scope": "row", "class": "gw-cmp__key gw-mono"}, row.key)
    attrs = {"class": "gw-cmp__differs" if row.differs else None}
    return h("tr", attrs, key, [_value(text) for text in row.values])


def _value(text: str) -> Node:
    attrs = {"class": "gw-mono gw-cmp__value"}
    if text == fmt.UNKNOWN:
        return h("td", {**attrs, "title": "Not set"}, h("span", {"class": "gw-muted"}, text))
    return h("td", attrs, text)
