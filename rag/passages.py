"""What the embedder is given for a passage, and the hash that names it. Pure."""

from __future__ import annotations

import hashlib


def embedding_text(title: str, heading: str, text: str) -> str:
    """Return the text whose vector stands for the passage: its place in the document, then its words."""
    place = " › ".join(part for part in (title, heading) if part)
    return f"{place}\n{text}" if place else text


def text_hash(text: str) -> str:
    """Return the SHA-256 of a text in hex: the key of its vectors."""
    return hashlib.sha256(text.encode()).hexdigest()
