"""Typed reading of environment variables; a wrong value stops the start with one line that names it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import environ  # type: ignore[import-untyped]

from resilience.addresses import IPNetwork, parse_networks

T = TypeVar("T")


class EnvError(ValueError):
    """A variable holds a value that MCP cannot use."""


class Env:
    """Reader over a mapping; ``NAME_FILE`` supplies any value from a file, as container secrets do."""

    def __init__(self, values: dict[str, str] | None = None) -> None:
        self._values = dict(os.environ if values is None else values)

    @classmethod
    def load(cls, dotenv: Path) -> Env:
        """Return a reader over the process environment, completed (never overridden) by a ``.env`` file."""
        if dotenv.is_file():
            environ.Env.read_env(str(dotenv))
        return cls()

    def raw(self, name: str) -> str | None:
        """Return the text of a variable, else of the file that ``NAME_FILE`` names, else None."""
        if value := self._values.get(name, "").strip():
            return value
        if path := self._values.get(f"{name}_FILE", "").strip():
            try:
                return Path(path).read_text(encoding="utf-8").strip() or None
            except (OSError, UnicodeDecodeError) as error:
                raise EnvError(f"{name}_FILE: cannot read {path!r} ({error.__class__.__name__})") from error
        return None

    def _parsed(self, name: str, default: T, parse: Callable[[str], T], expected: str) -> T:
        value = self.raw(name)
        if value is None:
            return default
        try:
            return parse(value)
        except (ValueError, TypeError) as error:
            raise EnvError(f"{name}: expected {expected}, got {value!r}") from error

    def text(self, name: str, default: str = "", *, choices: tuple[str, ...] = ()) -> str:
        """Return a text; with ``choices``, one of them."""

        def parse(value: str) -> str:
            if choices and value not in choices:
                raise ValueError(value)
            return value

        return self._parsed(name, default, parse, "one of " + ", ".join(choices))

    def secret(self, name: str) -> str:
        """Return a secret as text, "" where absent; errors never show it."""
        return self.raw(name) or ""

    def integer(self, name: str, default: int, *, low: int = 0, high: int = 2**53) -> int:
        """Return a whole number from ``low`` to ``high``."""
        return self._parsed(
            name, default, lambda v: _between(int(v), low, high), f"a whole number from {low} to {high}"
        )

    def number(self, name: str, default: float, *, low: float = 0.0, high: float = 1e12) -> float:
        """Return a number from ``low`` to ``high``."""
        return self._parsed(
            name, default, lambda v: _between(float(v), low, high), f"a number from {low} to {high}"
        )

    def flag(self, name: str, default: bool) -> bool:
        """Return True for 1/true/yes/on and False for 0/false/no/off."""
        words = {"1": True, "true": True, "yes": True, "on": True}
        words |= {"0": False, "false": False, "no": False, "off": False}

        def parse(value: str) -> bool:
            if value.lower() not in words:
                raise ValueError(value)
            return words[value.lower()]

        return self._parsed(name, default, parse, "1 or 0")

    def words(self, name: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
        """Return comma-separated words without the blanks around them."""
        return self._parsed(
            name, default, lambda v: tuple(w.strip() for w in v.split(",") if w.strip()), "a list"
        )

    def networks(self, name: str, default: str = "") -> tuple[IPNetwork, ...]:
        """Return comma-separated CIDRs, none by default."""
        expected = "comma-separated CIDRs such as 10.0.0.0/8"
        return self._parsed(name, _networks(default), _networks, expected)

    def url(self, name: str, default: str = "", *, schemes: tuple[str, ...]) -> str:
        """Return a URL whose scheme is one of ``schemes``; errors do not show it: it may hold a password."""
        value = self.raw(name) or default
        if value and value.split(":", 1)[0] not in schemes:
            raise EnvError(f"{name}: expected a URL that begins with one of " + ", ".join(schemes))
        return value


def _networks(value: str) -> tuple[IPNetwork, ...]:
    return parse_networks(value.split(","))


def _between(value: T, low: float, high: float) -> T:
    if not low <= value <= high:  # type: ignore[operator]
        raise ValueError(value)
    return value


def stop(error: EnvError) -> None:
    """End the process with one readable line instead of a traceback."""
    print(f"MCP cannot start: {error}", file=sys.stderr)
    sys.exit(2)
