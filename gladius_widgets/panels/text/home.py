"""What a page says of a home that cannot be written."""

from dataclasses import dataclass

from gladius_widgets.core.errors import HomeError


@dataclass(frozen=True)
class HomeView:
    """One bar: an icon of the sprite, the tone, a bold title, a sentence or two."""

    icon: str
    tone: str
    title: str
    text: str


def view(trouble: HomeError | None) -> HomeView | None:
    """The bar's content; None where all is well."""
    if trouble is None:
        return None
    if trouble.kind == "look_only":
        return HomeView("eye", "blue", "Read only.", trouble.message)
    if trouble.kind == "full":
        goes_on = (
            "Everything can be read, and jobs can be paused, stopped and cancelled; nothing new "
            "starts until there is room."
        )
        return HomeView("warn", "yellow", "The disk is full.", f"{trouble.message} {goes_on}")
    return HomeView("warn", "yellow", "The list of jobs cannot be written.", str(trouble))


def refusal(trouble: HomeError | None) -> str:
    """Why no button that writes can be used, as its description; empty where they can."""
    is_refused = trouble is not None and trouble.kind == "look_only"
    return trouble.message.rstrip(".") if trouble is not None and is_refused else ""
