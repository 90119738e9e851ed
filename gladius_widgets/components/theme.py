"""The look of a page: tokens, styles and icons, put into the document once, light or dark."""

from typing import Literal
from uuid import uuid4

import traitlets

from gladius_widgets.components.base import Component, find_runtime
from gladius_widgets.core import page_files

Mode = Literal["light", "dark", "system"]


class Theme(Component):
    """Styles, icons and the element renderer of this kernel's pages. Use `theme()`.

    It needs no place on the page: the browser side acts as soon as the kernel is connected.
    A control with the attribute `data-gw-toggle` switches between light and dark; the choice
    is kept in the browser's localStorage. Without a choice the page follows JupyterLab's
    theme, else the system's.
    """

    _esm_module = traitlets.Unicode("theme").tag(sync=True)
    _esm_file = traitlets.Unicode(page_files.name("page.js")).tag(sync=True)
    _esm_code = traitlets.Unicode(page_files.code("page.js")).tag(sync=True)
    _style = traitlets.Unicode(page_files.code("styles.css")).tag(sync=True)
    _icons = traitlets.Unicode(page_files.text("icons.svg")).tag(sync=True)

    mode = traitlets.Enum(["light", "dark", "system"], "system").tag(sync=True)
    """The reader's choice, as reported by the browser; to change it use `switch`."""

    def _runtime_id(self) -> str:
        return uuid4().hex

    def switch(self, mode: Mode) -> None:
        """Choose light, dark or the system's theme, in the browser, for good."""
        self.send({"switch": mode})


_current: Theme | None = None


def theme() -> Theme:
    """The one Theme of this kernel, made at the first call."""
    global _current  # noqa: PLW0603 - one per kernel is the point
    if _current is None or _current.comm is None:
        _current = Theme()
    return _current


find_runtime.append(lambda: theme()._runtime)
