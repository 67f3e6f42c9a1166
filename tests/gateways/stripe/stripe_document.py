"""Stripe's own OpenAPI document, turned into JSON Schema, to hold requests and answers against.

The document is OpenAPI 3.0: its `nullable` is made a type of JSON Schema 2020-12. Forms carry only text, so what is
sent is first read as the type that the document gives to each parameter.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from servers.stripe import Answered, Asked

__all__ = ["DOCUMENT", "Document"]

DOCUMENT = Path(__file__).parents[4] / "shared" / "stripe" / "openapi.json"
"""Not part of this repository."""

_ROOT = "urn:stripe"
_FORM = "application/x-www-form-urlencoded"


class Document:
    """The document, ready to hold against."""

    def __init__(self, path: Path = DOCUMENT) -> None:
        self._document = _nullable_typed(json.loads(path.read_text(encoding="utf-8")))
        resource = Resource.from_contents(self._document, default_specification=DRAFT202012)
        self._registry: Registry[Any] = Registry().with_resource(_ROOT, resource)
        self._paths = {path: re.compile(re.sub(r"{[^}]+}", "[^/]+", path)) for path in self._document["paths"]}

    def faults_of_request(self, asked: Asked) -> list[str]:
        """Say what the document has against a request."""
        operation = self._operation(asked)
        if operation is None:
            return [f"{asked.method} {asked.path} is no operation"]
        schema = _query_schema(operation) if asked.method == "GET" else _form_schema(operation)
        return list(self._faults(self._typed(asked.form, schema), schema))

    def faults_of_answer(self, asked: Asked, answered: Answered) -> list[str]:
        """Say what the document has against an answer, names that it does not know included."""
        operation = self._operation(asked)
        assert operation is not None
        responses = operation["responses"]
        response = responses.get(str(answered.status), responses["default"])
        schema = response["content"]["application/json"]["schema"]
        return [*self._faults(answered.body, schema), *self._unknown_names(answered.body, schema)]

    def faults_of_object(self, thing: dict[str, Any]) -> list[str]:
        """Say what the document has against an object that is known by its own name, as in a webhook."""
        name = "deleted_customer" if thing.get("deleted") else thing["object"]
        schema = {"$ref": f"#/components/schemas/{name}"}
        return [*self._faults(thing, schema), *self._unknown_names(thing, schema)]

    def _operation(self, asked: Asked) -> Any:
        found = [path for path, pattern in self._paths.items() if pattern.fullmatch(asked.path)]
        exact = min(found, key=lambda path: path.count("{"), default=None)
        return self._document["paths"][exact].get(asked.method.lower()) if exact else None

    def _faults(self, value: object, schema: Any) -> Iterator[str]:
        for error in self._validator(json.dumps(schema)).iter_errors(value):
            yield f"{error.json_path}: {error.message[:300]}"

    def _unknown_names(self, body: Any, schema: Any) -> list[str]:
        properties = self._resolved(schema).get("properties", {})
        return [f"{name} is not known to the document" for name in body if properties and name not in properties]

    @cache  # noqa: B019 - one document lives as long as the tests
    def _validator(self, schema: str) -> Draft202012Validator:
        # References of the document are local ones, and a part of it must find the whole.
        rooted = json.loads(schema.replace('"#/components/', f'"{_ROOT}#/components/'))
        return Draft202012Validator(rooted, registry=self._registry)

    def _resolved(self, schema: Any) -> Any:
        while "$ref" in schema:
            schema = self._document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        return schema

    def _typed(self, value: Any, schema: Any) -> Any:
        """Read text as the type that the schema wants; what fits none stays text and is found to be wrong."""
        schema = self._resolved(schema)
        if "anyOf" in schema:
            readings = [(self._typed(value, each), each) for each in schema["anyOf"]]
            fitting = [read for read, each in readings if not list(self._faults(read, each))]
            return fitting[0] if fitting else value
        if isinstance(value, dict):
            named, others = schema.get("properties", {}), schema.get("additionalProperties", {})
            below = others if isinstance(others, dict) else {}
            return {name: self._typed(part, named.get(name, below)) for name, part in value.items()}
        if isinstance(value, list):
            return [self._typed(part, schema.get("items", {})) for part in value]
        if schema.get("type") == "integer" and re.fullmatch(r"-?[0-9]+", value):
            return int(value)
        if schema.get("type") == "boolean" and value in {"true", "false"}:
            return value == "true"
        return value


def _form_schema(operation: Any) -> Any:
    return operation["requestBody"]["content"][_FORM]["schema"]


def _query_schema(operation: Any) -> Any:
    parameters = [parameter for parameter in operation["parameters"] if parameter["in"] == "query"]
    return {
        "type": "object",
        "properties": {parameter["name"]: parameter["schema"] for parameter in parameters},
        "required": [parameter["name"] for parameter in parameters if parameter.get("required")],
        "additionalProperties": False,
    }


def _nullable_typed(part: Any) -> Any:
    if isinstance(part, list):
        return [_nullable_typed(each) for each in part]
    if not isinstance(part, dict):
        return part
    typed = {name: _nullable_typed(below) for name, below in part.items() if name != "nullable"}
    return {"anyOf": [typed, {"type": "null"}]} if part.get("nullable") is True else typed
