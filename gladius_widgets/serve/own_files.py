"""Files under a name of their content: compressed once, kept by browsers for good.

Ours are the bundles and styles of `page_files`, and `chunks.js`: the scripts that Voila and the
widget extensions would ask for one by one, a hundred of them, in one file. A script of webpack that
is there already is not asked for; one that is missing here is. So the list, `share/chunks.txt`, may
be of another version: then pages only load more slowly.
"""

import asyncio
import gzip
import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from tornado.web import RequestHandler

from gladius_widgets.core import page_files

FOR_GOOD = "private, max-age=31536000, immutable"  # private: they stand behind the gate
CHUNKS = "chunks.js"
_LIST = Path(__file__).parent / "share" / "chunks.txt"
_TYPES = {"js": "text/javascript", "css": "text/css"}


def _brotli(data: bytes) -> bytes:
    return import_module("brotli").compress(data, quality=9)


_ENCODERS: Mapping[str, Callable[[bytes], bytes]] = {
    **({"br": _brotli} if find_spec("brotli") else {}),
    "gzip": gzip.compress,
}
"""By the name in HTTP, the smaller first."""


def chunks(folders: Mapping[str, Iterable[str]]) -> str:
    """The listed scripts that are installed, one after another.

    Args:
        folders: where those of `static/` and of `labextensions/` may be.
    """
    texts = []
    for line in _LIST.read_text(encoding="utf-8").split():
        kind, _, path = line.partition("/")
        found = (Path(folder) / path for folder in folders[kind])
        texts += [path.read_text(encoding="utf-8") for path in found if path.is_file()][:1]
    return "\n;".join(texts)


class OwnFiles:
    """All files, by what a page calls them."""

    def __init__(self, extra: Mapping[str, str]) -> None:
        self.names = {file: page_files.name(file) for file in page_files.FILES}
        self._texts = {name: page_files.text(file) for file, name in self.names.items()}
        for file, text in extra.items():
            stem, _, kind = file.partition(".")
            name = f"{stem}-{hashlib.sha256(text.encode()).hexdigest()[:16]}.{kind}"
            self.names[file], self._texts[name] = name, text
        self._encoded: dict[tuple[str, str], bytes] = {}

    def __contains__(self, name: object) -> bool:
        return name in self._texts

    def body(self, name: str, encoding: str) -> bytes:
        """The file as it goes over the line; `encoding` is one of `_ENCODERS` or empty."""
        if (name, encoding) not in self._encoded:
            data = self._texts[name].encode()
            self._encoded[name, encoding] = _ENCODERS[encoding](data) if encoding else data
        return self._encoded[name, encoding]

    def compress(self) -> None:
        """Compress all, so that the first visitor need not wait for it."""
        for name in list(self._texts):
            self.body(name, next(iter(_ENCODERS)))


class OwnFilesHandler(RequestHandler):
    """Answers with one of them."""

    def initialize(self, files: OwnFiles) -> None:
        """Take the files."""
        self._files = files

    def set_default_headers(self) -> None:
        """Those of all our answers."""
        for name, value in self.settings.get("headers", {}).items():
            self.set_header(name, value)

    async def get(self, name: str) -> None:
        """The file, for good; 404 for a name of before an upgrade."""
        if name not in self._files:
            self.send_error(404)
            return
        encoding = accepted(self.request.headers.get("Accept-Encoding", ""))
        self.set_header("Content-Type", f"{_TYPES[name.rpartition('.')[2]]}; charset=utf-8")
        self.set_header("Cache-Control", FOR_GOOD)
        self.set_header("Vary", "Accept-Encoding")
        if encoding:
            self.set_header("Content-Encoding", encoding)
        self.finish(await asyncio.to_thread(self._files.body, name, encoding))


def accepted(header: str) -> str:
    """The best of our encodings that a browser takes, or none."""
    asked = {
        part.partition(";")[0].strip()
        for part in header.split(",")
        if not re.search(r";\s*q=0(\.0*)?\s*$", part)
    }
    return next((encoding for encoding in _ENCODERS if encoding in asked), "")
