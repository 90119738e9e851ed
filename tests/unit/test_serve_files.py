"""Files that are offered under a name of their content."""

import gzip
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
from tornado.testing import AsyncHTTPTestCase
from tornado.web import Application

from gladius_widgets.core import page_files
from gladius_widgets.serve import own_files
from gladius_widgets.serve.own_files import FOR_GOOD, OwnFiles, OwnFilesHandler, accepted, chunks

brotli = import_module("brotli")  # it has no types


@pytest.mark.parametrize(
    ("header", "encoding"),
    [
        ("gzip, deflate, br, zstd", "br"),
        ("gzip, deflate", "gzip"),
        ("br;q=0, gzip;q=0.5", "gzip"),
        ("br;q=0.9", "br"),
        ("identity", ""),
        ("", ""),
    ],
)
def test_the_smallest_encoding_that_a_browser_takes(header, encoding):
    assert accepted(header) == encoding


def test_a_name_tells_the_content():
    one, other = OwnFiles({"chunks.js": "1"}), OwnFiles({"chunks.js": "2"})
    assert one.names["chunks.js"] != other.names["chunks.js"]
    assert one.names["page.js"] == other.names["page.js"] == page_files.name("page.js")
    assert set(one.names) == {*page_files.FILES, "chunks.js"}


def test_a_file_is_compressed_once():
    files = OwnFiles({})
    name = files.names["styles.css"]
    files.compress()
    body = files.body(name, "br")
    assert files.body(name, "br") is body
    assert brotli.decompress(body).decode() == page_files.text("styles.css")
    assert gzip.decompress(files.body(name, "gzip")) == files.body(name, "")


def test_scripts_that_are_not_installed_are_left_out(tmp_path: Path, monkeypatch):
    listed = tmp_path / "chunks.txt"
    listed.write_text("static/1.js\nstatic/gone.js\nlabextensions/some/2.js\n")
    monkeypatch.setattr(own_files, "_LIST", listed)
    for name, text in (("a/1.js", "one()"), ("b/some/2.js", "two()"), ("c/some/2.js", "never()")):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(text)
    labs = [str(tmp_path / "b"), str(tmp_path / "c")]
    found = chunks({"static": [str(tmp_path / "a")], "labextensions": labs})
    assert found == "one()\n;two()"


def test_the_list_is_of_the_installed_version():
    """Else pages still work, and ask for a hundred files."""
    script = (
        "from gladius_widgets.serve.application import page_server; from pathlib import Path;"
        "import sys; s = page_server(Path(sys.argv[1]), Path('.'), ('jobs.ipynb',), port=1,"
        " max_pages=1, unwatched_s=1, loading_s=1, preheat=0);"
        "print(*s.static_paths, sep='\\n'); print('--'); print(*s.labextensions_path, sep='\\n')"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "/tmp"], capture_output=True, text=True, check=True
    )
    static, labs = (part.split() for part in done.stdout.split("--"))
    folders = {"static": static, "labextensions": labs}
    for line in own_files._LIST.read_text().split():
        kind, _, path = line.partition("/")
        assert any((Path(folder) / path).is_file() for folder in folders[kind]), line


class TestHandler(AsyncHTTPTestCase):
    """Over HTTP."""

    def get_app(self):
        self.files = OwnFiles({})
        return Application([("/(.*)", OwnFilesHandler, {"files": self.files})])

    def test_a_file_and_what_was_never_one(self):
        name = self.files.names["page.js"]
        answer = self.fetch(
            f"/{name}", headers={"Accept-Encoding": "br"}, decompress_response=False
        )
        assert answer.headers["Content-Encoding"] == "br"
        assert answer.headers["Cache-Control"] == FOR_GOOD
        assert brotli.decompress(answer.body).decode() == page_files.text("page.js")
        assert self.fetch("/page-0123456789abcdef.js").code == 404
