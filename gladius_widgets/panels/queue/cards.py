"""The queue tab's elements: boxes of slots, waiting cards with their menus, the empty state."""

from gladius_widgets.components import Node, clock, h, icon
from gladius_widgets.panels.queue import model
from gladius_widgets.panels.queue.gpus import Gpus
from gladius_widgets.panels.text.badges import Badge
from gladius_widgets.panels.text.links import job_url, new_job_url

GROUP = "queue"  # of what is dragged where
_LIFT_KEYS = ("ArrowUp", "ArrowDown", "Home", "End", "Escape")


def slots_card(content: model.Content, seen_at: float | None) -> Node:
    """The active jobs, one box each, and the free slots.

    Args:
        content: what the tab shows.
        seen_at: since when it could not be looked at again (unix s); None while it can.
    """
    facts = [
        h("span", {"title": fact.title}, f"{fact.label} ", h("b", None, fact.value))
        for fact in content.facts
    ]
    if seen_at is not None:
        age = h("span", {"class": "gw-t-yellow"}, "Last updated ", clock(seen_at, "age"))
        facts.insert(0, age)
    return h(
        "section",
        {"class": "gw-card gw-card--raised", "aria-label": "Slots"},
        h(
            "div",
            {"class": "gw-card__h gw-row--wrap"},
            h("h2", {"class": "gw-card__t"}, content.title),
            h("span", {"class": "gw-spacer"}),
            h("span", {"class": "gw-card__s gw-queuefacts"}, facts),
        ),
        h(
            "div",
            {"class": "gw-card__b", "style": {"padding-top": "12px"}},
            h(
                "div",
                {"class": "gw-slots"},
                [_slot(slot) for slot in content.slots],
                [_free(text) for text in content.empty],
            ),
            _gpus(content.gpus) if content.gpus else None,
        ),
    )


def paused(reason: str) -> Node:
    """Why no job starts, and how they start again."""
    button = {"type": "button", "class": "gw-btn gw-btn--sm"}
    return h(
        "div",
        {"class": "gw-banner gw-tone-orange", "role": "alert"},
        icon("pausec"),
        h(
            "div",
            {"class": "gw-banner__t"},
            h("b", None, "The queue is paused"),
            f": {reason} Running jobs go on.",
        ),
        h("button", button, icon("play"), "Resume Queue", on={"click": "resume-queue"}),
    )


def _gpus(gpus: Gpus) -> Node:
    boxes = [
        h(
            "li",
            {"class": f"gw-gpu gw-gpu--{box.state}", "title": box.title, "aria-label": box.title},
            h(
                "span",
                {"class": "gw-gpu__f", "style": {"height": f"{box.fill * 100:.0f}%"}},
            ),
            h("b", {"aria-hidden": "true"}, box.label),
        )
        for box in gpus.boxes
    ]
    legend = [("ours", "Ours, fill is memory"), ("held", "Held by others"), ("free", "Free")]
    return h(
        "div",
        {"class": "gw-gpus"},
        h("ul", {"class": "gw-gpus__l", "aria-label": "GPUs"}, boxes),
        h("span", {"class": "gw-sub gw-soft"}, gpus.text),
        h("span", {"class": "gw-spacer"}),
        [
            h("span", {"class": "gw-sub"}, h("i", {"class": f"gw-gpu gw-gpu--{state}"}), text)
            for state, text in legend
        ],
    )


def waiting_head(content: model.Content) -> Node:
    """The heading over the cards, with their number and the rule of the queue."""
    return h(
        "div",
        {"class": "gw-row gw-row--wrap"},
        h("h2", {"class": "gw-card__t"}, "Waiting"),
        h("span", {"class": "gw-badge gw-badge--plain gw-tone-gray"}, f"{content.waiting:,}"),
        h("span", {"class": "gw-spacer"}),
        h("span", {"class": "gw-foot"}, icon("info", 14), content.rule),
    )


def cards(content: model.Content, menu: str, focus: str) -> Node:
    """The waiting jobs in their order; `menu` and `focus` are ids of jobs, or empty."""
    return h(
        "ol",
        {"class": "gw-queue", "aria-label": "Waiting jobs", "data-drop": GROUP},
        [_card(card, card.id == menu, card.id == focus) for card in content.cards],
        on={"drop": "reorder"},
    )


def empty(content: model.Content, *, takes_focus: bool) -> Node:
    """What stands in place of the cards when nobody waits."""
    link = {
        "class": "gw-btn gw-btn--primary",
        "href": new_job_url(),
        "autofocus": takes_focus,
    }
    return h(
        "section",
        {"class": "gw-card", "aria-label": "Waiting jobs"},
        h(
            "div",
            {"class": "gw-empty"},
            h("span", {"class": "gw-empty__ic"}, icon("inbox", 24)),
            h("h3", None, content.empty_title),
            h("p", None, content.empty_text),
            h("a", link, icon("plus"), "Create New Job", on={"click": "create"}),
        ),
    )


def trouble(text: str) -> Node:
    """Over the queue, while nothing that waits is started: why, and what to do."""
    return h(
        "section",
        {"class": "gw-banner gw-tone-red", "role": "alert"},
        icon("warn", 16),
        h("div", {"class": "gw-banner__t"}, h("b", None, "The queue stands still."), " ", text),
    )


def unreadable(reason: str) -> Node:
    """What stands in place of all while nothing could be read yet."""
    return h(
        "section",
        {"class": "gw-card", "role": "alert"},
        h(
            "div",
            {"class": "gw-empty"},
            h("span", {"class": "gw-empty__ic"}, icon("warn", 24)),
            h("h2", {"class": "gw-card__t"}, "The queue cannot be read"),
            h("p", None, reason),
        ),
    )


