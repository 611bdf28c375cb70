"""Message catalogues: compiled by Babel into the data folder when a source changed; no GNU gettext needed."""

from __future__ import annotations

import os
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from django.conf import settings


def compile_catalogues() -> list[Path]:
    """Compile what changed; return the files written. Safe when several processes start at once."""
    written = []
    for source in sorted(settings.LOCALE_SOURCE.glob("*/LC_MESSAGES/*.po")):
        target = settings.LOCALE_PATHS[0] / source.relative_to(settings.LOCALE_SOURCE).with_suffix(".mo")
        if not _is_current(source, target):
            _compile(source, target)
            written.append(target)
    return written


def _is_current(source: Path, target: Path) -> bool:
    # Equality, not order: an older source (a downgrade, another checkout) must be compiled as well.
    return target.is_file() and int(target.stat().st_mtime) == int(source.stat().st_mtime)


def _compile(source: Path, target: Path) -> None:
    modified = source.stat().st_mtime
    with source.open("rb") as file:
        catalogue = read_po(file, locale=source.parts[-3])
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_suffix(f".{os.getpid()}.tmp")
    with partial.open("wb") as file:
        write_mo(file, catalogue)
    os.utime(partial, (modified, modified))
    partial.replace(target)
