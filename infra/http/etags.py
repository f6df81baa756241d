"""Strong entity tags: a stream's version in quotes; ``If-None-Match`` for readers, ``If-Match`` for writers."""

from __future__ import annotations


def etag(version: int | str) -> str:
    return f'"{version}"'


def tags(header: str) -> frozenset[str]:
    """The tags of a header; a weak one without its mark, as the weak comparison of If-None-Match wants. ``*`` stands for any."""
    return frozenset(part.strip().removeprefix("W/") for part in header.split(",") if part.strip())


def none_match(header: str | None, version: int | str) -> bool:
    """Whether a reader has this version already, so that 304 is the answer."""
    given = tags(header or "")
    return "*" in given or etag(version) in given