def _slot(slot: model.Slot) -> Node:
    width = f"{(slot.share or 0) * 100:.1f}%"
    known = slot.share is not None
    return h(
        "a",
        {"class": "gw-slot", "href": job_url(slot.id), "title": slot.name},
        h(
            "span",
            {"class": "gw-row"},
            h("b", {"class": "gw-strong gw-ellipsis"}, slot.name),
            h("span", {"class": "gw-spacer"}),
            h("b", {"class": "gw-strong gw-t-blue"}, slot.percent),
        ),
        h(
            "span",
            {
                "class": "gw-bar gw-bar--6",
                "style": {"display": "block"},
                "role": "progressbar",
                "aria-valuenow": int((slot.share or 0) * 100) if known else None,
                "aria-valuemin": "0",
                "aria-valuemax": "100",
                "aria-label": slot.name,
            },
            h("span", {"class": "gw-bar__f", "style": {"width": width}}),
        ),
        h("span", {"class": "gw-sub gw-soft"}, slot.text),
        on={"click": "open"},
        key=slot.id,
    )


def _free(text: str) -> Node:
    return h(
        "div",
        {"class": "gw-slot gw-slot--empty"},
        h("span", {"class": "gw-row"}, icon("plus", 14), text),
    )


def _card(card: model.Card, shows_menu: bool, takes_focus: bool) -> Node:
    next_up = " gw-pos--next" if card.place == 1 else ""
    position = {
        "class": f"gw-pos gw-tone-{card.tone}{next_up}",
        "role": "img",
        "aria-label": f"Queue position {card.place}",
    }
    words = [
        h("span", {"class": "gw-ellipsis", "title": card.name}, card.name),
        [_badge(badge, title) for badge, title in card.badges],
    ]
    return h(
        "li",
        {
            "class": f"gw-qcard gw-menuhost{' is-lifted' if card.is_lifted else ''}",
            "data-job": card.id,
        },
        _grip(card),
        h("span", position, f"#{card.place}"),
        h(
            "div",
            {"style": {"min-width": "0"}},
            h("div", {"class": "gw-qcard__n gw-row"}, words),
            h(
                "div",
                {"class": "gw-qcard__m"},
                h("span", None, card.config),
                h("span", None, card.creator),
            ),
            _why(card) if card.why else None,
        ),
        _when(card),
        _menu(card, shows_menu, takes_focus),
        on={"click": "card"},
        key=card.id,
    )


def _why(card: model.Card) -> Node:
    tone = "gw-t-yellow" if card.is_stuck else "gw-soft"
    mark = icon("warn" if card.is_stuck else "clock", 14)
    return h("div", {"class": f"gw-qcard__why {tone}"}, mark, h("span", None, card.why))


def _grip(card: model.Card) -> Node:
    """What a card is dragged by; with the keyboard it lifts the card."""
    on = {"click": "lift", "keydown: ": "lift", "keydown:Enter": "lift"}
    on |= {f"keydown:{key}": "lift-key" for key in _LIFT_KEYS}
    # No button: Firefox drags none.
    attrs = {
        "class": "gw-grip",
        "role": "button",
        "tabindex": "0",
        "draggable": True,
        "data-drag": GROUP,
        "aria-pressed": card.is_lifted,
        "aria-label": f"Move {card.name}",
        "title": "Drag; or press Space, then the arrow keys",
    }
    return h("span", attrs, icon("grip"), on=on)


def _badge(badge: Badge, title: str) -> Node:
    return h(
        "span",
        {"class": f"gw-badge gw-tone-{badge.tone}", "title": title},
        icon(badge.icon, 14),
        h("span", {"class": "gw-ellipsis"}, badge.text),
    )


def _when(card: model.Card) -> Node:
    below: list[Node | str] = [card.note]
    if card.starts_at is not None:
        below = ["(", clock(card.starts_at, "in"), ")"]
    return h("div", {"class": "gw-qcard__when"}, card.when, h("span", None, below))


def _menu(card: model.Card, shown: bool, takes_focus: bool) -> Node:
    button = h(
        "button",
        {
            "type": "button",
            "class": "gw-btn gw-btn--sm gw-btn--icon gw-btn--ghost",
            "aria-haspopup": "menu",
            "aria-expanded": shown,
            "aria-pressed": True if shown else None,
            "aria-label": f"Actions for {card.name}",
            "autofocus": takes_focus,
        },
        icon("dots"),
        on={"click": "card"},
    )
    items: list[Node] = []
    for number, group in enumerate(card.menu):
        if number:
            items.append(h("div", {"class": "gw-menu__sep", "role": "separator"}))
        items += [_item(item, is_first=not items) for item in group]
    menu = h(
        "div",
        {"class": "gw-menu", "role": "menu", "aria-label": f"Actions for {card.name}"},
        items,
        on={"dismiss": "menu-away"},
    )
    return h("span", {"class": "gw-qcard__menu"}, button, menu if shown else None)


def _item(item: model.Item, *, is_first: bool) -> Node:
    return h(
        "button",
        {
            "type": "button",
            "role": "menuitem",
            "class": f"gw-menu__i{' gw-menu__i--danger' if item.danger else ''}",
            "title": item.reason or None,
            "aria-disabled": True if item.reason else None,
            "data-action": item.name,
            "autofocus": is_first,
        },
        icon(item.icon),
        item.label,
        on={"click": "act"},
    )
