"""Scripts that never change under their name: a browser that has been here need not ask again.

Widget extensions carry a hash of their content in the names of their files. Voila's own scripts do
not, and a browser guesses how long they hold; so they are offered at an address that names what
is installed, and no guess can outlive an upgrade.
"""

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

from jupyter_server.base.handlers import FileFindHandler
from voila.static_file_handler import MultiStaticFileHandler

from gladius_widgets.serve.own_files import FOR_GOOD

_HASHED = re.compile(r"\.[0-9a-f]{8,}\.js$")


class ExtensionFiles(FileFindHandler):
    """The scripts of widget extensions. Files without a hash in their name are asked for again."""

    def set_headers(self) -> None:
        """Jupyter's headers; hashed names hold for good."""
        super().set_headers()
        if _HASHED.search(self.request.path):
            self.set_header("Cache-Control", FOR_GOOD)


class VersionedFiles(MultiStaticFileHandler):
    """Voila's scripts, at an address that changes when they do (`version_of`)."""

    def set_extra_headers(self, path: str) -> None:
        """They hold for good."""
        self.set_header("Cache-Control", FOR_GOOD)


def version_of(folders: Iterable[str]) -> str:
    """A short name for the files in these folders as they are now."""
    digest = hashlib.sha256()
    for folder in folders:
        for path in sorted(Path(folder).glob("*.js")):
            status = path.stat()
            digest.update(f"{path}:{status.st_size}:{status.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:16]
