"""Headers, cookies, and configurations that are refused or warned of."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import Error, run_checks
from django.test import Client

from mcp_site import checks
from mcp_site.accounts.models import User

ROOT = Path(__file__).resolve().parents[3]


def policy(response: Any) -> dict[str, str]:
    """Return the content security policy by directive."""
    parts = (part.strip().partition(" ") for part in response["Content-Security-Policy"].split(";"))
    return {name: value for name, _blank, value in parts}


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/login", "/account", "/admin/", "/api/docs/"])
def test_pages_run_nothing_that_stands_in_the_page_itself(client: Client, path: str) -> None:
    client.force_login(User.objects.create_superuser("root"))

    response = client.get(path, follow=True)

    rules = policy(response)
    assert "unsafe" not in response["Content-Security-Policy"]
    assert rules["frame-ancestors"] == rules["object-src"] == "'none'"
    page = response.content.decode()
    nonces = set(re.findall(r"'nonce-([^']+)'", response["Content-Security-Policy"]))
    for tag in re.findall(r"<(?:script|style)\b[^>]*>", page):
        assert " src=" in tag or any(nonce in tag for nonce in nonces) or 'type="application/json"' in tag
    assert not re.search(r"<[^>]+\son\w+=", page)
    assert not re.search(r"<[^>]+\sstyle=", page)


def test_every_answer_carries_the_protecting_headers(client: Client) -> None:
    response = client.get("/login")

    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["X-Frame-Options"] == "DENY"
    assert response["Referrer-Policy"] == "same-origin"
    assert "Server" not in response


@pytest.mark.django_db
def test_session_and_csrf_cookies_are_out_of_reach_of_scripts(client: Client) -> None:
    User.objects.create_user("alice", password="correct horse battery")

    client.post("/login", {"username": "alice", "password": "correct horse battery"})

    for name in ("sessionid", "csrftoken"):
        assert client.cookies[name]["httponly"]
        assert client.cookies[name]["samesite"] == "Lax"


@pytest.mark.parametrize(
    ("given", "kept"),
    [("abc-123_x.Y", True), ("a b", False), ("x" * 65, False), ("a\nb", False), ("", False)],
)
def test_a_request_id_is_taken_over_only_if_it_is_harmless(client: Client, given: str, kept: bool) -> None:
    response = client.get("/health", headers={"X-Request-ID": given})

    assert (response["X-Request-ID"] == given) is kept
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,64}", response["X-Request-ID"])


def test_the_request_line_of_the_log_has_no_query(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", logger="mcp.access"):
        client.get("/login?q=my+secret+question", headers={"X-Request-ID": "trace-1"})

    text = caplog.text
    assert "trace-1" in text
    assert "/login" in text
    assert "secret" not in text


def ids(messages: list[Any]) -> list[str]:
    return [str(message.id) for message in messages]


def test_the_default_configuration_has_nothing_to_say() -> None:
    assert [message for message in run_checks() if message.level >= 30] == []


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::", "node.lan"])  # noqa: S104
def test_plain_http_on_a_network_is_warned_of(settings: Any, host: str) -> None:
    settings.HOST = host

    assert ids(checks.check_exposure()) == ["mcp.W001"]


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_this_machine_alone_is_no_reason_to_warn(settings: Any, host: str) -> None:
    settings.HOST = host

    assert checks.check_exposure() == []


def test_debug_on_a_network_stops_the_start(settings: Any) -> None:
    settings.HOST, settings.DEBUG, settings.HTTPS = "0.0.0.0", True, True  # noqa: S104

    messages = checks.check_exposure()

    assert ids(messages) == ["mcp.E001"]
    assert isinstance(messages[0], Error)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://api.example.com/v1", ["mcp.W003"]),
        ("https://api.example.com/v1", []),
        ("http://127.0.0.1:11434/v1", []),
        ("http://192.168.1.20:8080", []),
        ("http://ollama:11434/v1", []),
        ("http://node.local:11434", []),
        ("http://8.8.8.8/v1", ["mcp.W003"]),
        ("", []),
    ],
)
def test_a_key_over_plain_http_to_a_public_host_is_warned_of(
    settings: Any, url: str, expected: list[str]
) -> None:
    settings.OPENAI_BASE_URL = url

    assert ids(checks.check_openai()) == expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [("", []), ("http://localhost:8000", []), ("http://mcp.example.org", ["mcp.W002"])],
)
def test_a_public_address_without_tls_is_warned_of(settings: Any, url: str, expected: list[str]) -> None:
    settings.PUBLIC_URL = url

    assert ids(checks.check_public_url()) == expected


def test_a_short_first_password_is_warned_of(settings: Any) -> None:
    settings.ADMIN_PASSWORD = "short"

    assert ids(checks.check_admin_password()) == ["mcp.W004"]


def manage(data: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a management command with nothing but these variables."""
    variables = {"PATH": "/usr/bin:/bin", "MCP_DATA_DIR": str(data), "LOG_LEVEL": "WARNING", **environment}
    return subprocess.run(
        [sys.executable, "manage.py", *arguments], cwd=ROOT, env=variables, capture_output=True, text=True
    )


@pytest.mark.once
@pytest.mark.parametrize(
    ("name", "value"),
    [("PORT", "eighty"), ("MCP_DEMO", "maybe"), ("DATABASE_URL", "mysql://x"), ("LOG_FORMAT", "xml")],
)
def test_a_wrong_value_stops_the_start_with_one_line(tmp_path: Path, name: str, value: str) -> None:
    result = manage(tmp_path, "check", **{name: value})

    assert result.returncode == 2
    assert len(result.stderr.splitlines()) == 1
    assert result.stderr.startswith(f"MCP cannot start: {name}: expected ")


@pytest.mark.once
def test_the_secret_key_is_made_once_and_only_for_its_owner(tmp_path: Path) -> None:
    manage(tmp_path, "check")
    first = (tmp_path / "secret_key").read_text()

    manage(tmp_path, "check")

    assert (tmp_path / "secret_key").read_text() == first
    assert len(first) >= 64
    assert (tmp_path / "secret_key").stat().st_mode & 0o077 == 0


@pytest.mark.once
def test_the_data_folder_is_only_for_its_owner(tmp_path: Path) -> None:
    manage(tmp_path / "data", "check")

    assert (tmp_path / "data").stat().st_mode & 0o077 == 0
