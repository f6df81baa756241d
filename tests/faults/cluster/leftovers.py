"""A run's folder, and what runs left behind that were killed: processes, mounts. Each is known by its run's process."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

_RUN = "/tmp/subledger-faults-"


@contextmanager
def run_folder() -> Iterator[Path]:
    """A folder with a short path for the block; it stays if there is something in a round's folder that is worth a look."""
    _remove_leftovers()
    folder = Path(f"{_RUN}{os.getpid()}")
    yield folder
    if not any(folder.glob("*/verdict")):
        shutil.rmtree(folder)


def _remove_leftovers() -> None:
    """End what works in the folder of a run that is no more. The folders stay."""
    for process in psutil.process_iter(["cmdline", "environ"]):
        about = " ".join([*(process.info["cmdline"] or ()), (process.info["environ"] or {}).get("SUBLEDGER_STATE", "")])
        if any(not psutil.pid_exists(int(pid)) for pid in re.findall(rf"{_RUN}(\d+)/", about)):
            process.kill()
    for line in Path("/proc/mounts").read_text().splitlines():
        place = line.split()[1]
        found = re.match(rf"{_RUN}(\d+)/", place)
        if found is not None and not psutil.pid_exists(int(found[1])):
            subprocess.run(["umount", "--lazy", place], check=True)
