"""Web: p50 and p99 of cached and uncached questions with 1, 10 and 50 users at once, and while documents come in.

    python benchmarks/web.py [--seconds 5] [--documents 200]

Starts its own server with an empty data folder and the operator's guide, and ends it. All traffic stays on loopback.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import httpx2

ROOT = Path(__file__).resolve().parent.parent
PASSWORD = "benchmark-only-password"  # noqa: S105
TOPICS = (
    "channel",
    "fee",
    "backup",
    "liquidity",
    "watchtower",
    "peer",
    "force close",
    "invoice",
    "macaroon",
    "Tor",
)
CACHED = "Comment équilibrer un canal ?"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def server() -> Iterator[str]:
    """Yield the address of a running MCP; it ends with the block."""
    with tempfile.TemporaryDirectory(prefix="mcp-bench-") as data:
        port = free_port()
        environment = os.environ | {
            "MCP_DATA_DIR": data,
            "PORT": str(port),
            "MCP_ADMIN_PASSWORD": PASSWORD,
            "LOG_LEVEL": "WARNING",
        }
        process = subprocess.Popen(
            [sys.executable, "manage.py", "serve"], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL
        )
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(20)


async def until(check: Callable[[], object], seconds: float) -> None:
    """Wait until an asynchronous check is true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(httpx2.HTTPError):
            if await check():  # type: ignore[misc]
                return
        await asyncio.sleep(0.2)
    raise SystemExit("the server did not get ready")


@contextlib.asynccontextmanager
async def client(address: str) -> AsyncIterator[httpx2.AsyncClient]:
    """Yield a client that is logged in with a token."""
    limits = httpx2.Limits(max_connections=64, max_keepalive_connections=64)
    async with httpx2.AsyncClient(base_url=address, timeout=60, limits=limits, trust_env=False) as http:

        async def alive() -> bool:
            return (await http.get("/health")).status_code == 200

        await until(alive, 120)
        answer = await http.post("/api/v1/auth/token", json={"username": "admin", "password": PASSWORD})
        http.headers["Authorization"] = f"Bearer {answer.json()['token']}"
        yield http


async def ask(http: httpx2.AsyncClient, question: str) -> float:
    """Return the milliseconds that one question took."""
    start = time.perf_counter()
    answer = await http.post("/api/v1/rag/query", json={"question": question})
    answer.raise_for_status()
    return (time.perf_counter() - start) * 1000


async def load(
    http: httpx2.AsyncClient, users: int, seconds: float, question: Callable[[], str]
) -> list[float]:
    """Return the latencies of ``users`` that ask one question after another."""
    end = time.monotonic() + seconds

    async def user() -> list[float]:
        times = []
        while time.monotonic() < end:
            times.append(await ask(http, question()))
        return times

    return [each for times in await asyncio.gather(*(user() for _ in range(users))) for each in times]


def report(name: str, times: list[float], seconds: float) -> None:
    cuts = statistics.quantiles(times, n=100) if len(times) > 1 else times * 99
    rate = len(times) / seconds
    print(f"{name:34s} n={len(times):5d}  p50={cuts[49]:7.1f} ms  p99={cuts[98]:7.1f} ms  {rate:6.1f}/s")


async def ready(http: httpx2.AsyncClient) -> bool:
    answer = await http.get("/api/v1/rag/documents", params={"page_size": 1})
    waiting = 0
    for status in ("queued", "processing"):
        found = await http.get("/api/v1/rag/documents", params={"status": status, "page_size": 1})
        waiting += found.json()["count"]
    return answer.json()["count"] > 0 and waiting == 0


async def measure(address: str, seconds: float, documents: int) -> None:
    numbers = iter(range(10**9))

    def fresh() -> str:
        number = next(numbers)
        return f"What should I know about {TOPICS[number % 10]} and {TOPICS[(number // 10) % 10]} number {number}?"

    async with client(address) as http:
        await until(lambda: ready(http), 300)
        await ask(http, CACHED)
        for users in (1, 10, 50):
            report(f"cached, {users} users", await load(http, users, seconds, lambda: CACHED), seconds)
            report(f"uncached, {users} users", await load(http, users, seconds, fresh), seconds)
        for number in range(documents):
            text = f"# Note {number}\n\n" + "\n\n".join(
                f"Paragraph {n} of note {number} tells how {TOPICS[n % 10]} {number * n} behaves."
                for n in range(12)
            )
            body = {"title": f"Note {number}", "text": text}
            (await http.post("/api/v1/rag/documents", json=body)).raise_for_status()
        report("cached question while ingesting", await load(http, 2, seconds, lambda: CACHED), seconds)
        report("uncached question while ingesting", await load(http, 2, seconds, fresh), seconds)
        start = time.perf_counter()
        await until(lambda: ready(http), 900)
        print(
            f"{documents} documents were ready {time.perf_counter() - start:.1f} s after the last measurement"
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--documents", type=int, default=200)
    options = parser.parse_args()
    with server() as address:
        asyncio.run(measure(address, options.seconds, options.documents))


if __name__ == "__main__":
    main()
