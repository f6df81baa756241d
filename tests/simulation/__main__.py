"""``python -m tests.simulation``: many histories, or one that is told in full.

Ends with status 1 where one fails, and with the shortest schedule that does. Sets of text have the order of their hashes:
these are fixed, so that a seed is the same run in every process.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import ExitStack

import orjson

from tests.simulation.history import Verdict, many, run, silence
from tests.simulation.mistakes import MISTAKES
from tests.simulation.shrink import picked, shrink

CHUNK = 20
SHOWN = 3


def main(arguments: Sequence[str]) -> int:
    options = _options(arguments)
    with ExitStack() as stack:
        if options.mistake:
            stack.enter_context(MISTAKES[options.mistake]())
        return _one(options) if options.seed is not None else _many(options)


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=2000, help="how many histories (2000)")
    parser.add_argument("--first", type=int, default=1, help="the first one's seed (1)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes")
    parser.add_argument("--stop", action="store_true", help="end at the first that fails")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.add_argument("--seed", type=int, help="one history, told in full")
    parser.add_argument("--steps", help="only these steps of its schedule: numbers with commas, or none")
    parser.add_argument("--quiet", action="store_true", help="no chance in what the schedule leaves open")
    parser.add_argument("--mistake", choices=MISTAKES, help="with a mistake in the code, which is to be found")
    return parser.parse_args(arguments)


def _one(options: argparse.Namespace) -> int:
    steps = None
    if options.json:
        silence()
    if options.steps is not None:
        steps = picked(options.seed, [int(number) for number in options.steps.split(",") if number != "none"])
    verdict = run(options.seed, steps, quiet=options.quiet, listen=None if options.json else print)
    if options.json:
        print(orjson.dumps(verdict).decode())
    else:
        print(f"fingerprint {verdict.fingerprint}")
        print("\n".join(verdict.violations) or "nothing was violated")
    return 1 if verdict.violations else 0


def _many(options: argparse.Namespace) -> int:
    begun = time.monotonic()
    seeds = range(options.first, options.first + options.seeds)
    count = commands = 0
    failed: list[Verdict] = []
    silence()
    for verdict in _verdicts(seeds, options):
        count += 1
        commands += verdict.commands
        if verdict.violations:
            failed.append(verdict)
            if options.stop:
                break
        if count % 100 == 0:
            rate = count / (time.monotonic() - begun)
            print(f"{count} of {len(seeds)} histories, {len(failed)} failed, {rate:.0f} a second", file=sys.stderr, flush=True)
    shortest = [str(shrink(verdict)) for verdict in failed[:SHOWN]]
    result = {
        "histories": count,
        "commands": commands,
        "failed": [verdict.seed for verdict in failed],
        "shortest": shortest,
        "seconds": round(time.monotonic() - begun, 1),
    }
    if options.json:
        print(orjson.dumps(result).decode())
    else:
        print(
            f"{count} histories with {commands} commands in {result['seconds']} s: {len(failed)} failed {result['failed'] or ''}"
        )
        print("\n\n".join(shortest))
    return 1 if failed else 0


def _verdicts(seeds: Sequence[int], options: argparse.Namespace) -> Iterator[Verdict]:
    """In the order in which they come; of one process in the order of the seeds."""
    chunks = [seeds[begin : begin + CHUNK] for begin in range(0, len(seeds), CHUNK)]
    if options.jobs == 1 or options.mistake:
        for chunk in chunks:
            for seed in chunk:
                yield from many([seed])
        return
    with ProcessPoolExecutor(options.jobs) as pool:
        for future in as_completed([pool.submit(many, chunk) for chunk in chunks]):
            yield from future.result()


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":
        os.execve(sys.executable, [sys.executable, "-m", "tests.simulation", *sys.argv[1:]], os.environ | {"PYTHONHASHSEED": "0"})
    sys.exit(main(sys.argv[1:]))
