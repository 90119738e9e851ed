"""The Jinja text that `model.chat_template` means, looked at before a run depends on it."""

import os
from pathlib import Path

from gladius_widgets.core.config.schema import CHAT_TEMPLATES, is_template_text
from gladius_widgets.core.errors import ConfigError

_KEY = "model.chat_template"
_MOST_BYTES = 1024**2
_MEND = "Mend the template there."
_NAME_OTHER = f"Give {_KEY} a file, a text, or one of: {', '.join(CHAT_TEMPLATES)}."


def check_chat_template(wanted: str | None) -> None:
    """Raise ConfigError when it is no name, and no template that could be used; see `jinja_text`.

    Args:
        wanted: `model.chat_template`, a file by its absolute path.
    """
    if wanted is not None and wanted not in CHAT_TEMPLATES:
        jinja_text(wanted)


def jinja_text(wanted: str) -> str:
    """The text itself, or that of the file.

    Raises:
        ConfigError: the file cannot be read, or the text is no Jinja template; names the line.
    """
    if is_template_text(wanted):
        _parse(wanted, "")
        return wanted
    path = Path(wanted).expanduser()
    text = _read(path)
    if not is_template_text(text):
        raise ConfigError(
            f"{_KEY}: {path} holds no Jinja expression, so it would write no conversation.",
            _NAME_OTHER,
        )
    _parse(text, f" of {path}")
    return text


def _read(path: Path) -> str:
    try:
        if path.exists() and not path.is_file():  # a device or pipe may never end
            raise ConfigError(f"{_KEY}: {path} is not a file.", _NAME_OTHER)
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
        if len(data) > _MOST_BYTES:
            raise ConfigError(
                f"{_KEY}: {path} is larger than {_MOST_BYTES // 1024} KiB.", _NAME_OTHER
            )
        return data.decode()
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise ConfigError(f"{_KEY}: {path} cannot be read: {reason}.", _NAME_OTHER) from None
    except UnicodeDecodeError:
        raise ConfigError(f"{_KEY}: {path} is not UTF-8 text.", _NAME_OTHER) from None


def _parse(text: str, of: str) -> None:
    """Parse, without running any of it, what transformers would; where Jinja is installed."""
    try:
        from jinja2 import TemplateSyntaxError, nodes
        from jinja2.ext import Extension
        from jinja2.parser import Parser
        from jinja2.sandbox import ImmutableSandboxedEnvironment
    except ImportError:
        return

    class Generation(Extension):
        """The tags around what the assistant says; transformers has them beside Jinja's own."""

        tags = {"generation"}  # noqa: RUF012  # as Jinja wants it

        def parse(self, parser: Parser) -> nodes.Node:
            line = next(parser.stream).lineno
            body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
            return nodes.Scope(body, lineno=line)

    extensions = [Generation, "jinja2.ext.loopcontrols"]
    try:
        ImmutableSandboxedEnvironment(extensions=extensions).parse(text)
    except TemplateSyntaxError as error:
        reason = " ".join((error.message or "no Jinja").split()).rstrip(".")
        raise ConfigError(f"{_KEY}: line {error.lineno}{of}: {reason}.", _MEND) from None
    except RecursionError:
        raise ConfigError(f"{_KEY}: the template{of} is nested too deep.", "Flatten it.") from None
