"""The auditor: judges the records of a log, or of an export of it, and names what is wrong.

What the readers' rule passes over by design is counted, not held against the log: a former owner's records (``older-term``) and
commands cut off by a claim (``incomplete``). Duplicates and foreign records are findings. The end of a partition that was cut off
cleanly between two commands cannot be told from the log alone: compare the heads with a receipt, or with an export's manifest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from infra.eventlog.export_file import read_export, read_manifest
from infra.eventlog.reader import Claim, Command, LogBroken, Quarantine, Reader, ReaderState
from infra.eventlog.record import ATTRIBUTES, GENESIS, Record, content_hash

# (type, value) of an event; raises where the event cannot be decoded.
Decode = Callable[[str, bytes], None]

PROGRESS_RECORDS = 1000
TOLERATED = ("older-term", "incomplete")


@dataclass(frozen=True, slots=True)
class Finding:
    """A bad record and what is wrong with it. ``sequence`` is text, as found."""

    partition: str
    offset: int
    sequence: str
    id: str
    reason: str

    @classmethod
    def of(cls, record: Record, reason: str) -> Finding:
        attributes = record.attributes
        return cls(record.partition, record.offset, attributes.get("sequence", ""), attributes.get("id", ""), reason)


@dataclass(slots=True)
class PartitionReport:
    """What one partition holds; ``state`` is the reader's at its end, or before the record that broke it."""

    records: int = 0
    events: int = 0
    claims: int = 0
    quarantined: int = 0
    state: ReaderState = field(default_factory=ReaderState)


@dataclass(slots=True)
class Report:
    """``findings`` stand in the order of the walk: the first is the first bad record."""

    partitions: dict[str, PartitionReport] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not self.findings

    @property
    def records(self) -> int:
        return sum(partition.records for partition in self.partitions.values())


class _Partition:
    """Judges one partition, more strictly than a reader must."""

    def __init__(self, decode: Decode, report: PartitionReport, findings: list[Finding]) -> None:
        self._decode = decode
        self._report = report
        self._findings = findings
        self._reader = Reader()
        self._versions: dict[str, int] = {}
        self._last_offset = -1
        self._broken = False
        self._time = ""
        self._catalog_sequence = 0

    def feed(self, record: Record) -> None:
        self._report.records += 1
        if self._broken:
            return
        if record.offset <= self._last_offset:
            self._find(record, f"offset {record.offset} after {self._last_offset}")
        self._last_offset = record.offset
        try:
            results = self._reader.feed(record)
        except LogBroken as error:
            self._broken = True
            self._find(record, error.reason)
            return
        for result in results:
            if isinstance(result, Command):
                for event in result.records:
                    self._event(event)
            elif isinstance(result, Claim):
                self._report.claims += 1
            else:
                self._quarantined(result)
        self._report.state = self._reader.state

    def finish(self) -> None:
        if not self._broken and self._reader.incomplete:
            self._find(self._reader.incomplete[-1], "the command is not complete at the end of the partition")

    def _event(self, event: Record) -> None:
        attributes = event.attributes
        self._report.events += 1
        stream, version = attributes.get("subject", ""), attributes.get("streamversion", "")
        last = self._versions.get(stream)
        self._versions[stream] = int(version) if version.isdigit() else -1
        if self._versions[stream] not in ((0, 1) if last is None else (last + 1,)):
            self._find(event, f"version {version} of {stream} after {last}")
        if attributes.get("id") != f"{stream}/{version}":
            self._find(event, f"the id is not {stream}/{version}")
        if unknown := attributes.keys() - set(ATTRIBUTES):
            self._find(event, f"attributes that the hash does not cover: {sorted(unknown)}")
        self._never_falls(event)
        try:
            self._decode(attributes["type"], event.value)
        except Exception as error:  # whatever decoding raises is the finding
            self._find(event, f"it does not decode: {error}")

    def _never_falls(self, event: Record) -> None:
        time = event.attributes.get("time", "")
        if time < self._time:
            self._find(event, f"time {time} after {self._time}")
        self._time = max(self._time, time)
        seen = int(event.attributes.get("catalogsequence", self._catalog_sequence))
        if seen < self._catalog_sequence:
            self._find(event, f"catalogsequence {seen} after {self._catalog_sequence}")
        self._catalog_sequence = max(self._catalog_sequence, seen)

    def _quarantined(self, quarantine: Quarantine) -> None:
        record = quarantine.record
        self._report.quarantined += 1
        if quarantine.kind not in TOLERATED:
            self._find(record, f"{quarantine.kind}: {quarantine.reason}")
            return
        previous = GENESIS if record.is_claim else record.previous_hash
        if record.hash != content_hash(previous, record.attributes, record.value):
            self._find(record, f"it does not count ({quarantine.reason}), and its hash does not match its content")

    def _find(self, record: Record, reason: str) -> None:
        self._findings.append(Finding.of(record, reason))


def verify(records: Iterable[Record], decode: Decode, progress: Callable[[int], None]) -> Report:
    """Judge ``records``: of any number of partitions, each from its start and in its order.

    ``progress`` is told the number of records since it was told last.
    """
    report = Report()
    judges: dict[str, _Partition] = {}
    untold = 0
    for record in records:
        judge = judges.get(record.partition)
        if judge is None:
            report.partitions[record.partition] = partition = PartitionReport()
            judge = judges[record.partition] = _Partition(decode, partition, report.findings)
        judge.feed(record)
        untold += 1
        if untold == PROGRESS_RECORDS:
            progress(untold)
            untold = 0
    for judge in judges.values():
        judge.finish()
    progress(untold)
    return report


def verify_export(path: Path, decode: Decode, progress: Callable[[int], None]) -> Report:
    """Judge an export: its records, and that it holds all that its manifest counts. Raises ExportBroken."""
    manifest = read_manifest(path)
    report = verify(read_export(path), decode, progress)
    for partition in sorted({*manifest.counts, *report.partitions}):
        wanted = manifest.counts.get(partition, 0)
        found = report.partitions.get(partition, PartitionReport()).records
        if found != wanted:
            reason = f"the file holds {found} records of the partition, its manifest counts {wanted}"
            report.findings.append(Finding(partition, -1, "", "", reason))
    return report
