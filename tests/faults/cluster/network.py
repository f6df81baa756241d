"""The hosts of a run: a network namespace each, joined by a bridge, whose links can be cut and slowed; on loopback where this
user may make none.

All of a run is named after its process, so that what a killed run left behind is known, and two runs beside each other have
networks of their own.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Network

Undo = Callable[[], None]

# Set aside for tests of networks (RFC 2544). Sixteen addresses a run.
_ADDRESSES = list(IPv4Network("198.18.0.0/15").subnets(new_prefix=28))
_PREFIX = "subl"
# What comes from ``away`` never arrives; of what comes from ``slow`` so little that replicas fall behind.
_RULES = """
table inet faults {
    set away { type ipv4_addr; }
    set slow { type ipv4_addr; }
    chain arriving {
        type filter hook input priority 0;
        ip saddr @away drop
        ip saddr @slow limit rate over 8 kbytes/second burst 8 kbytes drop
    }
}
"""


@dataclass(frozen=True, slots=True)
class Host:
    """``enter`` is what a command begins with to run there."""

    name: str
    address: str
    enter: tuple[str, ...] = ()


class Network:
    """``can_cut`` says whether each host has a namespace and links of its own."""

    def __init__(self, can_cut: bool) -> None:
        self.can_cut = can_cut
        self._reasons: Counter[tuple[Host, Host, str]] = Counter()
        self._run = f"{_PREFIX}{os.getpid()}"
        self._free = _ADDRESSES[os.getpid() % len(_ADDRESSES)].hosts()
        if can_cut:
            _ip("link", "add", self._run, "type", "bridge")
            _ip("link", "set", self._run, "up")
            _ip("address", "add", f"{next(self._free)}/28", "dev", self._run)

    def host(self, name: str) -> Host:
        """A new one."""
        if not self.can_cut:
            return Host(name, "127.0.0.1")
        space, address = f"{self._run}-{name}", str(next(self._free))
        outside = f"{self._run}v{address.rpartition('.')[2]}"
        _ip("netns", "add", space)
        _ip("link", "add", outside, "master", self._run, "type", "veth", "peer", "name", "eth0", "netns", space)
        _ip("link", "set", outside, "up")
        _ip("-netns", space, "address", "add", f"{address}/28", "dev", "eth0")
        for device in ("lo", "eth0"):
            _ip("-netns", space, "link", "set", device, "up")
        host = Host(name, address, ("nsenter", f"--net=/run/netns/{space}"))
        _nft(host, _RULES)
        return host

    def cut(self, one: Host, other: Host) -> Undo:
        """Nothing passes between them, without a word to either."""
        return self._between(one, other, "away")

    def slow(self, one: Host, other: Host) -> Undo:
        """Little passes between them."""
        return self._between(one, other, "slow")

    def _between(self, one: Host, other: Host, set_: str) -> Undo:
        ends = ((one, other), (other, one))
        for here, there in ends:
            self._reasons[here, there, set_] += 1
            _nft(here, f"add element inet faults {set_} {{ {there.address} }}")

        def undo() -> None:
            for here, there in ends:
                self._reasons[here, there, set_] -= 1
                if not self._reasons[here, there, set_]:  # else another fault still wants it
                    _nft(here, f"delete element inet faults {set_} {{ {there.address} }}")

        return undo

    def close(self) -> None:
        if self.can_cut:
            _remove(self._run)


@contextmanager
def network() -> Iterator[Network]:
    """A network for the block."""
    _remove_leftovers()
    opened = Network(os.geteuid() == 0 and all(map(shutil.which, ("ip", "nft", "nsenter"))))
    try:
        yield opened
    finally:
        opened.close()


def _remove_leftovers() -> None:
    """What runs left behind that were killed."""
    if shutil.which("ip") is None:
        return
    names = re.findall(rf"\b({_PREFIX}(\d+))\b", _ip("netns", "list") + _ip("link", "show", "type", "bridge"))
    for run in {run for run, pid in names if not os.path.exists(f"/proc/{pid}")}:
        _remove(run)


def _remove(run: str) -> None:
    for space in re.findall(rf"^{run}-\S+", _ip("netns", "list"), re.MULTILINE):
        _ip("netns", "delete", space)
    if re.search(rf"\b{run}:", _ip("link", "show", "type", "bridge")):
        _ip("link", "delete", run)


def _ip(*arguments: str) -> str:
    return subprocess.run(["ip", *arguments], stdout=subprocess.PIPE, text=True, check=True).stdout


def _nft(host: Host, rules: str) -> None:
    subprocess.run([*host.enter, "nft", "-f", "-"], input=rules, text=True, check=True)
