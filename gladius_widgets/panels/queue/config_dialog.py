"""The dialog with the configuration of a waiting job, as text that can be copied."""

import asyncio
from pathlib import Path

from gladius_widgets.components import Action, Dialog, h, icon, toasts

_TEXT_ID = "gw-queue-config"


async def show_config(name: str, path: Path) -> None:
    """Show the YAML file of the job of that name.

    Raises:
        OSError: the file cannot be read.
    """
    text = await asyncio.to_thread(path.read_text, encoding="utf-8", errors="replace")
    copy = h(
        "button",
        {"type": "button", "class": "gw-btn gw-btn--sm", "data-copy": _TEXT_ID},
        icon("copy", 14),
        "Copy",
        on={"click": "copy"},
    )
    attrs = {"class": "gw-json gw-json--tall", "tabindex": 0, "id": _TEXT_ID}
    attrs |= {"role": "region", "aria-label": "Configuration as YAML"}
    dialog = Dialog(
        "Configuration",
        h("div", {"class": "gw-jsonwrap"}, copy, h("pre", attrs, text)),
        text=f"{name}: frozen at submit.",
        icon="file",
        actions=[Action("close", "Close")],
    )
    for event in ("close", "dismiss"):
        dialog.on(event, lambda _payload: dialog.close())
    dialog.on("copy", lambda payload: _tell(copied=bool(payload.get("copied"))))
    dialog.show()


def _tell(*, copied: bool) -> None:
    if copied:
        toasts().show("Configuration copied", "", "green", icon="copy")
    else:
        toasts().show("Not copied", "The browser does not allow it; select the text.", "yellow")
