"""The live file: an Arrow IPC stream that grows by whole, checksummed frames.

A frame is one message of the stream (the schema, then record batches). Its metadata carries
`crc32:xxxxxxxx`, the CRC-32 of the frame taken with eight zeros in that place, so that any
Arrow reader can open the file and ours can tell a torn or damaged frame from a good one.
"""

import contextlib
import errno
import fcntl
import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from gladius_widgets.core import private

_KEY = "gladius"
_BLANK = b"crc32:00000000"
_TAG = b"crc32:"
_MARKER = b"\xff\xff\xff\xff"  # begins every message of an Arrow IPC stream
_PREFIX = struct.Struct("<4si")  # marker, metadata length
_MAX_METADATA_BYTES = 64 * 1024 * 1024


def encode(batch: pa.RecordBatch, *, with_schema: bool) -> bytes:
    """One batch as a frame, after the schema's frame when it begins a file."""
    sink = pa.BufferOutputStream()
    schema = batch.schema.with_metadata({_KEY: _BLANK})
    with pa.ipc.new_stream(sink, schema) as stream:
        stream.write_batch(batch, custom_metadata={_KEY: _BLANK})
        end = sink.tell()  # closing appends an end mark that a growing file must not have
    data = sink.getvalue().to_pybytes()
    head = _PREFIX.size + _PREFIX.unpack_from(data)[1]  # a schema has no body
    frames = _stamp(data[:head]) if with_schema else b""
    return frames + _stamp(data[head:end])


@dataclass(frozen=True)
class Damage:
    """Bytes that are no good frame though a good one follows them."""

    start: int
    end: int


@dataclass(frozen=True)
class Frame:
    """A good frame: `batch` is None for the schema's. `end` is its end in the bytes given."""

    end: int
    schema: pa.Schema
    batch: pa.RecordBatch | None


def decode(data: bytes, schema: pa.Schema | None = None) -> Iterator[Frame | Damage]:
    """Good frames in `data`, in order; stops at an unfinished or damaged tail.

    Args:
        data: bytes of a live file from the start of a frame.
        schema: the file's schema, when `data` begins after it.
    """
    position = 0
    while position < len(data):
        start = position
        frame = None
        while start >= 0 and frame is None:
            frame = _frame(data, start, schema)
            if frame is None:
                start = data.find(_MARKER, start + 1)
        if frame is None:
            return
        if start > position:
            yield Damage(position, start)
        yield frame
        schema, position = frame.schema, frame.end


def is_unfinished(tail: bytes) -> bool:
    """Whether bytes after the last good frame look like a write cut short, not like damage."""
    if len(tail) < _PREFIX.size:
        return _MARKER.startswith(tail[:4])
    marker, metadata_bytes = _PREFIX.unpack_from(tail)
    if marker != _MARKER or not 0 < metadata_bytes <= _MAX_METADATA_BYTES:
        return False
    if _PREFIX.size + metadata_bytes > len(tail):
        return True
    try:
        pa.ipc.read_message(tail)
    except OSError:  # "expected to be able to read n bytes for message body"
        return True
    except (pa.ArrowException, EOFError):
        return False
    return False


def _stamp(frame: bytes) -> bytes:
    at = frame.index(_BLANK) + len(_TAG)
    return frame[:at] + b"%08x" % zlib.crc32(frame) + frame[at + 8 :]


def _frame(data: bytes, start: int, schema: pa.Schema | None) -> Frame | None:
    """The frame at `start`, or None when there is no whole and sound one."""
    if start + _PREFIX.size > len(data):
        return None
    marker, metadata_bytes = _PREFIX.unpack_from(data, start)
    body = start + _PREFIX.size + metadata_bytes
    if marker != _MARKER or not 0 < metadata_bytes <= _MAX_METADATA_BYTES or body > len(data):
        return None
    at = data.find(_TAG, start, body) + len(_TAG)
    if at < len(_TAG):
        return None
    try:
        source = pa.BufferReader(pa.py_buffer(data).slice(start))
        message = pa.ipc.read_message(source)
        end = start + source.tell()
        crc = zlib.crc32(data[start:at] + b"00000000" + data[at + 8 : end])
        if crc != int(data[at : at + 8], 16):
            return None
        if message.type == "schema":
            return Frame(end, pa.ipc.read_schema(message).remove_metadata(), None)
        return Frame(end, schema, pa.ipc.read_record_batch(message, schema)) if schema else None
    except (pa.ArrowException, OSError, EOFError, ValueError):
        return None


class LiveFile:
    """The file that rows go to first; one `write()` a batch, at a known good offset.

    Holds a lock on the file for as long as it is open, so that nobody salvages it meanwhile.

    Raises:
        OSError: it exists already or cannot be made.
    """

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self.path = path
        self.schema = schema
        self.rows = 0
        self._offset = 0
        # It gets its name only when it is locked: an unlocked one would be salvaged.
        hidden = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        mode = private.file_mode(path.parent)
        self._descriptor = os.open(hidden, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, mode)
        lock(self._descriptor)
        if path.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
        hidden.rename(path)

    def append(self, batch: pa.RecordBatch) -> None:
        """Write one frame; after an error the next call overwrites what was left half written.

        Raises:
            OSError: disk full and the like; then the batch is not in the file.
        """
        frame = encode(batch, with_schema=self._offset == 0)
        if os.pwrite(self._descriptor, frame, self._offset) != len(frame):
            os.ftruncate(self._descriptor, self._offset)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))
        self._offset += len(frame)
        self.rows += batch.num_rows

    def close(self) -> None:
        """Let others salvage it. The lock goes at once, even if a forked child has the file."""
        unlock(self._descriptor)
        os.close(self._descriptor)


def lock(descriptor: int) -> bool:
    """Take the file's lock; False when another process (or open file) has it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True  # a file system without locks: one writer a table is the rule anyway
    return True


def unlock(descriptor: int) -> None:
    """Release `lock`, also for processes forked meanwhile, which share it."""
    with contextlib.suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_UN)
