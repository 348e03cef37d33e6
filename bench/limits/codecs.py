"""What it costs to write and read a task record of about 1 KB in each JSON library."""

import json
from datetime import datetime
from typing import Any

import msgspec
import orjson
import pydantic
from pydantic.alias_generators import to_camel

from bench.limits.rates import emit, measure_each

# No `from __future__ import annotations` here: the models' annotations are read as objects.

TIMES = 20_000

RECORD = {
    "id": "task_01HZX3J6Q8W9T2K4M5N6P7R8S9",
    "runId": "run_01HZX3J6Q8W9T2K4M5N6P7R8S0",
    "name": "Send welcome e-mail",
    "icon": "mail",
    "status": "COMPLETED",
    "noop": False,
    "attempts": 1,
    "delayUntil": None,
    "startedAt": "2026-01-01T12:00:00.123456+00:00",
    "completedAt": "2026-01-01T12:00:00.223456+00:00",
    "idempotencyKey": "a" * 64,
    "parentId": None,
    "displayKey": "welcome",
    "params": {
        "to": "someone@example.com",
        "subject": "Welcome aboard, friend",
        "vars": {"name": "Ada", "plan": "pro", "seats": 12},
    },
    "properties": [
        {"label": "To", "text": "someone@example.com"},
        {"label": "Plan", "text": "pro"},
        {"label": "Region", "text": "eu-west"},
    ],
    "output": {
        "messageId": "msg_0192837465",
        "accepted": ["someone@example.com"],
        "rejected": [],
        "provider": {"id": 42, "latencyMs": 81.25, "region": "eu", "retries": 0},
    },
    "style": {"variant": "normal", "color": "blue"},
    "error": None,
    "outputProperties": None,
}


class Label(msgspec.Struct):
    """A label, for msgspec."""

    label: str
    text: str


class Record(msgspec.Struct, rename="camel"):
    """The record, for msgspec."""

    id: str
    run_id: str
    name: str
    icon: str
    status: str
    noop: bool
    attempts: int
    delay_until: datetime | None
    started_at: datetime
    completed_at: datetime
    idempotency_key: str
    parent_id: str | None
    display_key: str
    params: dict[str, Any]
    properties: list[Label]
    output: Any
    style: dict[str, str]
    error: Any
    output_properties: Any


class LabelModel(pydantic.BaseModel):
    """A label, for pydantic."""

    label: str
    text: str


class RecordModel(pydantic.BaseModel, alias_generator=to_camel):
    """The record, for pydantic."""

    id: str
    run_id: str
    name: str
    icon: str
    status: str
    noop: bool
    attempts: int
    delay_until: datetime | None
    started_at: datetime
    completed_at: datetime
    idempotency_key: str
    parent_id: str | None
    display_key: str
    params: dict[str, Any]
    properties: list[LabelModel]
    output: Any
    style: dict[str, str]
    error: Any
    output_properties: Any


def main() -> None:
    """Measure each library."""
    text = orjson.dumps(RECORD)
    encode = msgspec.json.Encoder().encode
    decode, decode_typed = msgspec.json.Decoder().decode, msgspec.json.Decoder(Record).decode
    pack, unpack = msgspec.msgpack.Encoder().encode, msgspec.msgpack.Decoder().decode
    packed, record, model = pack(RECORD), decode_typed(text), RecordModel.model_validate_json(text)
    libraries = {
        "json_dict": (lambda: json.dumps(RECORD), lambda: json.loads(text)),
        "orjson_dict": (lambda: orjson.dumps(RECORD), lambda: orjson.loads(text)),
        "msgspec_dict": (lambda: encode(RECORD), lambda: decode(text)),
        "msgspec_struct": (lambda: encode(record), lambda: decode_typed(text)),
        "msgspec_msgpack_dict": (lambda: pack(RECORD), lambda: unpack(packed)),
        "pydantic_model": (model.model_dump_json, lambda: RecordModel.model_validate_json(text)),
    }
    emit("record", bytes=len(text))
    for name, (write, read) in libraries.items():
        emit(f"codec_{name}", encode_us=measure_each(write, TIMES), decode_us=measure_each(read, TIMES))


if __name__ == "__main__":
    main()
