"""A JSON schema of the YAML files under ``configs``, so that editors complete and check them.

Made of the classes' sources: names, types, choices, defaults and docstrings. Imports no torch.
"""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from kindling import arguments, checks, help, paths, signatures
from kindling.signatures import Setting

Schema = dict[str, Any]

FILE = paths.CONFIGS / "schema.json"
PLAIN = {"int": "integer", "float": "number", "bool": "boolean", "str": "string", "Path": "string"}
"""Types of Python by their names, as those of JSON."""
ALTERNATIVES = re.compile(r"\s*\|\s*(?![^\[]*\])")
"""What stands between the types of a union, and not inside of one's brackets."""


def schema() -> Schema:
    """The schema: settings of the tasks' own classes, and the most common ones of the Trainer."""
    configs = [paths.CONFIGS / f"{task}.yaml" for task in arguments.names(paths.CONFIGS)]
    trainer = {name: {"description": doc} for name, doc in help.TRAINER.items()}
    sections: Schema = {
        part: _part({signatures.merged([path])[part]["class_path"] for path in configs})
        for part in checks.PARTS
    }
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "A configuration of Kindling",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "seed_everything": {"type": "integer", "description": "Seed of weights and order."},
            "threads": _typed("int | None")
            | {"description": "Of torch on the CPU; null measures."},
            "logs": {"type": "string", "description": "Folder of the runs."},
            **sections,
            "trainer": {"type": "object", "properties": trainer},
            "checkpoint": {"type": "object"},
            "early_stopping": {"type": "object"},
        },
    }


def text() -> str:
    """The schema as its file has it."""
    return json.dumps(schema(), indent=1, ensure_ascii=False) + "\n"


def _part(classes: Iterable[str]) -> Schema:
    """A model or a data module: the class decides its settings; a preset names none."""
    known = {name: _settings(signatures.settings(name)) for name in sorted(classes)}
    every: Schema = {}
    for settings in known.values():
        # One name may be two things in two classes.
        every |= {name: {} if name in every else typed for name, typed in settings.items()}
    rules = [
        {
            "if": {"properties": {"class_path": {"const": name}}, "required": ["class_path"]},
            "then": _own(settings),
        }
        for name, settings in known.items()
    ]
    return {
        "type": "object",
        "properties": {
            "class_path": {"type": "string", "examples": list(known)},
            "init_args": {"type": "object"},
        },
        "additionalProperties": False,
        "allOf": rules,
        # Without a class of one's own, a name that no class has is a slip.
        "if": {"not": {"required": ["class_path"]}},
        "then": _own(every),
    }


def _own(settings: Mapping[str, Schema]) -> Schema:
    """Settings of these names, and of no other."""
    init = {"properties": settings, "additionalProperties": False}
    return {"properties": {"init_args": init}}


def _settings(settings: Iterable[Setting]) -> Mapping[str, Schema]:
    return {
        setting.name: _typed(setting.annotation)
        | {"description": " ".join(setting.doc.split()), "default": setting.default}
        for setting in settings
    }


def _typed(annotation: str) -> Schema:
    """What values an annotation allows; anything, where JSON cannot say it."""
    parts = ALTERNATIVES.split(annotation)
    if len(parts) > 1:
        return {"anyOf": [_typed(part) for part in parts]}
    inner, _, rest = annotation.partition("[")
    if inner == "Literal":
        return {"enum": list(signatures.choices(annotation))}
    if inner == "Sequence":
        return {"type": "array", "items": _typed(rest.removesuffix("]"))}
    if annotation == "None":
        return {"type": "null"}
    return {"type": PLAIN[annotation]} if annotation in PLAIN else {}
