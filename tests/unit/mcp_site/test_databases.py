from __future__ import annotations

from pathlib import Path

import pytest

from mcp_site import databases
from mcp_site.env import EnvError

DATA = Path("/data")


def test_without_a_url_the_database_is_a_file_in_the_data_folder() -> None:
    entry = databases.database("", DATA)

    assert entry["NAME"] == DATA / "mcp.sqlite3"
    assert entry["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
    assert "journal_mode=WAL" in entry["OPTIONS"]["init_command"]


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///relative/a.db", Path("relative/a.db")),
        ("sqlite:////absolute/a.db", Path("/absolute/a.db")),
        ("sqlite:///with%20blank.db", Path("with blank.db")),
    ],
)
def test_a_sqlite_url_names_a_file(url: str, path: Path) -> None:
    assert databases.database(url, DATA)["NAME"] == path


@pytest.mark.parametrize("url", ["sqlite://", "sqlite://host/a.db"])
def test_a_sqlite_url_without_a_path_is_refused(url: str) -> None:
    with pytest.raises(EnvError, match="^DATABASE_URL"):
        databases.database(url, DATA)


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("mongodb://host:27017/node", "node"),
        ("mongodb+srv://host/?retryWrites=true", "mcp"),
    ],
)
def test_a_mongodb_url_chooses_engine_name_and_migrations(url: str, name: str) -> None:
    entry = databases.database(url, DATA)

    assert (entry["ENGINE"], entry["NAME"]) == ("django_mongodb_backend", name)
    assert databases.migration_modules(url)["auth"] == "mcp_site.mongo_migrations.auth"
    assert databases.migration_modules("") == {}
