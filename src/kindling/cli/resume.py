"""Whether a run can be resumed: the same model on the same data, split in the same way."""

from typing import Any

import yaml

from kindling.cli.parser import find_class, options
from kindling.cli.settings import PARTS, flat, shown
from kindling.errors import UserError

UNCHECKED = ("data.root", "data.input", "data.num_workers")
"""Settings that do not change what is trained; files in the root have a fingerprint."""

SPLIT = (
    *("split_seed", "val_fraction", "test_fraction", "by", "folds", "fold"),
    *("train", "val", "test", "group", "time"),
)
SPLIT_SETTINGS = tuple(f"data.{name}" for name in SPLIT)
"""Settings that would move training samples into the test split."""

TRAINING = ("optimizer", "lr_scheduler", "lr_scheduler_config", "freeze", "seed_everything")
"""Settings of training, beside those of model and data."""


def refuse_changes(trained: str, now: str, only: tuple[str, ...] = ()) -> None:
    """Raise a UserError that names a setting of model or data that differs.

    Args:
        trained: Configuration of the run, as YAML.
        now: Configuration to resume with.
        only: Settings to compare; by default, all but the unchecked ones.
    """
    before, after = _settings(trained), _settings(now)
    for part in PARTS:
        kind = find_class(part, after[part])
        # An older run lacks new settings, and was trained as by their defaults.
        for name, action in (options(kind, part) if kind else {}).items():
            if name in after and name not in before:
                default = action.default
                before[name] = list(default) if isinstance(default, tuple) else default
    for name in sorted({*before, *after}):
        compared = name in only if only else name not in UNCHECKED
        if compared and before.get(name) != after.get(name):
            new, old = shown(after.get(name)), shown(before.get(name))
            do = "leave it out, or start a new run, from its weights by --from_run (make finetune)"
            raise UserError(f"{name}={new}: the run was trained with {old}; {do}")


def refuse_other_data(trained: str | None, now: str | None, allowed: bool) -> None:
    """Raise a UserError if the files differ from those that the run was trained on."""
    if not allowed and trained is not None and now is not None and trained != now:
        sums = f"SHA-256 {now[:12]}, was {trained[:12]}"
        what = f"the data have changed since the run was trained ({sums})"
        raise UserError(f"{what}; restore them, or --allow_changed_data=true")


def _settings(config: str) -> dict[str, Any]:
    """Settings of model, data and training by the names of their options."""
    content = yaml.safe_load(config)
    return dict(flat({part: content.get(part) for part in (*PARTS, *TRAINING)}))
