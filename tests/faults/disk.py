"""A small disk (tmpfs) that can be filled up."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

_PAGE = 4096


class Disk:
    """Mounted on ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._ballast = folder / "ballast"

    def fill(self) -> None:
        """Leave no room, not for a page."""
        with self._ballast.open("wb", buffering=0) as ballast:
            for piece in (bytes(1_000_000), bytes(_PAGE)):
                with suppress(OSError):  # no space left
                    while True:
                        ballast.write(piece)

    def free(self) -> None:
        """Give the room back."""
        self._ballast.unlink()


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Disk]:
    """A disk of its own for ``folder``, with what is in it; gone with the block. Skips the test where nothing may be mounted."""
    folder.mkdir(parents=True, exist_ok=True)
    owner = folder.stat()
    before = folder.with_name(f"{folder.name}-before")
    folder.rename(before)
    folder.mkdir()
    options = f"size={megabytes}m,uid={owner.st_uid},gid={owner.st_gid},mode={owner.st_mode & 0o777:o}"
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"no disk can be mounted here: {mounted.stderr.strip()}")
    try:
        subprocess.run(["cp", "-a", f"{before}/.", folder], check=True)
        yield Disk(folder)
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)
