"""Settings of the model and the data, checked by name and choice before torch is imported."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from kindling import signatures
from kindling.errors import UserError
from kindling.signatures import Setting
from kindling.words import did_you_mean

LINKED = ("inputs", "classes", "image_size")
"""Arguments of models that are computed from the data module's property of the same name."""

PARTS = ("model", "data")


def check(configs: list[Path], flags: list[str]) -> None:
    """Refuse what the parser would ignore, answer late or answer at length."""
    for path in configs:
        _refuse_computed(signatures.merged([path]), str(path))
    merged = signatures.merged(configs)
    settings = _known(merged)
    for part in PARTS:
        if part in settings and not any(flag.startswith(f"--{part}=") for flag in flags):
            init = merged[part].get("init_args") or {}
            for name, value in (*init.items(), *_given(part, flags)):
                _check_setting(part, name, value, settings)


def options(configs: list[Path]) -> list[str]:
    """The settings of the model and the data that ``configs`` name, as they are typed."""
    known = _known(signatures.merged(configs))
    return [f"{part}.{name}" for part, settings in known.items() for name in settings]


def _known(merged: Mapping[str, Any]) -> dict[str, dict[str, Setting]]:
    """Settings by part and name, those left out that the data determines."""
    return {
        part: {
            setting.name: setting
            for setting in signatures.settings(merged[part]["class_path"])
            if part == "data" or setting.name not in LINKED
        }
        for part in PARTS
        if isinstance(merged.get(part), dict) and "class_path" in merged[part]
    }


def _check_setting(
    part: str, name: str, value: Any, settings: Mapping[str, Mapping[str, Setting]]
) -> None:
    if part == "model" and name in LINKED:
        raise UserError(_computed(name))
    setting = settings[part].get(name.partition(".")[0])
    if setting is None:
        every = [f"{p}.{n}" for p in settings for n in settings[p]]
        option = f"{part}.{name}"
        raise UserError(f"{option}: no such setting{did_you_mean(option, every)}")
    if setting.choices and value is not None and str(value) not in setting.choices:
        meant = did_you_mean(str(value), setting.choices)
        raise UserError(f"{part}.{name}={value}: no such choice{meant}")


def _given(part: str, flags: list[str]) -> Iterator[tuple[str, str | None]]:
    """Settings of a part that flags give, with the value where it stands in the flag or next."""
    for flag, following in zip(flags, [*flags[1:], "--"], strict=True):
        name, equals, value = flag.replace(".init_args.", ".").partition("=")
        section, _, setting = name.removeprefix("--").partition(".")
        if section == part and setting not in ("", "class_path") and name.startswith("--"):
            separate = None if following.startswith("--") else following
            yield setting.removesuffix("+"), value if equals else separate


def _refuse_computed(config: Mapping[str, Any], path: str) -> None:
    model = config.get("model")
    given = {**model, **(model.get("init_args") or {})} if isinstance(model, dict) else {}
    for name in LINKED:
        if name in given:
            raise UserError(f"{path}: {_computed(name)}")


def _computed(name: str) -> str:
    return f"model.{name} is computed from the data (data.{name}); leave it out"
