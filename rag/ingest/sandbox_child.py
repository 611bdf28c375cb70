"""The process that reads documents: one request at a time from standard input, under limits, without secrets.

``python -m rag.ingest.sandbox_child``; started by ``rag.ingest.sandbox`` and ended with it.
A frame is two big-endian lengths, a JSON header and bytes. JSON, since what comes out of this process is
as little to be trusted as the document that went in.
"""

from __future__ import annotations

import json
import os
import select
import struct
import sys
import threading
import traceback
from typing import BinaryIO

from rag.ingest.errors import ParseError
from rag.values import ParsedDocument

LENGTHS = struct.Struct(">II")
Header = dict[str, object]

_MEGABYTE = 1024 * 1024
_OPEN_FILES = 64
_PARENT_CHECK_MS = 2_000
_RESERVE_BYTES = 1 * _MEGABYTE


def pack(header: Header, body: bytes = b"") -> tuple[bytes, bytes]:
    """Return what precedes a frame's body, and the body."""
    encoded = json.dumps(header).encode()
    return LENGTHS.pack(len(encoded), len(body)) + encoded, body


def main() -> None:
    """Answer requests until standard input ends."""
    requests = sys.stdin.buffer
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
    from rag.ingest.parsers import load_all

    load_all()
    limited = False
    _send(replies, {"ready": True})
    while (request := _receive(requests)) is not None:
        header, data = request
        if not limited:
            _limit_process(header)
            limited = True
        _limit_time(header)
        _send(replies, *_answer(header, data))


def _answer(header: Header, data: bytes) -> tuple[Header, bytes]:
    from rag.ingest.parsers import ParseLimits, parse

    reserve: bytearray | None = bytearray(_RESERVE_BYTES)
    limits = ParseLimits(**header["limits"])  # type: ignore[arg-type]
    try:
        media_type = header["media_type"]
        document = parse(
            data,
            filename=str(header["filename"]),
            media_type=None if media_type is None else str(media_type),
            limits=limits,
        )
        return _result(document)
    except ParseError as error:
        return {"error": error.code, "params": error.params}, b""
    except MemoryError:
        reserve = None  # noqa: F841  (freed so that the answer can be written)
        return {"error": "out_of_memory", "params": {"limit": limits.max_memory_bytes // _MEGABYTE}}, b""
    except Exception as error:  # a fault of ours, or of a library, must not stop the next document
        return {"error": "crashed", "params": {"detail": _place(error)}}, b""


def _result(document: ParsedDocument) -> tuple[Header, bytes]:
    blocks = [
        [block.kind.value, block.start, block.end, block.level, block.page] for block in document.blocks
    ]
    header: Header = {
        "title": document.title,
        "language": document.language,
        "pages": document.pages,
        "blocks": blocks,
    }
    return header, document.text.encode()


def _place(error: Exception) -> str:
    """Return the error's type and line, not its message: that may hold text of the document."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {os.path.basename(frames[-1].filename)}:{frames[-1].lineno}" if frames else ""
    return type(error).__name__ + where


def _receive(stream: BinaryIO) -> tuple[Header, bytes] | None:
    lengths = stream.read(LENGTHS.size)
    if len(lengths) < LENGTHS.size:
        return None
    header_length, body_length = LENGTHS.unpack(lengths)
    header: Header = json.loads(stream.read(header_length))
    return header, stream.read(body_length)


def _send(stream: BinaryIO, header: Header, body: bytes = b"") -> None:
    for part in pack(header, body):
        stream.write(part)
    stream.flush()


def _end_with_parent(parent: int) -> None:
    """End the process when the other end of standard input is gone, however busy the main thread is."""
    poll = select.poll()
    poll.register(sys.stdin.fileno(), 0)
    while not poll.poll(_PARENT_CHECK_MS) and os.getppid() == parent:
        pass
    os._exit(0)


def _limit_process(header: Header) -> None:
    """Forbid core dumps, writing files and unreasonable memory, where the system lets us."""
    try:
        import resource
    except ImportError:
        return
    _set_limit(resource.RLIMIT_CORE, 0)
    _set_limit(resource.RLIMIT_FSIZE, 0)
    _set_limit(resource.RLIMIT_NOFILE, _OPEN_FILES)
    limits = header["limits"]
    memory = limits["max_memory_bytes"]  # type: ignore[index]
    if used := _address_space():
        _set_limit(resource.RLIMIT_AS, used + memory)


def _set_limit(kind: int, value: int) -> None:
    import resource

    _, hard = resource.getrlimit(kind)
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    try:
        resource.setrlimit(kind, (value, value))
    except (OSError, ValueError):
        return


def _address_space() -> int:
    """Return the bytes of address space in use, 0 where only Linux would tell."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def _limit_time(header: Header) -> None:
    """Allow the next document its processor time beyond what was used before."""
    try:
        import resource
    except ImportError:
        return
    usage = resource.getrusage(resource.RUSAGE_SELF)
    limits = header["limits"]
    seconds = limits["max_seconds"]  # type: ignore[index]
    soft = int(usage.ru_utime + usage.ru_stime + seconds) + 1
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    if hard == resource.RLIM_INFINITY or soft <= hard:
        resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))


if __name__ == "__main__":
    main()
