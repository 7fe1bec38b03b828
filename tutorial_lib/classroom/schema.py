"""What a hand-in must be made of, as JSON Schema; what its numbers mean, others check."""

from typing import Any

from tutorial_lib.classroom.entries import MOST_CHANGES, MOST_STEPS, MOST_THREADS

WHAT = "hand-in of tutorial_lib"
VERSION = 1  # raise it when what a hand-in holds changes
MOST_EXERCISES = 200
MOST_RUNS = 20
MOST_NAME = 80  # letters
LARGEST = 2**53  # up to here JSON's numbers are exact everywhere


def _object(**properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _list(items: dict[str, Any], *, least: int = 0, most: int) -> dict[str, Any]:
    return {"type": "array", "minItems": least, "maxItems": most, "items": items}  # lengths first


def _row(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "prefixItems": parts, "items": False, "minItems": len(parts)}


def _text(most: int) -> dict[str, Any]:
    return {"type": "string", "maxLength": most}


def _number(low: float, high: float) -> dict[str, Any]:
    return {"type": "number", "minimum": low, "maximum": high}


def _whole(low: int, high: int = LARGEST) -> dict[str, Any]:
    return {"type": "integer", "minimum": low, "maximum": high}


_SIZE = 1e30
_SETTINGS = _object(
    epochs=_whole(1),
    batch_size=_whole(1),
    learning_rate=_number(0, _SIZE),
    momentum=_number(0, 1),
    optimizer=_text(40),
    loss=_text(40),
    weight_decay=_number(0, _SIZE),
    seed=_whole(0, 2**63 - 1),
)
_CHANGE = _object(
    step=_whole(1),
    images_seen=_whole(0),
    field=_text(40),
    before=_number(0, _SIZE),
    after=_number(0, _SIZE),
)
_SCORE = _object(accuracy=_number(0, 1), loss=_number(0, _SIZE), count=_whole(1))
_RUN = _object(
    file=_text(255),
    settings=_SETTINGS,
    data=_row(_text(1000), _whole(1), _text(200)),
    network=_text(1000),
    init={"enum": ["", "torch", "mindspore"]},
    own=_list(_text(40), most=4),
    torch=_text(100),
    device=_text(40),
    threads=_list(_whole(1, MOST_THREADS), most=MOST_THREADS),
    # The items of these are looked at all at once, which is far quicker than one by one.
    losses=_list({}, least=1, most=MOST_STEPS),
    rates=_list({}, least=1, most=MOST_STEPS),
    batch_sizes=_list({}, least=1, most=MOST_STEPS),
    changes=_list(_CHANGE, most=MOST_CHANGES),
    score={"anyOf": [{"type": "null"}, _SCORE]},
)
HAND_IN = _object(
    what={"const": WHAT},
    version={"const": VERSION},
    name={"type": "string", "minLength": 1, "maxLength": MOST_NAME},
    at=_text(40),
    exercises={"type": "object", "maxProperties": MOST_EXERCISES},
    predictions={"type": "array", "maxItems": 1000},
    runs=_list(_RUN, most=MOST_RUNS),
)
