from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from rag.ingest import sandbox
from rag.ingest.errors import ParseError
from rag.ingest.parsers import MEGABYTE, ParseLimits, parse
from rag.ingest.sandbox import ParserProcess
from rag.values import ParsedDocument
from tests.factories_documents import bomb_docx, bomb_pdf, build_pdf, column, encrypted_pdf

MARKDOWN = "# Cañon\n\nDu texte — *voilà* 🎉.\n\n- un\n".encode()
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="memory limits are enforced on Linux only")


@pytest.fixture(scope="module")
def shared() -> Iterator[ParserProcess]:
    with ParserProcess(ParseLimits(max_seconds=30)) as process:
        yield process


def code_of(process: ParserProcess, data: bytes, filename: str) -> str:
    with pytest.raises(ParseError) as caught:
        process.parse(data, filename=filename)
    assert str(caught.value)
    return caught.value.code


def works(process: ParserProcess) -> bool:
    return process.parse(MARKDOWN, filename="a.md").title == "Cañon"


def never_ending() -> bytes:
    """Return a page on which the standard library's tag reader takes quadratic time."""
    return b"<html>" + b"<a " * 300_000


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_document_comes_out_as_it_does_in_this_process(shared: ParserProcess) -> None:
    for data, filename in ((MARKDOWN, "a.md"), (build_pdf([column(["Some text."])]), "b.pdf")):
        expected = parse(data, filename=filename, media_type=None, limits=ParseLimits())

        assert shared.parse(data, filename=filename) == expected


def test_one_child_serves_many_documents_and_their_errors(shared: ParserProcess) -> None:
    works(shared)
    pid = shared.pid

    assert code_of(shared, encrypted_pdf(), "a.pdf") == "encrypted"
    assert code_of(shared, b"\x00\x01", "a.md") == "not_text"
    assert works(shared)
    assert shared.pid == pid


def test_the_media_type_reaches_the_parser(shared: ParserProcess) -> None:
    assert shared.parse(b"# Head\n\ntext", filename="download", media_type="text/markdown").title == "Head"


def test_a_document_that_takes_too_long_is_given_up_and_the_next_is_read() -> None:
    with ParserProcess(ParseLimits(max_seconds=0.5)) as process:
        assert works(process)
        first = process.pid

        assert code_of(process, never_ending(), "a.html") == "timeout"
        assert works(process)
        assert process.pid != first


@linux_only
@pytest.mark.parametrize("filename", ["bomb.pdf", "bomb.docx"])
def test_a_bomb_meets_the_memory_limit_and_the_next_document_is_read(filename: str) -> None:
    bomb = bomb_pdf(256 * MEGABYTE) if filename.endswith("pdf") else bomb_docx(48 * MEGABYTE)
    limits = ParseLimits(max_memory_bytes=64 * MEGABYTE, max_characters=10**9, max_decompressed_bytes=10**10)

    with ParserProcess(limits) as process:
        assert code_of(process, bomb, filename) == "out_of_memory"
        assert works(process)


def test_a_child_that_dies_is_replaced(shared: ParserProcess) -> None:
    works(shared)
    assert shared.pid is not None
    os.kill(shared.pid, signal.SIGKILL)
    os.waitid(os.P_PID, shared.pid, os.WEXITED | os.WNOWAIT)

    assert works(shared)


@linux_only
def test_a_crash_while_reading_is_reported() -> None:
    with ParserProcess(ParseLimits(max_seconds=60)) as process:
        works(process)
        pid = process.pid
        assert pid is not None
        failures: list[str] = []
        reader = threading.Thread(target=lambda: failures.append(code_of(process, never_ending(), "a.html")))
        reader.start()
        while cpu_ticks(pid) < cpu_ticks_idle(pid) + 10:
            os.sched_yield()

        os.kill(pid, signal.SIGSEGV)
        reader.join()

        assert failures == ["crashed"]
        assert works(process)


