"""The command line: ``kindling COMMAND ...`` or ``python -m kindling COMMAND ...``."""

import errno
import gc
import os
import sys
from collections.abc import Callable, Sequence

from kindling.cli import arguments, help, processes, tools
from kindling.errors import Stopped, UserError

DISK = {
    *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO),
    *(errno.EROFS, errno.EACCES, errno.EPERM),
}
"""Errors of a full or broken disk, and of files that may not be written."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Returns:
        The exit status: 0; 1 for training that diverged; 2 for wrong input; 3 for
        input of which a part was predicted; 130 and 143 for a run
        that Ctrl-C and SIGTERM stopped.
    """
    args = list(sys.argv[1:] if argv is None else argv)
    with processes.environment():
        return ended(lambda: _run(args))


def ended(command: Callable[[], None]) -> int:
    """The exit status of a command, after a line for an error that a person can mend."""
    try:
        command()
    except Stopped as error:
        # The first of several processes reports it. The failure of another one would end the first
        # at once, even while it saves, so where all stop together the others end as if done.
        if not processes.rank():
            return _fail(str(error), error.status)
        return processes.done() if error.together else error.status
    except UserError as error:
        return _fail(str(error), error.status)
    except SystemExit as end:
        # A parser exits after --print_config, --help=all, and a tool's --help.
        return int(end.code or 0)
    except BrokenPipeError:
        # The reader of the output, such as head, has closed it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        if error.errno not in DISK:
            raise
        return _fail(f"{error.filename or 'writing'}: {error.strerror}", 2)
    except KeyboardInterrupt:
        return 130 if processes.rank() else _fail("stopped", 130)
    return processes.done()


def _run(args: list[str]) -> None:
    if "" not in sys.path:
        sys.path.append("")  # classes of the current folder, as with `python -m`
    if not processes.part and args and args[0] in tools.described():
        tools.run(args[0], args[1:])
        return
    if not processes.part and help.wanted(args):
        print(help.overview(), flush=True)
        return
    invocation = processes.part.invocation if processes.part else arguments.read(args)
    # Torch and Lightning take seconds to import, and one more with garbage collection. Mistakes in
    # the command are answered before.
    gc.disable()
    try:
        from kindling.cli import lightning_cli as cli
    finally:
        gc.enable()
    cli.run(invocation)


def _fail(message: str, status: int) -> int:
    print(f"kindling: {' '.join(message.split())}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
