"""The questions that actions ask, and waiting for an answer."""

import asyncio
from collections.abc import Sequence

from gladius_widgets.components import Action, Dialog, Node, h, icon

_FORMAT_WORDS = {"csv": "CSV, for spreadsheets", "json": "JSON", "parquet": "Parquet, for pandas"}


async def ask_format(formats: Sequence[str]) -> str | None:
    """Which format to export in; None when the reader goes back."""
    chosen = {"format": formats[0]}
    options = [h("option", {"value": kind}, _FORMAT_WORDS.get(kind, kind)) for kind in formats]
    dialog = Dialog(
        "Export Metrics",
        h(
            "label",
            {"class": "gw-field gw-field--stack"},
            h("span", {"class": "gw-strong"}, "Format"),
            _select(options, "Format", "format"),
        ),
        text="All metric tables, the log and the config, in one ZIP file.",
        icon="download",
        actions=[Action("back", "Go Back"), Action("export", "Export", "primary")],
    )
    dialog.on("format", lambda payload: chosen.update(format=str(payload["value"])))
    return chosen["format"] if await wait_for(dialog, "export") else None


async def wait_for(dialog: Dialog, *answers: str) -> str | None:
    """Show the dialog and wait; the name of the answer, None when the reader goes back."""
    answered: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()

    def answer(name: str | None) -> None:
        if not answered.done():
            answered.set_result(name)

    for name in answers:
        dialog.on(name, lambda _payload, name=name: answer(name))
    for name in ("back", "dismiss"):
        dialog.on(name, lambda _payload: answer(None))
    dialog.show()
    try:
        return await answered
    finally:
        dialog.close()


def _select(options: Sequence[Node], label: str, name: str) -> Node:
    return h(
        "span",
        {"class": "gw-selectwrap"},
        h("select", {"class": "gw-select", "aria-label": label}, options, on={"change": name}),
        icon("chev-d"),
    )
