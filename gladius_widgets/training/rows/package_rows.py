"""The rows of data sets that come as packages, for examples that need no hub."""

from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

from gladius_widgets.core.errors import GladiusError


def package_rows(package: str) -> Iterator[Any]:
    """The rows of a known package.

    Raises:
        GladiusError: it is not known, or not installed.
    """
    if package != "chitchat-dataset":
        raise GladiusError(
            f"No reader is known for the package {package}.", "Known: pypi:chitchat-dataset."
        )
    if find_spec("chitchat_dataset") is None:
        raise GladiusError(
            "The package chitchat-dataset is not installed.",
            "Install the demo extra: pip install 'gladius-widgets[demo]'.",
        )
    from chitchat_dataset import Dataset

    for conversation in Dataset().values():
        messages = _chitchat_messages(conversation["messages"])
        if len(messages) > 1:  # in two of five nobody ever answered
            yield {"messages": messages}


def _chitchat_messages(turns: list[list[dict[str, str]]]) -> list[dict[str, str]]:
    """Two people chat; whoever writes first is the user. Neighbouring turns of one are joined."""
    messages: list[dict[str, str]] = []
    first = next((part["sender"] for turn in turns for part in turn), None)
    for turn in turns:
        for part in turn:
            role = "user" if part["sender"] == first else "assistant"
            if messages and messages[-1]["role"] == role:
                messages[-1]["content"] += "\n" + part["text"]
            else:
                messages.append({"role": role, "content": part["text"]})
    return messages
