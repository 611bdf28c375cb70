from __future__ import annotations

import ipaddress
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mcp_site.env import Env, EnvError, stop


@pytest.mark.parametrize("word", ["1", "true", "YES", "on"])
def test_words_for_yes_switch_a_flag_on(word: str) -> None:
    assert Env({"X": word}).flag("X", False) is True


@pytest.mark.parametrize("word", ["0", "False", "no", "off"])
def test_words_for_no_switch_a_flag_off(word: str) -> None:
    assert Env({"X": word}).flag("X", True) is False


@pytest.mark.parametrize("value", ["", "   "])
def test_an_empty_value_is_no_value(value: str) -> None:
    env = Env({"X": value})

    assert env.integer("X", 7) == 7
    assert env.text("X", "default") == "default"


WRONG: list[tuple[str, Callable[[Env], Any]]] = [
    ("maybe", lambda env: env.flag("X", True)),
    ("ten", lambda env: env.integer("X", 1)),
    ("70000", lambda env: env.integer("X", 1, high=65535)),
    ("-1", lambda env: env.number("X", 1.0)),
    ("nan", lambda env: env.number("X", 1.0)),
    ("xml", lambda env: env.text("X", "text", choices=("text", "json"))),
    ("10.0.0.0/99", lambda env: env.networks("X")),
    ("ftp://host", lambda env: env.url("X", schemes=("http", "https"))),
]


@pytest.mark.parametrize(("value", "read"), WRONG)
def test_a_wrong_value_is_refused_by_the_name_of_its_variable(value: str, read: Callable[[Env], Any]) -> None:
    with pytest.raises(EnvError, match=r"^X: expected "):
        read(Env({"X": value}))


def test_a_wrong_url_is_not_repeated_because_it_may_hold_a_password() -> None:
    with pytest.raises(EnvError) as caught:
        Env({"X": "postgres://user:hunter2@host/db"}).url("X", schemes=("sqlite",))

    assert "hunter2" not in str(caught.value)


def test_a_value_can_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("from the file\n")

    assert Env({"X_FILE": str(tmp_path / "secret")}).secret("X") == "from the file"


def test_the_variable_wins_over_its_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("from the file")

    assert Env({"X": "direct", "X_FILE": str(tmp_path / "secret")}).secret("X") == "direct"


def test_a_file_that_cannot_be_read_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(EnvError, match="^X_FILE: cannot read"):
        Env({"X_FILE": str(tmp_path / "absent")}).secret("X")


def test_networks_are_read_with_blanks_around_them() -> None:
    found = Env({"X": "10.0.0.0/8, fd00::/8 ,"}).networks("X")

    assert found == (ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("fd00::/8"))


def test_a_dotenv_file_completes_the_environment_and_never_overrides_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("MCP_TEST_SET=from file\nMCP_TEST_ONLY_FILE=from file\n")
    monkeypatch.setenv("MCP_TEST_SET", "from environment")
    monkeypatch.delenv("MCP_TEST_ONLY_FILE", raising=False)

    env = Env.load(tmp_path / ".env")

    assert env.text("MCP_TEST_SET") == "from environment"
    assert env.text("MCP_TEST_ONLY_FILE") == "from file"
    monkeypatch.delenv("MCP_TEST_ONLY_FILE")


def test_stopping_shows_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        stop(EnvError("PORT: expected a whole number"))

    assert caught.value.code == 2
    assert capsys.readouterr().err == "MCP cannot start: PORT: expected a whole number\n"
