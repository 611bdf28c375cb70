"""Small servers on free local ports that say exactly the bytes a test wants, with or without TLS."""

from __future__ import annotations

import datetime
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Answer = Callable[[socket.socket, bytes], None]
"""Called with the connection and the head of a request; it sends what it likes."""


@dataclass
class LocalServer:
    """A running server and what it saw."""

    port: int
    requests: list[bytes] = field(default_factory=list)
    names: list[str | None] = field(default_factory=list)
    """Server names that TLS clients asked for (SNI)."""
    connections: int = 0
    closing: threading.Event = field(default_factory=threading.Event)
    waiting: threading.Event = field(default_factory=threading.Event)
    """Set when an answer is at the point where it hangs."""

    def url(self, path: str = "/", *, host: str = "127.0.0.1", scheme: str = "http") -> str:
        return f"{scheme}://{host}:{self.port}{path}"

    def hang(self) -> None:
        """Say nothing more until the test is over."""
        self.waiting.set()
        self.closing.wait()


@contextmanager
def serving(
    answer: Answer,
    *,
    address: str = "127.0.0.1",
    tls: ssl.SSLContext | None = None,
    greeting: bytes = b"",
) -> Iterator[LocalServer]:
    """Yield a server that gives each request to ``answer`` and then closes the connection.

    It says ``greeting`` first, before it has read anything.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.create_server((address, 0), family=family) as listener:
        server = LocalServer(listener.getsockname()[1])
        if tls is not None:
            tls.sni_callback = lambda _socket, name, _context: server.names.append(name)
        threads: list[threading.Thread] = []

        def serve(connection: socket.socket) -> None:
            connection.sendall(greeting)
            _serve(connection, server, answer, tls)

        acceptor = threading.Thread(target=_accept, args=(listener, server, serve, threads))
        acceptor.start()
        try:
            yield server
        finally:
            server.closing.set()
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            acceptor.join()
            for thread in threads:
                thread.join()


def _accept(
    listener: socket.socket,
    server: LocalServer,
    serve: Callable[[socket.socket], None],
    threads: list[threading.Thread],
) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        server.connections += 1
        thread = threading.Thread(target=serve, args=(connection,))
        threads.append(thread)
        thread.start()


def _serve(
    connection: socket.socket, server: LocalServer, answer: Answer, tls: ssl.SSLContext | None
) -> None:
    with connection, suppress(OSError):
        stream = tls.wrap_socket(connection, server_side=True) if tls else connection
        with stream:
            head = b""
            while b"\r\n\r\n" not in head:
                piece = stream.recv(65536)
                if not piece:
                    return
                head += piece
            server.requests.append(head)
            answer(stream, head)


def reply(body: bytes = b"ok", *, status: str = "200 OK", headers: str = "") -> Answer:
    """Return an answer with the body and its length; ``headers`` are whole lines."""

    def send(connection: socket.socket, head: bytes) -> None:
        length = f"Content-Length: {len(body)}\r\n"
        connection.sendall(f"HTTP/1.1 {status}\r\n{length}{headers}\r\n".encode() + body)

    return send


def redirect(location: str, *, status: str = "302 Found") -> Answer:
    return reply(b"", status=status, headers=f"Location: {location}\r\n")


@contextmanager
def deaf_port() -> Iterator[int]:
    """Yield a port whose queue is full: a connection to it is neither accepted nor refused."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            with suppress(BlockingIOError):
                filler.connect(listener.getsockname())
        try:
            yield listener.getsockname()[1]
        finally:
            for filler in fillers:
                filler.close()


def free_port() -> int:
    """Return a port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@dataclass(frozen=True)
class Authority:
    """A certificate authority for tests."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @classmethod
    def create(cls) -> Authority:
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder("test authority", key.public_key(), "test authority")
        extension = x509.BasicConstraints(ca=True, path_length=None)
        return cls(key, builder.add_extension(extension, critical=True).sign(key, hashes.SHA256()))

    def trusting_context(self) -> ssl.SSLContext:
        pem = self.certificate.public_bytes(serialization.Encoding.PEM).decode()
        return ssl.create_default_context(cadata=pem)

    def server_context(self, folder: Path, *names: str, expired: bool = False) -> ssl.SSLContext:
        """Return the context of a server with a certificate for these names or addresses."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(names[0], key.public_key(), "test authority", expired=expired)
        builder = builder.add_extension(
            x509.SubjectAlternativeName([_general_name(name) for name in names]), False
        )
        certificate = builder.sign(self.key, hashes.SHA256())
        path = folder / f"{names[0]}.pem"
        path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _builder(
    subject: str, key: ec.EllipticCurvePublicKey, issuer: str, *, expired: bool = False
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    end = now - datetime.timedelta(days=1) if expired else now + datetime.timedelta(days=1)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=2))
        .not_valid_after(end)
    )
