"""A page of Markdown without what only a problem that is gone can do."""

import re

from kindling.scaffold.removal import mention


def without_lines(text: str, task: str) -> str:
    """Without commands, rows and tables of the problem, and pictures of it.

    Sentences stay: which of them still holds is for a person to say.
    """
    named, kept = mention(task), []
    shell = table = False
    for line in text.splitlines(keepends=True):
        if line.startswith("```"):
            shell = line.startswith("```sh")
        in_table = line.startswith("|")
        if in_table and not table and re.match(rf"\| `?{task}\b", line):
            table_goes = True
        elif not in_table:
            table_goes = False
        row = in_table and re.match(rf"\| `?{task}`?( |,)", line)
        table = in_table
        picture = line.startswith("![") and f"/{task}_" in line
        if picture or row or (in_table and table_goes) or (shell and named.search(line)):
            continue
        kept.append(line)
    # A block that has lost all its lines goes, and so do the blank lines around what went.
    whole = re.sub(r"```sh\n```\n", "", "".join(kept))
    return re.sub(r"\n{3,}", "\n\n", whole)
