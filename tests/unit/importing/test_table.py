from __future__ import annotations

from pathlib import Path

import pytest

from infra.importing.errors import ImportFailed
from infra.importing.table import Line, read_table


def written(tmp_path: Path, content: str | bytes) -> Path:
    path = tmp_path / "in.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_rows_keep_the_number_of_their_first_line(tmp_path: Path) -> None:
    table = read_table(written(tmp_path, 'id,note\r\na,"two\r\nlines"\r\n\r\n , \r\nb,x\r\n'), ["id"])
    assert table.header == ("id", "note")
    assert table.lines == (Line(2, ("a", "two\r\nlines")), Line(6, ("b", "x")))


def test_a_byte_order_mark_is_no_part_of_the_header(tmp_path: Path) -> None:
    assert read_table(written(tmp_path, b"\xef\xbb\xbfid\na\n"), ["id"]).header == ("id",)


def test_ragged_rows_are_rows_still(tmp_path: Path) -> None:
    assert [len(line.fields) for line in read_table(written(tmp_path, "a,b\n1\n1,2,3\n"), ["a"]).lines] == [1, 3]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("", "is empty"),
        ("\n\n", "is empty"),
        ("a,b\n1,2\n", "has no column 'id'; its header has 'a', 'b'"),
        ("id,id\n1,2\n", "names the column 'id' 2 times"),
        ("id\n\xe9\n".encode("latin-1"), "is not UTF-8"),
        ("id\n1\n".encode("utf-16"), "is not UTF-8"),
        ('id\na\n"b\n', "line 3: not CSV"),
        ('id\n"a"b\n', "line 2: not CSV"),
        ("id\n" + "x" * 200_000, "line 2: not CSV: field larger"),
    ],
)
def test_what_is_no_such_csv_is_said_in_one_line(tmp_path: Path, content: str | bytes, why: str) -> None:
    with pytest.raises(ImportFailed, match=why) as raised:
        read_table(written(tmp_path, content), ["id"])
    assert "\n" not in str(raised.value)


def test_a_file_that_is_not_there_is_said_to_be_so(tmp_path: Path) -> None:
    with pytest.raises(ImportFailed, match="cannot be read"):
        read_table(tmp_path / "none.csv", ["id"])
