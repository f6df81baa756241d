"""Write the documents that are generated from the code, or with ``--check`` say which of them differ from it (exit code 1).

    python -m docs.generate [--check]

docs/events/*.schema.json, asyncapi.yaml and README.md, docs/lifecycle.md, docs/settings.md, docs/openapi/*.json, and
commands.py, models.py and queries.py of the Python client
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from docs import asyncapi, event_schemas, lifecycle, python_client
from docs.http_apis import openapi_documents
from docs.settings_table import settings_page

ROOT = Path(__file__).parents[1]
# Folders in which every file of these names is generated: what is no longer made is removed.
OWNED = ("docs/events/*.schema.json", "docs/openapi/*.json")


def documents() -> dict[str, str]:
    """The text of every generated file by its path."""
    made = {f"docs/events/{name}.schema.json": _json(schema) for name, schema in event_schemas.schemas().items()}
    made["docs/events/asyncapi.yaml"] = yaml.safe_dump(asyncapi.document(), sort_keys=False, allow_unicode=True, width=120)
    made["docs/events/README.md"] = event_schemas.overview()
    made["docs/lifecycle.md"] = lifecycle.page()
    made["docs/settings.md"] = settings_page()
    made |= {f"docs/openapi/{name}": _json(document) for name, document in openapi_documents().items()}
    return made | {f"sdk/python/subledger_client/{name}": text for name, text in python_client.sources().items()}


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def left_over(made: Mapping[str, str]) -> list[str]:
    """Generated files that are there and are not made any more."""
    found = (path.relative_to(ROOT).as_posix() for pattern in OWNED for path in ROOT.glob(pattern))
    return sorted(set(found) - set(made))


def differing(made: Mapping[str, str]) -> list[str]:
    """The files whose text is not what would be written."""
    changed = [name for name, text in made.items() if not (ROOT / name).exists() or (ROOT / name).read_text("utf-8") != text]
    return sorted([*changed, *left_over(made)])


def write(made: Mapping[str, str]) -> None:
    """Write all files and remove what is left over."""
    for name in left_over(made):
        (ROOT / name).unlink()
    for name, text in made.items():
        path = ROOT / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the documents that are generated from the code.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a file differs")
    made = documents()
    if not parser.parse_args().check:
        write(made)
        return
    if changed := differing(made):
        raise SystemExit("not as generated, run make docs: " + ", ".join(changed))


if __name__ == "__main__":
    main()
