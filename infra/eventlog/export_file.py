"""The files of an export: NDJSON or Parquet, one row a record, and a manifest.

Columns: ``partition``, ``offset``, ``key``, every CloudEvents attribute under its name (absent: null), ``value`` (the event's
JSON as text; bytes that are no text stand in ``value_base64``), ``previoushash``, ``hash``. The manifest says what was exported
and how much of it: NDJSON has it as the last line (``{"manifest": …}``), Parquet in the file's metadata.

DuckDB is imported where Parquet is read or written: in every process of the ledger it would cost memory and time, and it
complains at the end of a process whose objects are frozen.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson

from infra.eventlog.record import ATTRIBUTES, Record

NUMBERS = ("sequence", "streamversion", "term", "commandindex", "commandcount", "catalogsequence")
COLUMNS = ("partition", "offset", "key", *ATTRIBUTES, "value", "value_base64", "previoushash", "hash")
TAIL_BYTES = 1_000_000  # more than a manifest takes
FETCH_ROWS = 1000


class ExportBroken(Exception):
    """The file is no export, or not all of one."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """``counts``: records by partition."""

    environment: str
    partitions: tuple[str, ...]
    counts: Mapping[str, int]


def write_export(
    path: Path, environment: str, partitions: tuple[str, ...], records: Iterable[Record], progress: Callable[[int], None]
) -> Manifest:
    """Write ``records`` to ``path``, Parquet if it is called so, else NDJSON. The file appears when it is complete."""
    part = path.with_name(path.name + ".part")
    try:
        manifest = _write_ndjson(part, environment, partitions, records, progress)
        if path.suffix == ".parquet":
            _to_parquet(part, path, manifest)
        else:
            os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
    return manifest


def read_manifest(path: Path) -> Manifest:
    """Raises ExportBroken."""
    text = _parquet_manifest(path) if path.suffix == ".parquet" else _last_line(path)
    try:
        found = orjson.loads(text)["manifest"]
        return Manifest(found["environment"], tuple(found["partitions"]), found["counts"])
    except (ValueError, KeyError, TypeError) as error:
        raise ExportBroken(f"{path} has no manifest at its end: it is no export, or it was cut off") from error


def read_export(path: Path) -> Iterator[Record]:
    """Every record of an export. Raises ExportBroken where a row is none."""
    return _parquet_records(path) if path.suffix == ".parquet" else _ndjson_records(path)


def _write_ndjson(
    path: Path, environment: str, partitions: tuple[str, ...], records: Iterable[Record], progress: Callable[[int], None]
) -> Manifest:
    counts: dict[str, int] = {}
    untold = 0
    with path.open("wb") as file:
        for record in records:
            file.write(orjson.dumps(_row(record)) + b"\n")
            counts[record.partition] = counts.get(record.partition, 0) + 1
            untold += 1
            if untold == FETCH_ROWS:
                progress(untold)
                untold = 0
        manifest = Manifest(environment, partitions, counts)
        file.write(orjson.dumps({"manifest": asdict(manifest)}) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    progress(untold)
    return manifest


def _row(record: Record) -> dict[str, str | int]:
    row: dict[str, str | int] = {"partition": record.partition, "offset": record.offset, "key": record.key}
    row |= {name: record.attributes[name] for name in ATTRIBUTES if name in record.attributes}
    try:
        text = record.value.decode()
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        row["value_base64"] = base64.b64encode(record.value).decode()
    else:
        row["value"] = text
    return row | {"previoushash": record.previous_hash, "hash": record.hash}


def _record(row: Mapping[str, object], where: str) -> Record:
    try:
        attributes = {name: str(row[name]) for name in ATTRIBUTES if row.get(name) is not None}
        text = row.get("value")
        value = str(text).encode() if text is not None else base64.b64decode(str(row["value_base64"]), validate=True)
        offset = int(str(row["offset"]))
        previous_hash, own = str(row["previoushash"]), str(row["hash"])
        return Record(str(row["partition"]), str(row["key"]), attributes, value, previous_hash, own, offset)
    except (KeyError, ValueError, TypeError) as error:
        raise ExportBroken(f"{where} is not a record: {error!r}") from error


def _ndjson_records(path: Path) -> Iterator[Record]:
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            where = f"{path}, line {number}"
            try:
                row = orjson.loads(line)
            except orjson.JSONDecodeError as error:
                raise ExportBroken(f"{where} is not JSON: {error}") from error
            if not isinstance(row, dict):
                raise ExportBroken(f"{where} is not a record")
            if "manifest" not in row:
                yield _record(row, where)


def _last_line(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - TAIL_BYTES))
        lines = file.read().splitlines()
    return lines[-1] if lines else b""


def _to_parquet(source: Path, target: Path, manifest: Manifest) -> None:
    """Convert NDJSON; numbers become numbers. The manifest goes into the metadata."""
    import duckdb

    types = {name: "BIGINT" if name == "offset" else "VARCHAR" for name in COLUMNS}
    columns = ", ".join(f"TRY_CAST({name} AS BIGINT) AS {name}" if name in NUMBERS else f'"{name}"' for name in COLUMNS)
    text = orjson.dumps({"manifest": asdict(manifest)}).decode().replace("'", "''")
    part = target.with_name(target.name + ".part2")
    with duckdb.connect() as database:
        database.read_json(str(source), columns=types, format="newline_delimited").create_view("rows")
        database.execute(
            f"COPY (SELECT {columns} FROM rows WHERE hash IS NOT NULL) TO '{_quoted(part)}'"
            f" (FORMAT parquet, COMPRESSION zstd, KV_METADATA {{subledger: '{text}'}})"
        )
    os.replace(part, target)


def _parquet_manifest(path: Path) -> bytes:
    import duckdb

    try:
        with duckdb.connect() as database:
            found = database.execute("SELECT value FROM parquet_kv_metadata(?) WHERE key = 'subledger'", [str(path)]).fetchone()
    except duckdb.Error as error:
        raise ExportBroken(f"{path} is not a Parquet file: {error}") from error
    return bytes(found[0]) if found else b""


def _parquet_records(path: Path) -> Iterator[Record]:
    import duckdb

    names = ", ".join(f'"{name}"' for name in COLUMNS)
    with duckdb.connect() as database:
        try:
            rows = database.execute(f"SELECT {names} FROM read_parquet(?)", [str(path)])
            number = 0
            while batch := rows.fetchmany(FETCH_ROWS):
                for row in batch:
                    number += 1
                    yield _record(dict(zip(COLUMNS, row, strict=True)), f"{path}, row {number}")
        except duckdb.Error as error:
            raise ExportBroken(f"{path} cannot be read: {error}") from error


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
