"""Files that never change under their name: a browser that has been here need not ask again.

Widget extensions carry a hash of their content in the names of their files. Voila's own scripts do
not, and a browser guesses how long they hold; so they are offered at an address that names what
is installed, and no guess can outlive an upgrade. Our own have a name that tells their content.
"""

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

from jupyter_server.base.handlers import FileFindHandler, JupyterHandler
from voila.static_file_handler import MultiStaticFileHandler

from gladius_widgets.core import page_files

_HASHED = re.compile(r"\.[0-9a-f]{8,}\.js$")
_FOR_GOOD = "private, max-age=31536000, immutable"  # private: they stand behind the gate


class ExtensionFiles(FileFindHandler):
    """The scripts of widget extensions. Files without a hash in their name are asked for again."""

    def set_headers(self) -> None:
        """Jupyter's headers; hashed names hold for good."""
        super().set_headers()
        if _HASHED.search(self.request.path):
            self.set_header("Cache-Control", _FOR_GOOD)


class VersionedFiles(MultiStaticFileHandler):
    """Voila's scripts, at an address that changes when they do (`version_of`)."""

    def set_extra_headers(self, path: str) -> None:
        """They hold for good."""
        self.set_header("Cache-Control", _FOR_GOOD)


class OwnFiles(JupyterHandler):
    """Our bundles and styles, by the name that `page_files` gives them."""

    _TYPES: ClassVar = {"js": "text/javascript", "css": "text/css"}

    def get(self, name: str) -> None:
        """The file, for good."""
        known = {page_files.name(file): file for file in page_files.FILES}
        if name not in known:  # a page of before an upgrade
            self.send_error(404)
            return
        self.set_header("Content-Type", f"{self._TYPES[name.rpartition('.')[2]]}; charset=utf-8")
        self.set_header("Cache-Control", _FOR_GOOD)
        self.finish(page_files.text(known[name]))


def version_of(folders: Iterable[str]) -> str:
    """A short name for the files in these folders as they are now."""
    digest = hashlib.sha256()
    for folder in folders:
        for path in sorted(Path(folder).glob("*.js")):
            status = path.stat()
            digest.update(f"{path}:{status.st_size}:{status.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:16]
