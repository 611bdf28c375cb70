"""A stand-in MongoDB for tests: SecantusDB, with two stages brought to what django-mongodb-backend expects.

It is an emulator: green here says that our code and the backend agree with it, not with a genuine MongoDB.
Set MONGODB_TEST_URL to run the same tests on a real server. Run as ``python tests/mongo_server.py --port N
--storage-path :memory:``.

What differs without this: ``{"$project": {"a": {"b": 1}}}`` returns the literal 1 instead of including
``a.b``, and ``$addFields`` with a nested document replaces the document instead of merging into it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import secantus.aggregate as aggregate  # private names of 0.7.0b3, hence the exact pin
from secantus.cli import main

Stage = Callable[[Any, Any, Any], Any]


def flat(spec: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested documents as dotted paths; expressions (``{"$op": ...}``) stay whole."""
    result: dict[str, Any] = {}
    for key, value in spec.items():
        nested = isinstance(value, dict) and value and not any(str(name).startswith("$") for name in value)
        result |= flat(value, f"{prefix}{key}.") if nested else {prefix + key: value}
    return result


def with_flat_spec(stage: Stage) -> Stage:
    """Return the stage, called with dotted paths."""
    return lambda spec, docs, context: stage(flat(spec) if isinstance(spec, dict) else spec, docs, context)


def repair() -> None:
    """Replace the stages in this process."""
    for name in ("$project", "$addFields", "$set"):
        aggregate._STAGES[name] = with_flat_spec(aggregate._STAGES[name])


if __name__ == "__main__":
    repair()
    main()