_idle: dict[int, int] = {}


def cpu_ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def cpu_ticks_idle(pid: int) -> int:
    """Return the processor time of the child when it was first looked at."""
    return _idle.setdefault(pid, cpu_ticks(pid))


def test_the_child_is_renewed_after_a_number_of_documents() -> None:
    with ParserProcess(recycle_after=2) as process:
        works(process)
        first = process.pid
        works(process)
        works(process)

        assert process.pid not in (None, first)


def test_closing_ends_the_child() -> None:
    with ParserProcess() as process:
        works(process)
        pid = process.pid

    assert pid is not None and not is_alive(pid)
    assert process.pid is None


def test_calls_from_several_threads_take_turns(shared: ParserProcess) -> None:
    titles: list[str] = []

    def read(number: int) -> None:
        titles.append(shared.parse(f"# Title {number}\n\ntext".encode(), filename="a.md").title)

    threads = [threading.Thread(target=read, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(titles) == [f"Title {number}" for number in range(8)]


@linux_only
def test_the_child_ends_when_its_parent_is_killed_even_in_the_middle_of_a_document() -> None:
    program = (
        "import sys\n"
        "from rag.ingest.sandbox import ParserProcess\n"
        "from rag.ingest.parsers import ParseLimits\n"
        "p = ParserProcess(ParseLimits(max_seconds=600))\n"
        "p.parse(b'text here', filename='a.md')\n"
        "print(p.pid, flush=True)\n"
        "p.parse(b'<html>' + b'<a ' * 300_000, filename='a.html')\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, cwd=Path(sandbox.__file__).parents[2]
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        ended = os.pidfd_open(child)
        parent.kill()

    try:
        readable = wait_readable(ended)
    finally:
        os.close(ended)

    assert readable and not is_alive(child)


def wait_readable(descriptor: int) -> bool:
    import select

    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(60_000))


@linux_only
def test_the_child_sees_none_of_our_secrets_and_may_write_no_file(
    shared: ParserProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    with ParserProcess() as process:
        works(process)
        environment = Path(f"/proc/{process.pid}/environ").read_text()
        limits = Path(f"/proc/{process.pid}/limits").read_text()

    assert "sk-secret" not in environment
    assert [row.split()[3:5] for row in limits.splitlines() if row.startswith("Max file size")] == [
        ["0", "0"]
    ]


def test_the_child_does_not_load_django() -> None:
    program = (
        "import sys, rag.ingest.sandbox_child\n"
        "from rag.ingest.parsers import load_all\n"
        "load_all(); print('django' in sys.modules)"
    )

    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        cwd=Path(sandbox.__file__).parents[2],
        check=True,
    )

    assert done.stdout.strip() == "False"


@pytest.mark.parametrize(
    "header",
    [
        {"title": "t", "language": "", "pages": None, "blocks": [["paragraph", 0, 99, 0, None]]},
        {
            "title": "t",
            "language": "",
            "pages": None,
            "blocks": [["paragraph", 0, 3, 0, None], ["code", 2, 4, 0, None]],
        },
        {"title": "t", "language": "", "pages": None, "blocks": [["virus", 0, 3, 0, None]]},
        {"title": "t", "language": "", "pages": "many", "blocks": []},
        {"title": "t"},
        {"error": "made_up", "params": {}},
        {"error": "empty", "params": "none"},
    ],
)
def test_an_answer_that_makes_no_sense_is_not_believed(header: dict[str, object]) -> None:
    with pytest.raises(ParseError) as caught:
        sandbox._document(json.loads(json.dumps(header)), b"text")

    assert caught.value.code == "crashed"


def test_a_sound_answer_is_believed() -> None:
    header: dict[str, object] = {
        "title": "t",
        "language": "fr",
        "pages": 1,
        "blocks": [["paragraph", 0, 4, 0, 1]],
    }

    assert isinstance(sandbox._document(header, b"text"), ParsedDocument)
