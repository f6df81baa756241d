"""The typed part of the Python client, from the OpenAPI documents: a TypedDict for each body and each resource, a function for
each command and each query.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterable, Mapping
from typing import Any

from docs.http_apis import openapi_documents

_WIDTH = 130
_PLAIN = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}
# What the client itself sees to.
_OWN = ("cursor", "after", "wait")
# Filters that many lists have and no more.
_SHARED = {
    frozenset({"limit"}): "PageFilters",
    frozenset({"limit", "created_gt", "created_gte", "created_lt", "created_lte"}): "CreatedFilters",
}

Schema = Mapping[str, Any]


def sources() -> dict[str, str]:
    """The text of each generated module by its name."""
    documents = openapi_documents().values()
    found = [
        _Operation(path, method, described)
        for document in documents
        for path, methods in document["paths"].items()
        for method, described in methods.items()
    ]
    operations = [operation for operation in found if operation.answer and operation.path.startswith("/v1/")]
    schemas = {name: schema for document in documents for name, schema in document["components"]["schemas"].items()}
    return {
        "commands.py": _functions("commands", [operation for operation in operations if operation.method == "post"]),
        "models.py": _models(operations, schemas),
        "queries.py": _functions("queries", [operation for operation in operations if operation.method == "get"]),
    }


class _Operation:
    """A command or a query. ``answer`` is the name of what it answers with, of an item where that is a list; none where it is not
    one of the API's resources. ``given`` is the schema of its body or, as one, of its filters.
    """

    def __init__(self, path: str, method: str, described: Schema) -> None:
        self.path = path
        self.method = method
        self.name = described["operationId"].partition("_v1_")[0]
        self.words = f"{described['summary']}. {described['description']}" if method == "post" else described["description"]
        self.ids = re.findall(r"{(\w+)}", path)
        self.given = _json_schema(described["requestBody"]) if method == "post" else _filters(described.get("parameters", ()))
        success = next(response for status, response in described["responses"].items() if status.startswith("2"))
        schema = _json_schema(success)
        schema = schema.get("anyOf", [schema])[0]  # the other one is a dry run's
        answer: str = schema.get("$ref", "").rpartition("/")[2]
        self.answer = answer.removeprefix("Page_").removesuffix("_")
        self.kind = "Command" if method == "post" else "Query" if answer == self.answer else "Listing"
        if answer == "EventPage":
            self.kind = "Feed"

    @property
    def given_name(self) -> str:
        """The type of its body or filters."""
        if shared := _SHARED.get(frozenset(self.given.get("properties", ()))):
            return shared
        return "".join(map(str.capitalize, self.name.split("_"))) + ("Filters" if self.method == "get" else "")

    @property
    def takes(self) -> str:
        """Its parameter for what is given, beside the ids."""
        if "oneOf" in self.given:
            return f"body: models.{self.given_name}"
        name = "body" if self.method == "post" else "filters"
        return f"**{name}: Unpack[models.{self.given_name}]" if self.given.get("properties") else ""


def _json_schema(message: Schema) -> Schema:
    """The schema of what a request or response holds as JSON."""
    schema: Schema = message.get("content", {}).get("application/json", {}).get("schema", {})
    return schema


def _filters(parameters: Iterable[Schema]) -> Schema:
    chosen = [each for each in parameters if each["in"] == "query" and each["name"] not in _OWN]
    return {"properties": {re.sub(r"\[(\w+)]", r"_\1", each["name"]): each["schema"] for each in chosen}}


def _functions(module: str, operations: Iterable[_Operation]) -> str:
    ordered = sorted(operations, key=lambda operation: operation.name)
    kinds = sorted({operation.kind for operation in ordered})
    head = f'''"""The ledger's {module}, each a function that makes what a client sends. Generated from its OpenAPI documents."""

from __future__ import annotations

from typing import Unpack

