"""What belongs together, such as photos of one person, and the splits that it lies in."""

from kindling.tools.check.finding import Section, examples
from kindling.tools.check.rows import Rows


def check_groups(rows: Rows, section: Section) -> None:
    """Say whether what belongs together lies in several splits."""
    for name in rows.groups:
        splits: dict[str, set[str]] = {}
        for group, split in zip(rows.cells[name], rows.split.tolist(), strict=True):
            if group is not None and split:
                splits.setdefault(group, set()).add(split)
        shared = [group for group, parts in splits.items() if len(parts) > 1]
        if shared and name in rows.targets:
            section.add(
                "note",
                f"{name}: {len(shared):,} of {len(splits):,} are in several splits, "
                "as is needed to tell them; scores say nothing of new ones",
            )
        elif shared:
            section.add(
                "warn",
                f"{name}: {len(shared):,} of {len(splits):,} are in several splits: "
                f"{examples(shared)}",
            )
