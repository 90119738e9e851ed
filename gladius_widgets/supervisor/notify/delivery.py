"""Handing news to the outside: to a program on its stdin, or to a web address by POST."""

import json
import os
import signal
import subprocess
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import Any

from gladius_widgets.core.notify import NotifySettings

POST_S = 5.0
COMMAND_S = 30.0


class DeliveryError(Exception):
    """It did not get there; the text holds nothing secret.

    Args:
        text: why, a few words.
        final: trying again would not help.
    """

    def __init__(self, text: str, *, final: bool = False) -> None:
        super().__init__(text)
        self.final = final


def deliver(settings: NotifySettings, channel: str, news: dict[str, Any], folder: Path) -> None:
    """Send news by one channel, `command` or `webhook`.

    Raises:
        DeliveryError: it did not arrive, as far as can be known.
    """
    data = json.dumps(news, ensure_ascii=False).encode()
    if channel == "command":
        run_command(settings.command, data, folder)
    elif settings.webhook is not None:
        post(settings.webhook.get_secret_value(), data)


def run_command(command: list[str], data: bytes, folder: Path, limit_s: float = COMMAND_S) -> None:
    """Run a program, without a shell, with `data` on its stdin; its output is dropped."""
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not a command line"
        raise DeliveryError(f"it cannot be started ({reason})", final=True) from None
    try:
        process.communicate(data, timeout=limit_s)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise DeliveryError(f"it took longer than {limit_s:g} s and was ended") from None
    if process.returncode:
        raise DeliveryError(f"it ended with code {process.returncode}")


def post(url: str, data: bytes, limit_s: float = POST_S) -> None:
    """POST JSON. A redirect is not followed: it could carry the news to another place."""
    request = urllib.request.Request(  # noqa: S310  # http(s) alone, see NotifySettings
        url,
        data,
        {"Content-Type": "application/json; charset=utf-8", "User-Agent": "gladius-widgets"},
        method="POST",
    )
    opener = urllib.request.build_opener(_NoRedirects)
    try:
        with opener.open(request, timeout=limit_s):
            return
    except urllib.error.HTTPError as error:
        code = error.code
        error.close()
        final = 300 <= code < 500 and code not in (408, 425, 429)
        raise DeliveryError(f"it answered with HTTP {code}", final=final) from None
    except TimeoutError:
        raise DeliveryError(f"no answer within {limit_s:g} s") from None
    except urllib.error.URLError as error:
        raise DeliveryError(_reason(error.reason, limit_s)) from None
    except Exception as error:  # http.client's own kinds; their words can hold the address
        raise DeliveryError(_reason(error, limit_s)) from None


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_args: Any, **_kwargs: Any) -> None:
        """None: the redirect itself counts as the answer."""


def _reason(error: object, limit_s: float) -> str:
    """Why, in words that come from the system alone."""
    if isinstance(error, TimeoutError):
        return f"no answer within {limit_s:g} s"
    words = error.strerror if isinstance(error, OSError) else None
    return words or f"the connection failed ({type(error).__name__})"
