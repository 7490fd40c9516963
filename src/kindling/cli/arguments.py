"""The command line before parsing: names of configs become files, runs configs and checkpoints.

Nothing here imports torch, so that a mistake is answered at once.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

from kindling.cli import tools
from kindling.cli.settings import settings
from kindling.data import paths
from kindling.errors import UserError, did_you_mean
from kindling.runs import folder as runs

COMMANDS = {
    "train": "fit, then test the best checkpoint",
    "fit": "train; with --run, resume that run",
    "validate": "score a checkpoint on the validation split",
    "test": "score a checkpoint on the test split",
    "predict": "predict raw input (--data.input), no targets needed",
}
NAMED = ("--run", "--ckpt_path", "--from_run", "--trust")
VALUE = re.compile(r"[^-]|-[\d.]|-?$")  # the beginning of a word that is not an option


@dataclass
class Invocation:
    """A command, its flags for the parser, and the run and checkpoint that they named.

    ``trust`` is for a checkpoint outside of any run; ``words`` are the command as it was typed.
    """

    command: str
    flags: list[str]
    run: Path | None = None
    checkpoint: Path | None = None
    trust: bool = False
    words: list[str] = field(default_factory=list)


def read(argv: list[str]) -> Invocation:
    """Split the command off ``argv`` and resolve ``--run``, ``--ckpt_path`` and ``--config``."""
    command, *words = argv
    _check_command(command)
    flags = join_values(words)
    if stray := [flag for flag in flags if not flag.startswith("-")]:
        raise UserError(f"{stray[0]}: not an option; {_meant(stray[0])}")
    given, checkpoint, parent, trust = (only(flags, name) for name in NAMED)
    if trust not in (None, "true", "false"):
        raise UserError("--trust takes no value; write --trust alone")
    if trust == "true" and not checkpoint:
        raise UserError("--trust is for a checkpoint: --ckpt_path FILE")
    others = (flag for flag in flags if flag.partition("=")[0] not in NAMED)
    flags = sorted(map(_resolve, others), key=_rank)
    trains = command in ("fit", "train")
    if parent and (not trains or given or checkpoint):
        raise UserError("--from_run starts a new run: fit or train, without --run, --ckpt_path")
    origin = run = runs.find(given) if given else None
    invocation = Invocation(command, flags, run, trust=trust == "true", words=argv)
    if parent:
        origin = runs.find(parent, "--from_run")
        # The new run is made beside it, also where the folder of the runs was moved.
        flags[:0] = [f"--logs={origin.parents[1]}"]
        flags.append(f"--from_run={origin}")
    elif given or checkpoint:
        invocation.checkpoint = runs.checkpoint(run, checkpoint or ("last" if trains else "best"))
        origin = run or runs.of_checkpoint(invocation.checkpoint)
        invocation.run = run if trains else origin
    elif not trains and "--help" not in flags:
        which = "--run logs/<task>/latest, or --ckpt_path FILE"
        raise UserError(f"{command} needs a trained model: {which}")
    if origin:
        flags.insert(0, f"--config={origin / runs.CONFIG}")
    return invocation


def only(flags: list[str], name: str) -> str | None:
    """The value of an option that is given at most once."""
    values = [flag.partition("=")[2] for flag in flags if flag.startswith(f"{name}=")]
    if len(values) > 1:
        raise UserError(f"{name} is given {len(values)} times")
    return (*values, None)[0]


def _check_command(word: str) -> None:
    if word.startswith("-"):
        example = f"kindling train {word}"
        raise UserError(f"{word}: a command comes first, as in {example} (kindling --help)")
    if word not in COMMANDS:
        commands = [*COMMANDS, *tools.described()]
        raise UserError(f"{word}: no such command{did_you_mean(word, commands)}")


def _meant(word: str) -> str:
    """The option that a word without dashes was probably meant for."""
    if "=" in word:
        return f"did you mean --{word}?"
    if word in [*names(paths.CONFIGS), *names(paths.PRESETS)]:
        return f"did you mean --config {word}?"
    if (Path(word) / runs.CONFIG).is_file():
        return f"did you mean --run {word}?"
    return "options begin with two dashes, as in --trainer.max_epochs=5"


def join_values(words: list[str]) -> list[str]:
    """``--name value`` as ``--name=value``, and ``-c`` as ``--config``."""
    joined: list[str] = []
    for word in words:
        last = joined[-1] if joined else ""
        if last.startswith("--") and "=" not in last and last != "--help" and VALUE.match(word):
            joined[-1] = f"{last}={word}"
        else:
            joined.append(re.sub(r"^-c\b", "--config", "--help" if word == "-h" else word))
    joined = ["--trust=true" if flag == "--trust" else flag for flag in joined]
    for flag in joined:
        name, _, value = flag.partition("=")
        if name in ("--config", *NAMED) and not value:
            raise UserError(f"{name} needs a value")
        if name == "--help" and value not in ("", "all"):
            raise UserError(f"{flag}: write --help, or --help=all for every option")
    return joined


def _resolve(flag: str) -> str:
    """A flag that names a config, by the file's path."""
    name, _, value = flag.partition("=")
    if name != "--config":
        return flag
    settings(path := find_config(value))
    return f"--config={path}"


def _rank(flag: str) -> int:
    """A flag wins over a config, and a class's setting over the class, wherever they stand."""
    name = flag.partition("=")[0]
    return (name != "--config") + ("." in name)


def find_config(name: str) -> Path:
    """The file of a task, a preset, or a path to a YAML file."""
    folders = (paths.CONFIGS, paths.PRESETS)
    for path in (Path(name), *(folder / f"{name}.yaml" for folder in folders)):
        if path.is_file():
            return path.resolve()
    there = [found for folder in folders for found in names(folder)]
    near = did_you_mean(name, there) or "; they are listed by: kindling --help"
    raise UserError(f"{name}: no such config, task or preset{near}")


def names(folder: Path) -> list[str]:
    """The configs of a folder, by name; the one that every run shares left out."""
    return sorted(path.stem for path in folder.glob("*.yaml") if path.stem != "trainer")
