"""What a person types, made exact: names of configs to files, a run to its config and checkpoint.

Nothing here imports torch, so that a mistake is answered at once.
"""

from dataclasses import dataclass, field
from pathlib import Path

from kindling import paths, runs
from kindling.checks import check
from kindling.errors import UserError
from kindling.words import did_you_mean

COMMANDS = {
    "train": "fit, then test the best checkpoint",
    "fit": "train; with --run, go on where that run stopped",
    "validate": "score a checkpoint on the validation split",
    "test": "score a checkpoint on the test split",
    "predict": "predict raw input (--data.input), no targets needed",
}


@dataclass
class Invocation:
    """A command, its flags for the parser, and the run and checkpoint that they named."""

    command: str
    flags: list[str] = field(default_factory=list)
    run: Path | None = None
    checkpoint: Path | None = None


def read(argv: list[str]) -> Invocation:
    """Split the command off ``argv`` and resolve ``--run``, ``--ckpt_path`` and ``--config``."""
    command, flags = split(argv)
    run, flags = take(flags, "--run")
    checkpoint, flags = take(flags, "--ckpt_path")
    parent, flags = take(flags, "--from_run")
    invocation = Invocation(command, flags)
    if parent is not None:
        if command not in ("fit", "train") or run is not None or checkpoint is not None:
            raise UserError(
                "--from_run starts a new run: by fit or train, and without --run, --ckpt_path"
            )
        folder = runs.find(parent, "--from_run")
        invocation.flags = [f"--config={folder / runs.CONFIG}", *flags, f"--from_run={folder}"]
    if run is not None or checkpoint is not None:
        _attach(invocation, run, checkpoint)
    elif command in ("validate", "test", "predict"):
        raise UserError(
            f"{command} needs a trained model: --run logs/<task>/latest, or --ckpt_path FILE"
        )
    check(configs(invocation.flags), invocation.flags)
    return invocation


def split(argv: list[str]) -> tuple[str, list[str]]:
    """The command, and its flags with each ``--config`` by its file."""
    command, *flags = argv
    if command not in COMMANDS:
        raise UserError(f"{command}: no such command{did_you_mean(command, COMMANDS)}")
    # Help on everything is the parser's own; ours has taken the short one before.
    flags = ["--help" if flag == "--help=all" else flag for flag in flags]
    return command, [_resolve_config(flag) for flag in join_values(flags, "--config", "-c")]


def configs(flags: list[str]) -> list[Path]:
    """The files of the ``--config`` flags."""
    return [Path(f.partition("=")[2]) for f in flags if f.startswith("--config=")]


def take(flags: list[str], name: str) -> tuple[str | None, list[str]]:
    """The value of an option that is given at most once, and the other flags."""
    joined = join_values(flags, name)
    values = [flag.partition("=")[2] for flag in joined if flag.startswith(f"{name}=")]
    if len(values) > 1:
        raise UserError(f"{name} is given {len(values)} times")
    return next(iter(values), None), [flag for flag in joined if not flag.startswith(f"{name}=")]


def join_values(flags: list[str], *names: str) -> list[str]:
    """``--name value`` as ``names[0]=value``."""
    joined, rest = [], iter(flags)
    for flag in rest:
        name, equals, value = flag.partition("=")
        if name not in names:
            joined.append(flag)
        elif (value := value if equals else next(rest, "")) == "":
            raise UserError(f"{name} needs a value")
        else:
            joined.append(f"{names[0]}={value}")
    return joined


def _resolve_config(flag: str) -> str:
    name, equals, value = flag.partition("=")
    return f"--config={find_config(value)}" if name == "--config" and equals else flag


def find_config(name: str) -> Path:
    """The file of a task, a preset, or a path to a YAML file."""
    places = (Path(name), paths.CONFIGS / f"{name}.yaml", paths.PRESETS / f"{name}.yaml")
    for place in places:
        if place.is_file():
            return place.resolve()
    known = [*names(paths.CONFIGS), *names(paths.PRESETS)]
    raise UserError(f"{name}: no such config, task or preset{did_you_mean(name, known)}")


def names(folder: Path) -> list[str]:
    """The configs of a folder, by name; the one that every run shares left out."""
    return sorted(path.stem for path in folder.glob("*.yaml") if path.stem != "trainer")


def _attach(invocation: Invocation, run: str | None, checkpoint: str | None) -> None:
    """Find the checkpoint, and put the config of the run that it lies in below the flags."""
    invocation.run = None if run is None else runs.find(run)
    resuming = invocation.command in ("fit", "train")
    invocation.checkpoint = _checkpoint(
        invocation.run, checkpoint or ("last" if resuming else "best")
    )
    origin = invocation.run or runs.of_checkpoint(invocation.checkpoint)
    if origin is not None:
        invocation.flags.insert(0, f"--config={origin / runs.CONFIG}")
    if not resuming:
        invocation.run = origin


def _checkpoint(run: Path | None, name: str) -> Path:
    if name not in ("best", "last"):
        path = runs.followed(Path(name).expanduser())
        if not path.is_file():
            raise UserError(f"{name}: no such checkpoint (--ckpt_path)")
        return path.resolve()
    if run is None:
        raise UserError(f"--ckpt_path={name} needs the run that it belongs to: --run DIR")
    path = run / {"best": runs.BEST, "last": runs.LAST}[name]
    if not path.is_file():
        raise UserError(f"{run}: has no {path.relative_to(run)}; nothing to go on from")
    return path
