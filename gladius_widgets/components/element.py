"""Element: a tree of elements on the page, patched in place, with child widgets in its slots."""

from collections.abc import Iterable, Mapping
from typing import Any

import ipywidgets
import traitlets

from gladius_widgets.components.base import Component
from gladius_widgets.components.tree import Node, h


class Element(Component):
    """Shows an element tree (see `tree.h`) and reports what happens in it.

    Args:
        tree: the root node. Assign a new one at any time: equal trees are not sent, and the
            browser changes only the nodes that differ, keeping focus, scroll and typed text.
        slots: child widgets by name, which end with the element; `h("slot", {"name": "plot"})` is
            where one appears.
        root_class: CSS classes for the widget's own box.

    Events: `element.on("pause", handler)`; the payload is a dict with `event`, `name`, `key`
    (of the nearest keyed node), `value`, `checked`, `data` (the node's data attributes), `keys`
    (`key`, `ctrl`, `shift`, `alt`, `meta`) and, for forms, `values`. That of `drop` has `dragged`
    and `before`, the keys of what was dragged and of what it was dropped in front of (None: it is
    the last now); that of a click with `data-copy` has `copied`.
    """

    _esm_module = traitlets.Unicode("element").tag(sync=True)
    tree = traitlets.Dict().tag(sync=True)
    root_class = traitlets.Unicode().tag(sync=True)
    slots = traitlets.Dict(key_trait=traitlets.Unicode())
    _slots = traitlets.Dict().tag(sync=True)

    def __init__(
        self,
        tree: Node | None = None,
        slots: Mapping[str, ipywidgets.DOMWidget] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(tree=tree or h("div"), slots=dict(slots or {}), **kwargs)

    @traitlets.validate("tree")
    def _check_tree(self, proposal: Any) -> Node:
        if "t" not in proposal.value:
            raise traitlets.TraitError("tree must be built with h(tag, …).")
        return proposal.value

    @traitlets.observe("slots")
    def _name_children(self, _change: object) -> None:
        self._slots = {name: child.model_id for name, child in self.slots.items()}

    def children_held(self) -> Iterable[ipywidgets.Widget]:
        """The widgets in the slots."""
        return self.slots.values()

    def reset(self) -> None:
        """Set all fields back to the values in the tree, e.g. after an edit was refused."""
        self.send({"reset": True})

    def __repr__(self) -> str:
        first = self.tree.get("a", {}).get("class", "").split(" ")[0]
        return f"Element({self.tree['t']}{'.' + first if first else ''})"


def stack(*children: ipywidgets.DOMWidget, classes: str = "") -> Element:
    """Child widgets one after another in one box, e.g. `stack(a, b, classes="gw-grid2")`."""
    slots = {str(i): child for i, child in enumerate(children)}
    tree = h("div", {"class": classes or None}, [h("slot", {"name": name}) for name in slots])
    return Element(tree, slots)
