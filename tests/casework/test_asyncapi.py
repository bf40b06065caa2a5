"""docs/asyncapi.yaml names the streams, messages and schemas that exist, and each schema fits its type."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_type_hints

import pytest
import yaml
from jsonschema import Draft202012Validator, ValidationError

from casework.routing import stream_of
from core.alerts import ALERTS_STREAM, Alert, AlertKind, alert
from core.codec import to_json
from core.streams import CORRECTIONS_STREAM, DEAD, FEEDBACK_STREAM, RESULTS_STREAM
from core.types import Feedback, FeedbackOutcome

DOCS = Path(__file__).parents[2] / "docs"
PAGE = yaml.safe_load((DOCS / "asyncapi.yaml").read_text("utf-8"))
AT = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
FEEDBACK = Feedback("fb_1", f"res_{'0' * 24}", FeedbackOutcome.PLACED, "天河区", AT, "已上岗")


def _schema(name: str) -> Any:
    return json.loads((DOCS / "schema" / f"{name}-v1.json").read_text("utf-8"))


def _validator(name: str) -> Draft202012Validator:
    return Draft202012Validator(_schema(name), format_checker=Draft202012Validator.FORMAT_CHECKER)


def _references(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from _references(value)
    elif isinstance(node, list):
        for value in node:
            yield from _references(value)


def test_every_reference_leads_somewhere() -> None:
    """Inside the document along its keys, outside to a JSON Schema that is one."""
    found = list(_references(PAGE))
    assert len(found) > 15
    for reference in found:
        if reference.startswith("#/"):
            node: Any = PAGE
            for key in reference[2:].split("/"):
                node = node[key]
        else:
            Draft202012Validator.check_schema(json.loads((DOCS / reference).read_text("utf-8")))


def test_it_has_the_form_of_asyncapi_3() -> None:
    """Version, info, and operations that send or receive messages of their own channel."""
    assert PAGE["asyncapi"] == "3.0.0"
    assert {"title", "version"} <= set(PAGE["info"])
    for operation in PAGE["operations"].values():
        assert operation["action"] in {"send", "receive"}
        channel = operation["channel"]["$ref"]
        assert all(each["$ref"].startswith(f"{channel}/messages/") for each in operation["messages"])
    assert {each["channel"]["$ref"].rpartition("/")[2] for each in PAGE["operations"].values()} == set(
        PAGE["channels"]
    )


def test_addresses_are_those_of_the_code() -> None:
    """Streams are named as the code names them."""
    assert {channel["address"] for channel in PAGE["channels"].values()} == {
        RESULTS_STREAM,
        stream_of("{district}"),
        CORRECTIONS_STREAM,
        FEEDBACK_STREAM,
        ALERTS_STREAM,
        f"{{stream}}{DEAD}",
    }


def test_every_schema_is_used() -> None:
    """No schema file lies about that no message names."""
    named = {reference for reference in _references(PAGE) if reference.startswith("schema/")}
    assert named == {f"schema/{path.name}" for path in (DOCS / "schema").glob("*.json")}


@pytest.mark.parametrize("outcome", list(FeedbackOutcome))
def test_feedback_fits(outcome: FeedbackOutcome) -> None:
    """Every answer that the type allows, with and without what may be left out."""
    document = json.loads(to_json(FEEDBACK)) | {"outcome": outcome.value}
    _validator("feedback").validate(document)
    _validator("feedback").validate(
        {k: v for k, v in document.items() if k not in ("note", "schema_version")}
    )


@pytest.mark.parametrize("kind", list(AlertKind))
def test_alerts_fit(kind: AlertKind) -> None:
    """Every kind of alert."""
    _validator("alert").validate(json.loads(to_json(alert(kind, "res_1", AT))))


@pytest.mark.parametrize(
    ("name", "document", "key", "value"),
    [
        ("feedback", FEEDBACK, "outcome", "forgotten"),
        ("feedback", FEEDBACK, "result_id", "att_1"),
        ("feedback", FEEDBACK, "by", ""),
        ("feedback", FEEDBACK, "note", "长" * 2001),
        ("feedback", FEEDBACK, "at", "today"),
        ("feedback", FEEDBACK, "schema_version", 2),
        ("feedback", FEEDBACK, "phone", "13800138000"),
        ("alert", alert(AlertKind.CRISIS, "res_1", AT), "alert_id", "1"),
        ("alert", alert(AlertKind.CRISIS, "res_1", AT), "kind", "rumour"),
        ("alert", alert(AlertKind.CRISIS, "res_1", AT), "subject", ""),
        ("alert", alert(AlertKind.CRISIS, "res_1", AT), "name", "陈小明"),
    ],
)
def test_what_does_not_fit_is_refused(name: str, document: object, key: str, value: object) -> None:
    """Each broken rule is noticed."""
    with pytest.raises(ValidationError):
        _validator(name).validate(json.loads(to_json(document)) | {key: value})


@pytest.mark.parametrize(("name", "kind"), [("feedback", Feedback), ("alert", Alert)])
def test_schemas_name_exactly_the_fields_of_the_types(name: str, kind: type) -> None:
    """A field that is added to a type must be added to its schema."""
    assert set(_schema(name)["properties"]) == set(get_type_hints(kind))


def test_the_same_happening_gives_the_same_alert() -> None:
    """Ids are derived; ``key`` tells repeats that are news apart."""
    first = alert(AlertKind.QUEUE_STALE, "nuanye:results", AT, key="2026-11-23")
    assert first.alert_id == alert(AlertKind.QUEUE_STALE, "nuanye:results", AT, key="2026-11-23").alert_id
    assert first.alert_id != alert(AlertKind.QUEUE_STALE, "nuanye:results", AT, key="2026-11-24").alert_id
