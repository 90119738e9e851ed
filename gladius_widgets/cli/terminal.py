"""What the commands print goes through here: no text of a run can give orders to the terminal."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import Any, TextIO, cast

from gladius_widgets.core.text.terminal_text import colours_only


class HarmlessStream:
    """A text stream that shows what a terminal would obey, but for colours, as `�`."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write it as it may be seen."""
        return self._stream.write(colours_only(text))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def harmless_output() -> Iterator[None]:
    """Within it, stdout and stderr are such streams, whoever prints."""
    out, err = (cast("TextIO", HarmlessStream(stream)) for stream in (sys.stdout, sys.stderr))
    with redirect_stdout(out), redirect_stderr(err):
        yield
