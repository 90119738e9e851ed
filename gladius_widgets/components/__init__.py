"""Parts of a page, knowing no jobs: elements, terminal, chart overlay, dialog, toasts, keys.

An example is `Element(h("button", {"class": "gw-btn"}, icon("pause"), on={"click": "pause"}))`,
with `.on("pause", handler)`. Nothing needs setting up: styles come by themselves.
"""

from gladius_widgets.components.base import Component
from gladius_widgets.components.chart_overlay import ChartMark, ChartOverlay, Series
from gladius_widgets.components.dialog import Action, Dialog, confirm
from gladius_widgets.components.element import Element, stack
from gladius_widgets.components.events import on_error
from gladius_widgets.components.hotkeys import Hotkeys
from gladius_widgets.components.location import Location, location
from gladius_widgets.components.notifier import Notifier, notifier
from gladius_widgets.components.terminal import Terminal
from gladius_widgets.components.theme import Theme, theme
from gladius_widgets.components.toasts import Toasts, toasts
from gladius_widgets.components.tree import Node, clock, h, icon

__all__ = [
    "Action",
    "ChartMark",
    "ChartOverlay",
    "Component",
    "Dialog",
    "Element",
    "Hotkeys",
    "Location",
    "Node",
    "Notifier",
    "Series",
    "Terminal",
    "Theme",
    "Toasts",
    "clock",
    "confirm",
    "h",
    "icon",
    "location",
    "notifier",
    "on_error",
    "stack",
    "theme",
    "toasts",
]