from subledger_client import models
from subledger_client.requests import {", ".join([*kinds, "part"])}
'''
    return "\n\n".join([head, *map(_function, ordered)])


def _function(operation: _Operation) -> str:
    ids = [f"{id}: str" for id in operation.ids]
    arguments = ", ".join([*ids, *(["/"] if ids and operation.takes else []), *([operation.takes] if operation.takes else [])])
    path = re.sub(r"{(\w+)}", r"{part(\1)}", operation.path)
    made = [f'{"f" if ids else ""}"{path}"']
    if operation.takes:
        made.append("body" if operation.method == "post" else "filters")
    elif operation.method == "post":
        made.append("{}")
    return (
        f"def {operation.name}({arguments}) -> {operation.kind}[models.{operation.answer}]:\n{_docstring(operation.words)}"
        f"    return {operation.kind}({', '.join(made)})\n"
    )


def _docstring(words: str) -> str:
    text = " ".join(words.split()).replace("``", "`")
    lines = textwrap.wrap(f'"""{text}', _WIDTH - 8)
    end = '"""\n' if len(lines) == 1 else '\n"""\n'
    return textwrap.indent("\n".join(lines) + end, "    ")


def _models(operations: Iterable[_Operation], schemas: Mapping[str, Schema]) -> str:
    given = {operation.given_name: operation.given for operation in operations if operation.takes}
    named = {"PreviewedEvent", *(operation.answer for operation in operations)}
    wanted = [*given.values(), *(schemas[name] for name in named)]
    while wanted:
        new = set(_references(wanted.pop())) - named
        named |= new
        wanted += [schemas[name] for name in new]
    inputs = {name: schemas[name] for name in sorted(named) if name.endswith("Input")} | dict(sorted(given.items()))
    made = [_model(name, schemas[name], given=False) for name in sorted(named - inputs.keys())]
    made += [_model(name, schema, given=True) for name, schema in inputs.items() if "properties" in schema]
    unions = [f"{name} = {_type(schema, given=True)}\n" for name, schema in inputs.items() if "oneOf" in schema]
    head = '''"""What the ledger answers with, and what it is sent, as dictionaries. Generated from its OpenAPI documents."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, NotRequired, TypedDict
'''
    return "\n\n".join([head, *made, "".join(unions)])


def _references(schema: Any) -> Iterable[str]:
    if isinstance(schema, Mapping):
        if isinstance(schema.get("$ref"), str):
            yield schema["$ref"].rpartition("/")[2]
        for part in schema.values():
            yield from _references(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from _references(part)


def _model(name: str, schema: Schema, *, given: bool) -> str:
    lines = [f"class {name}(TypedDict):\n"]
    if words := schema.get("description"):
        lines.append(_docstring(words) + "\n")
    for field, described in schema["properties"].items():
        always = field in schema.get("required", ()) or (not given and "default" in described)
        kind = _type(described, given=given)
        lines.append(f"    {field}: {kind if always else f'NotRequired[{kind}]'}\n")
    return "".join(lines) if len(lines) > 1 else f"{lines[0]}    pass\n"


def _type(schema: Schema, *, given: bool) -> str:
    """A schema's type in Python; what is ``given`` may be of more types than what is answered."""
    match schema:
        case {"$ref": reference}:
            return str(reference.rpartition("/")[2])
        case {"const": value}:
            return f"Literal[{json.dumps(value)}]"
        case {"enum": values}:
            return f"Literal[{', '.join(map(json.dumps, values))}]"
        case {"anyOf": kinds} | {"oneOf": kinds}:
            return " | ".join(dict.fromkeys(_type(kind, given=given) for kind in kinds))
        case {"type": "string", "format": "date-time"} if given:
            return "datetime | str"
        case {"type": "array", "items": items}:
            return f"{'Sequence' if given else 'list'}[{_type(items, given=given)}]"
        case {"type": "object"}:
            values = schema.get("additionalProperties")
            return f"dict[str, {_type(values, given=given) if isinstance(values, Mapping) else 'Any'}]"
        case {"type": plain}:
            return _PLAIN[plain]
    return "Any"
