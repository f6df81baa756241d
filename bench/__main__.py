"""``python -m bench [NAME…] [OPTIONS]``: the measurements one after the other, each its table. The options are handed to each.

What they found is kept in build/bench, for bench.report.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from itertools import takewhile

import orjson

from bench import MEASUREMENTS, RESULTS
from bench.harness.result import Result, show


def main(arguments: list[str]) -> int:
    """Run those that are named, or all; 1 where one could not be run. A target that is missed is told by its table."""
    names = list(takewhile(lambda argument: not argument.startswith("-"), arguments))
    options = arguments[len(names) :]
    unknown = sorted(set(names) - set(MEASUREMENTS))
    if unknown:
        print(f"no such measurement: {', '.join(unknown)}; there are {', '.join(MEASUREMENTS)}", file=sys.stderr)
        return 2
    if "--help" in options:
        return _help(names)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    RESULTS.mkdir(parents=True, exist_ok=True)
    return max([_run(name, options) for name in names or MEASUREMENTS])


def _help(names: list[str]) -> int:
    """The options of those that are named; of none, which there are."""
    if not names:
        print(f"{__doc__}\nThere are {', '.join(MEASUREMENTS)}. NAME --help shows the options of one.")
    return max((subprocess.call([sys.executable, "-m", f"bench.{name}", "--help"]) for name in names), default=0)


def _run(name: str, options: list[str]) -> int:
    ended = subprocess.run([sys.executable, "-m", f"bench.{name}", "--json", *options], stdout=subprocess.PIPE, check=False)
    if ended.returncode:
        return 1
    result = Result.from_json(orjson.loads(ended.stdout))
    (RESULTS / f"{name}.json").write_bytes(ended.stdout)
    show(result, json=False)
    return 0


sys.exit(main(sys.argv[1:]))
