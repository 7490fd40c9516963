"""Settings of the model and the data, checked by name and choice before torch is imported."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from kindling import signatures
from kindling.errors import UserError
from kindling.signatures import Setting
from kindling.words import did_you_mean

PARTS = ("model", "data")


def check(configs: list[Path], flags: list[str]) -> None:
    """Refuse what the parser would ignore, answer late or answer at length."""
    for path in configs:
        _check_sections(signatures.merged([path]), path)
    merged = signatures.merged(configs)
    computed = linked(configs, flags)
    for path in configs:
        _refuse_computed(signatures.merged([path]), computed, str(path))
    settings = _known(merged)
    for part in PARTS:
        if part in settings and not any(flag.startswith(f"--{part}=") for flag in flags):
            init = merged[part].get("init_args") or {}
            for name, value in (*init.items(), *_given(part, flags)):
                if part == "model" and name in computed:
                    raise UserError(_computed(name))
                _check_setting(part, name, value, settings)


def linked(configs: list[Path], flags: list[str]) -> list[str]:
    """Arguments of the model that are computed: of the data module's own, by the same name."""
    merged = signatures.merged(configs)
    model, data = (_class_path(part, merged, flags) for part in PARTS)
    if model is None or data is None:
        return []
    known = {*signatures.properties(data), *(s.name for s in signatures.settings(data))}
    return [s.name for s in signatures.settings(model) if s.name in known]


def options(configs: list[Path]) -> list[str]:
    """The settings of the model and the data that ``configs`` name, as they are typed."""
    known = _known(signatures.merged(configs))
    return [f"{part}.{name}" for part, settings in known.items() for name in settings]


def _check_sections(config: Mapping[str, Any], path: Path) -> None:
    """Refuse words or lists where settings have names."""
    sections = {name: config.get(name) for name in ("trainer", "checkpoint", "early_stopping")}
    for part in PARTS:
        if isinstance(section := config.get(part), dict):
            sections[f"{part}.init_args"] = section.get("init_args")
    for name, section in sections.items():
        if not isinstance(section, dict | None):
            raise UserError(f"{path}: {name} holds no settings; expected lines such as name: value")


def _known(merged: Mapping[str, Any]) -> dict[str, dict[str, Setting]]:
    """Settings by part and name."""
    paths = {part: _class_path(part, merged, []) for part in PARTS}
    return {p: {s.name: s for s in signatures.settings(path)} for p, path in paths.items() if path}


def _class_path(part: str, merged: Mapping[str, Any], flags: list[str]) -> str | None:
    """The class that is configured for a part, the last flag winning."""
    section = merged.get(part)
    path = section.get("class_path") if isinstance(section, dict) else None
    for flag, following in zip(flags, [*flags[1:], ""], strict=False):
        name, equals, value = flag.partition("=")
        if name in (f"--{part}", f"--{part}.class_path"):
            path = value if equals else following
    if path is not None and (not isinstance(path, str) or "." not in path):
        raise UserError(f"{part}={path}: name the class with its module, package.module.{path}")
    return path


def _check_setting(
    part: str, name: str, value: Any, settings: Mapping[str, Mapping[str, Setting]]
) -> None:
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


def _refuse_computed(config: Mapping[str, Any], computed: list[str], path: str) -> None:
    model = config.get("model")
    given = {**model, **(model.get("init_args") or {})} if isinstance(model, dict) else {}
    for name in computed:
        if name in given:
            raise UserError(f"{path}: {_computed(name)}")


def _computed(name: str) -> str:
    return f"model.{name} is computed from the data (data.{name}); leave it out"
