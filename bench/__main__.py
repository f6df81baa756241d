"""``python -m bench [NAME…]``: the measurements one after the other, each its table; what they found is kept for bench.report."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import orjson

from bench.harness.result import Result, show

MEASUREMENTS = ("commands", "importing", "recurring", "entitlement")
RESULTS = Path("build/bench")


def main(names: list[str]) -> int:
    """Run these, or all; 1 where one could not be run. A target that is missed is told by its table."""
    unknown = sorted(set(names) - set(MEASUREMENTS))
    if unknown:
        print(f"no such measurement: {', '.join(unknown)}; there are {', '.join(MEASUREMENTS)}", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    RESULTS.mkdir(parents=True, exist_ok=True)
    return max([_run(name) for name in names or MEASUREMENTS])


def _run(name: str) -> int:
    ended = subprocess.run([sys.executable, "-m", f"bench.{name}", "--json"], stdout=subprocess.PIPE, check=False)
    if ended.returncode:
        return 1
    (RESULTS / f"{name}.json").write_bytes(ended.stdout)
    show(Result.from_json(orjson.loads(ended.stdout)), json=False)
    return 0


sys.exit(main(sys.argv[1:]))
