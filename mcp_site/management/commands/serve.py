"""``manage.py serve``: everything that ``make run`` starts, under one parent."""

from __future__ import annotations

import errno
import http.client
import os
import signal
import socket
import sys
import threading
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from mcp_site.serving import preparation
from mcp_site.serving.lifeline import Lifeline
from mcp_site.serving.supervisor import Command as Child
from mcp_site.serving.supervisor import Supervisor

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Command(BaseCommand):
    """Prepare, then run web and worker until told to stop."""

    help = "Prepare the installation, then run web server and worker until Ctrl-C or SIGTERM."

    def handle(self, *args: Any, **options: Any) -> None:
        """Run; exits 2 if the address cannot be used."""
        listener = _listen(settings.HOST, settings.PORT)
        self._prepare()
        lifeline = Lifeline.open()
        supervisor = Supervisor(_children(listener, lifeline))
        for number in STOP_SIGNALS:
            # Under nohup SIGHUP is ignored on purpose, and stays so.
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, lambda *_: supervisor.stop())
        threading.Thread(target=self._announce, args=(supervisor,), daemon=True).start()
        code = supervisor.run()
        self.stdout.write("MCP has stopped." if code == 0 else "MCP has stopped: the web server ended.")
        sys.exit(code)

    def _prepare(self) -> None:
        preparation.prepare_database()
        if password := preparation.prepare_admin():
            self.stdout.write(f"First log-in: user {preparation.ADMIN}, password {password} (shown only now)")
        preparation.prepare_static()
        preparation.prepare_starter()

    def _announce(self, supervisor: Supervisor) -> None:
        """Print the address once the web server really answers."""
        while not supervisor.stopping.wait(0.1):
            if _answers(settings.HOST, settings.PORT):
                self.stdout.write(f"MCP answers at {address()}")
                self.stdout.flush()
                return


def address() -> str:
    """Return the URL to open in a browser."""
    host = _reachable(settings.HOST)
    shown = f"[{host}]" if ":" in host else host
    return settings.PUBLIC_URL or f"http://{shown}:{settings.PORT}/"


def _reachable(host: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)  # noqa: S104


def _answers(host: str, port: int) -> bool:
    connection = http.client.HTTPConnection(_reachable(host), port, timeout=2)
    try:
        connection.request("GET", "/health", headers={"Host": "localhost"})
        return connection.getresponse().status < 500
    except OSError:
        return False
    finally:
        connection.close()


def _listen(host: str, port: int) -> socket.socket:
    """Return the listening socket, taken before anything else so that a used port changes nothing."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=256)
    except OSError as error:
        used = error.errno == errno.EADDRINUSE
        reason = "is already in use" if used else f"cannot be used ({os.strerror(error.errno or 0)})"
        hint = "set PORT to a free one" if used else "check HOST and PORT"
        print(f"MCP cannot start: PORT {port} on HOST {host} {reason}; {hint}.", file=sys.stderr)
        sys.exit(2)


def _children(listener: socket.socket, lifeline: Lifeline) -> list[Child]:
    manage = [sys.executable, str(settings.BASE_DIR / "manage.py")]
    # Temporary files stay in the data folder as well.
    environment = {**lifeline.environment(), "TMPDIR": str(settings.FILE_UPLOAD_TEMP_DIR)}
    web = Child(
        name="web",
        argv=[*manage, "run_web", "--fd", str(listener.fileno())],
        essential=True,
        pass_fds=(listener.fileno(), lifeline.fd),
        environment=environment,
    )
    worker = Child(
        name="worker",
        argv=[*manage, "run_worker"],
        essential=False,
        pass_fds=(lifeline.fd,),
        environment=environment,
    )
    return [web, worker]
