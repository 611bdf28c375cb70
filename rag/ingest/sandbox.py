"""A separate process that reads documents, so that a hostile one can harm nothing but itself."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import select
import signal
import subprocess
import sys
import threading
import time
from dataclasses import asdict
from pathlib import Path
from types import TracebackType

from rag.ingest.errors import PARSE_ERRORS, ParseError
from rag.ingest.parsers.base import MEGABYTE, ParseLimits
from rag.ingest.sandbox_child import LENGTHS, Header, pack
from rag.values import Block, BlockKind, ParsedDocument

_ROOT = Path(__file__).resolve().parents[2]
_START_SECONDS = 60.0
_GRACE_SECONDS = 1.0
"""Beyond the limit, for the child to notice by itself and for the transfer."""
_READ_SIZE = 1 << 18
_MEMORY_SIGNALS = (-signal.SIGKILL, -signal.SIGABRT)
"""How the kernel, and native code that is refused memory, end a process."""
_MAX_FRAME = 1 << 29
_KEPT_VARIABLES = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "TMPDIR", "VIRTUAL_ENV", "SYSTEMROOT")


class _ChildGone(Exception):
    """The child closed its end of the pipe."""


class ParserProcess:
    """Reads one document at a time in a child process, which is replaced when a document breaks it.

    The child has limits on memory, processor time and files (on Linux; elsewhere on time only), none of
    our environment, and ends when this process ends. Safe to share between threads: calls wait for each other.
    """

    def __init__(self, limits: ParseLimits | None = None, *, recycle_after: int = 200) -> None:
        self._limits = limits or ParseLimits()
        self._recycle_after = recycle_after
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._served = 0
        self._inherited_peak = 0

    def __enter__(self) -> ParserProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def pid(self) -> int | None:
        """The child's process id, None while there is none."""
        return self._child.pid if self._child else None

    def parse(self, data: bytes, *, filename: str, media_type: str | None = None) -> ParsedDocument:
        """Return the document. Raises ParseError, also for time-outs and crashes."""
        if len(data) > self._limits.max_bytes:
            megabytes = -(-len(data) // MEGABYTE)
            raise ParseError(
                "too_large", {"megabytes": megabytes, "limit": self._limits.max_bytes // MEGABYTE}
            )
        request: Header = {"filename": filename, "media_type": media_type, "limits": asdict(self._limits)}
        with self._lock:
            child = self._ready_child()
            try:
                header, body = self._exchange(child, request, data)
            except _ChildGone:
                raise self._explain_end(child) from None
            except BaseException:
                self._kill()
                raise
            self._served += 1
            if header.get("error") == "out_of_memory" or self._served >= self._recycle_after:
                self._kill()
        return _document(header, body)

    def close(self) -> None:
        """End the child."""
        with self._lock:
            self._kill()

    def _ready_child(self) -> subprocess.Popen[bytes]:
        if self._child is not None and self._child.poll() is None:
            return self._child
        self._kill()
        # Linux counts the memory of the process that starts another as the peak of both.
        self._inherited_peak = _peak_bytes(resource.getrusage(resource.RUSAGE_SELF))
        self._child, self._served = _start(), 0
        try:
            _read_frame(self._child, time.monotonic() + _START_SECONDS)
        except (_ChildGone, TimeoutError) as error:
            self._kill()
            raise RuntimeError("The process that reads documents does not start.") from error
        return self._child

    def _exchange(self, child: subprocess.Popen[bytes], request: Header, data: bytes) -> tuple[Header, bytes]:
        deadline = time.monotonic() + self._limits.max_seconds + _GRACE_SECONDS
        try:
            for part in pack(request, data):
                _write(child, part, deadline)
            return _read_frame(child, deadline)
        except TimeoutError as error:
            self._kill()
            raise self._timeout() from error

    def _timeout(self) -> ParseError:
        return ParseError("timeout", {"seconds": round(self._limits.max_seconds)})

    def _explain_end(self, child: subprocess.Popen[bytes]) -> ParseError:
        """Return why the child died: it used up its time or memory, or the document crashed it."""
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        self._kill()
        if child.returncode == -signal.SIGXCPU:
            return self._timeout()
        much = max(self._limits.max_memory_bytes // 2, self._inherited_peak)
        if child.returncode in _MEMORY_SIGNALS or _peak_bytes(usage) > much:
            return ParseError("out_of_memory", {"limit": self._limits.max_memory_bytes // MEGABYTE})
        return ParseError("crashed", {"detail": f"exit {child.returncode}"})

    def _kill(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        with contextlib.suppress(ProcessLookupError):
            child.kill()
        child.wait()
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                pipe.close()


def _peak_bytes(usage: resource.struct_rusage) -> int:
    """Return the most memory that a process had, as far as ``usage`` tells."""
    return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _start() -> subprocess.Popen[bytes]:
    environment = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    environment |= {
        "PYTHONPATH": str(_ROOT),
        "PYTHONUTF8": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "MALLOC_ARENA_MAX": "1",
    }
    child = subprocess.Popen(  # noqa: S603  (our own interpreter and module)
        [sys.executable, "-m", "rag.ingest.sandbox_child"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=_ROOT,
        env=environment,
        bufsize=0,
        start_new_session=True,
    )
    os.set_blocking(_fd(child.stdin), False)
    os.set_blocking(_fd(child.stdout), False)
    return child


def _fd(pipe: object) -> int:
    return int(pipe.fileno())  # type: ignore[attr-defined]


def _wait(fd: int, event: int, deadline: float) -> None:
    poll = select.poll()
    poll.register(fd, event)
    left = deadline - time.monotonic()
    if left <= 0 or not poll.poll(left * 1000):
        raise TimeoutError


def _write(child: subprocess.Popen[bytes], data: bytes, deadline: float) -> None:
    view, fd = memoryview(data), _fd(child.stdin)
    while view:
        _wait(fd, select.POLLOUT, deadline)
        try:
            view = view[os.write(fd, view) :]
        except BlockingIOError:
            continue
        except BrokenPipeError as error:
            raise _ChildGone from error


def _read(child: subprocess.Popen[bytes], size: int, deadline: float) -> bytes:
    data, fd = bytearray(), _fd(child.stdout)
    while len(data) < size:
        _wait(fd, select.POLLIN, deadline)
        part = os.read(fd, min(_READ_SIZE, size - len(data)))
        if not part:
            raise _ChildGone
        data += part
    return bytes(data)


def _read_frame(child: subprocess.Popen[bytes], deadline: float) -> tuple[Header, bytes]:
    header_length, body_length = LENGTHS.unpack(_read(child, LENGTHS.size, deadline))
    if header_length + body_length > _MAX_FRAME:
        raise ParseError("crashed", {"detail": "oversized answer"})
    try:
        header = json.loads(_read(child, header_length, deadline))
    except ValueError as error:
        raise ParseError("crashed", {"detail": "malformed answer"}) from error
    return header, _read(child, body_length, deadline)


def _document(header: Header, body: bytes) -> ParsedDocument:
    """Return the document in an answer, or raise the error in it; nothing in it is taken on trust."""
    if "error" in header:
        code, params = header["error"], header.get("params")
        if code in PARSE_ERRORS and isinstance(params, dict):
            raise ParseError(str(code), params)
        raise ParseError("crashed", {"detail": "unknown answer"})
    try:
        text = body.decode()
        blocks = tuple(_block(row, len(text)) for row in header["blocks"])  # type: ignore[attr-defined]
        if any(first.end > second.start for first, second in zip(blocks, blocks[1:], strict=False)):
            raise ValueError("overlapping blocks")
        return ParsedDocument(
            str(header["title"]), text, blocks, str(header["language"]), _number(header["pages"])
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ParseError("crashed", {"detail": "malformed answer"}) from error


def _block(row: list[object], length: int) -> Block:
    kind, start, end, level, page = row
    block = Block(BlockKind(str(kind)), int(start), int(end), int(level), _number(page))  # type: ignore[call-overload]
    if not 0 <= block.start < block.end <= length:
        raise ValueError("block outside of the text")
    return block


def _number(value: object) -> int | None:
    return None if value is None else int(value)  # type: ignore[call-overload]
