"""Whether a run can go on as it was: the same model on the same data, cut in the same way."""

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from kindling import signatures
from kindling.errors import UserError

FREE = ("data.root", "data.input", "data.num_workers")
"""Settings that change nothing in what is trained; what lies in the root has a fingerprint."""

CUT = tuple(
    f"data.{name}"
    for name in ("split_seed", "val_fraction", "test_fraction", "by", "folds", "fold")
)
"""Settings that would move training samples into the test split."""

TRAINING = ("optimizer", "lr_scheduler", "lr_scheduler_config", "freeze")
"""Sections beside model and data of what a run is trained by; an older run lacks them."""

NOTHING = {"frequency": 1, "warmup": 0}
"""Settings of a section that is not there."""

UNCHANGED = "--allow_changed_data=true"


def refuse_changes(trained: str, now: str, only: tuple[str, ...] = ()) -> None:
    """Raise a UserError that names a setting of model or data that differs.

    Args:
        trained: Configuration of the run, as YAML.
        now: Configuration that it shall go on with.
        only: Settings to compare; none are all but the free ones.
    """
    before, after = dict(_settings(trained)), dict(_settings(now))
    for name in sorted({*before, *after}):
        chosen = name in only if only else name not in FREE
        if chosen and before.get(name) != after.get(name):
            raise UserError(
                f"{name}={_shown(after.get(name))}: the run was trained with "
                f"{_shown(before.get(name))}; leave it out, or start a new run, from its weights "
                "by --from_run (make finetune)"
            )


def refuse_other_data(trained: str | None, now: str | None, allowed: bool) -> None:
    """Raise a UserError if the files are others than those that the run was trained on."""
    if not allowed and trained is not None and now is not None and trained != now:
        raise UserError(
            "the data have changed since the run was trained (SHA-256 "
            f"{now[:12]}, was {trained[:12]}); restore them, or {UNCHANGED}"
        )


def _settings(config: str) -> Iterator[tuple[str, Any]]:
    """Settings of model and data, by the names that are typed."""
    content: Mapping[str, Any] = yaml.safe_load(config)
    for part in ("model", "data"):
        class_path = content[part]["class_path"]
        yield f"{part}", class_path
        # A run from before a setting was there was made as by its default.
        defaults = {setting.name: setting.default for setting in signatures.settings(class_path)}
        for name, value in (defaults | (content[part].get("init_args") or {})).items():
            yield f"{part}.{name}", value
    for part in TRAINING:
        value = content.get(part)
        if not isinstance(value, dict):
            yield part, value or None
            continue
        yield part, value.get("class_path")
        settings = value.get("init_args") if "class_path" in value else value
        yield from ((f"{part}.{k}", v) for k, v in (settings or {}).items() if v != NOTHING.get(k))


def _shown(value: Any) -> str:
    return (
        str(yaml.safe_dump(value, default_flow_style=True, width=1000))
        .removesuffix("...\n")
        .strip()
    )
