"""Whether what a space searches can be searched, before anything is written."""

from collections.abc import Sequence

from kindling.cli.settings import shown
from kindling.errors import UserError
from kindling.tools.runner.expected import settings
from kindling.tools.runner.settings import CLASSES, Settings
from kindling.tools.sweep.space import Space, trial_flags


def check(space: Space, flags: Sequence[str]) -> Settings:
    """The settings that all trials share.

    Raises:
        UserError: There is no such setting or choice, or a flag says what is to be searched.
    """
    for name in space.searched.keys() & {f.partition("=")[0].removeprefix("--") for f in flags}:
        raise UserError(f"{name}: {space.path} searches it; leave the flag out")
    whole: Settings = {}
    for values in space.corners():
        whole = settings([f"--config={space.task}", *flags, *trial_flags(values)])
        for name, value in values.items():
            if name not in whole:
                raise UserError(f"{space.path}: {name}: no setting of a run")
            if whole[name] != value:
                read_as = f"{shown(value)} is read as {shown(whole[name])}"
                raise UserError(f"{space.path}: {name}: {read_as}; write it so")
    # A class that is searched brings arguments of its own.
    apart = tuple(f"{name}." for name in CLASSES if name in space.searched)
    return {k: v for k, v in whole.items() if k not in space.searched and not k.startswith(apart)}
