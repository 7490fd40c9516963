"""The schema that editors check configs by: current, wide enough, and no wider."""

import copy
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from kindling import paths, schema

CONFIGS = sorted(paths.CONFIGS.glob("*.yaml")) + sorted(paths.PRESETS.glob("*.yaml"))
VALIDATOR = Draft7Validator(schema.schema())


def read(name: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((paths.CONFIGS / f"{name}.yaml").read_text())
    return content


def test_the_file_is_current() -> None:
    assert schema.FILE.read_text() == schema.text(), "run: make schema"


def test_it_is_a_schema() -> None:
    Draft7Validator.check_schema(schema.schema())


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_config_is_one(path: Any) -> None:
    assert [
        error.message for error in VALIDATOR.iter_errors(yaml.safe_load(path.read_text()))
    ] == []


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        (("model", "init_args", "cel"), "gru", "'cel' was unexpected"),
        (("model", "init_args", "cell"), "tree", "'tree' is not one of"),
        (("model", "init_args", "hidden"), "many", "'many' is not of type 'integer'"),
        (("data", "init_args", "lags"), "1d", "'1d' is not of type 'array'"),
        (("model", "init_args", "patch"), "many", "'many' is not valid under any of the given"),
        (("data", "root"), "here", "'root' was unexpected"),
        (("modle",), {}, "'modle' was unexpected"),
    ],
)
@pytest.mark.parametrize("named", [True, False])
def test_slips_are_found(place: tuple[str, ...], value: Any, said: str, named: bool) -> None:
    config = copy.deepcopy(read("timeseries"))
    if not named and said != "'many' is not of type 'integer'":
        del config["model"]["class_path"]
    inner = config
    for name in place[:-1]:
        inner = inner[name]
    inner[place[-1]] = value
    assert any(said in error.message for error in VALIDATOR.iter_errors(config))


def test_a_class_of_ones_own_is_left_alone() -> None:
    model = {"class_path": "mine.Model", "init_args": {"whatever": 1}}
    assert VALIDATOR.is_valid({"model": model})
