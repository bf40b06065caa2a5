"""docs/schema/result-v1.json describes what we really publish, and nothing looser."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from jsonschema import Draft202012Validator, ValidationError

from casework.handout import presumed_result
from casework.types import CallRecord
from core.codec import to_json
from core.types import RESULT_SCHEMA_VERSION, Callee, CallTask, Disposition, FieldValue, Result
from tests.casework.samples import finished, intention

SCHEMA = json.loads(
    (Path(__file__).parents[2] / "docs" / "schema" / f"result-v{RESULT_SCHEMA_VERSION}.json").read_text(
        "utf-8"
    )
)
VALIDATOR = Draft202012Validator(SCHEMA, format_checker=Draft202012Validator.FORMAT_CHECKER)
AT = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
TASK = CallTask("att_1", Callee("per_1", "陈小明", "13800138001"), "cmp_1", {}, 1, AT)


def _published(result: Result) -> Any:
    return json.loads(to_json(result))


def test_the_schema_is_valid_itself() -> None:
    """It is JSON Schema 2020-12."""
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("disposition", list(Disposition))
def test_every_call_result_fits(disposition: Disposition) -> None:
    """Results with every disposition and with values of every shape are valid."""
    _, result = finished(
        TASK,
        AT,
        disposition,
        expected_pay={"min": 4000, "max": None, "unit": "yuan_per_month"},
        wanted_jobs=["保安"],
        contact_consent=True,
        current_work="保洁",
    )
    VALIDATOR.validate(_published(result))


def test_intentions_and_presumed_calls_fit() -> None:
    """What a chat hands in and what the reaper writes are valid too."""
    VALIDATOR.validate(_published(intention("web_1", AT)))
    record = CallRecord("att_1", "cmp_1", "per_1", "陈小明", "1", "", 1, AT, AT, Disposition.INTERRUPTED)
    VALIDATOR.validate(_published(presumed_result(record)))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("result_id",), "res_1"),
        (("kind",), "gossip"),
        (("disposition",), "vanished"),
        (("disposition",), None),
        (("confidence",), 1.5),
        (("at",), "yesterday"),
        (("schema_version",), 2),
        (("extra",), 1),
        (("fields", "district", "source"), "heard"),
        (("fields", "district", "start_ms"), -1),
        (("fields", "Bad Name"), {}),
    ],
    ids=lambda item: "/".join(item) if isinstance(item, tuple) else None,
)
def test_what_does_not_fit_is_refused(path: tuple[str, ...], value: object) -> None:
    """Each broken rule is noticed."""
    document = copy.deepcopy(_published(finished(TASK, AT, district="天河区")[1]))
    target = document
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = value
    with pytest.raises(ValidationError):
        VALIDATOR.validate(document)


def test_it_names_exactly_the_fields_of_the_types() -> None:
    """A field that is added to Result or FieldValue must be added to the schema."""
    assert set(SCHEMA["properties"]) == set(SCHEMA["required"]) == set(get_type_hints(Result))
    field = SCHEMA["$defs"]["field"]
    assert set(field["properties"]) == set(field["required"]) == set(get_type_hints(FieldValue))
    assert set(SCHEMA["$defs"]["disposition"]["enum"]) == set(Disposition)
