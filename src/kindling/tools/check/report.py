"""The examination as a person reads it: tables, then findings, the gravest first."""

from collections import Counter
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from kindling.runs.folder import shown
from kindling.tools.check.finding import LEVELS, Finding, Section
from kindling.tools.check.load import Subject

COLORS = {"stop": "bold red", "warn": "yellow", "note": "dim"}


def show(subject: Subject, sections: Sequence[Section], console: Console) -> None:
    data = subject.data
    origin = "the generated sample" if data.is_sample else shown(data.root)
    console.print(f"data         {origin}", soft_wrap=True)
    if data.splits:
        sizes = data.sizes()
        whole = sum(sizes.values())
        parts = (f"{name} {size:,} ({size / whole:.0%})" for name, size in sizes.items())
        console.print(f"samples      {', '.join(parts)}")
    for table in (table for section in sections for table in section.tables):
        console.print(table)
    findings = with_refusal([f for s in sections for f in s.findings], subject)
    if findings:
        console.print(_listed(findings))
    counts = Counter(finding.level for finding in findings)
    found = ", ".join(f"{counts[level]} {level}" for level in LEVELS)
    verdict = "would be refused" if subject.refusal else "would start"
    console.print(f"found        {found}: training {verdict}")


def with_refusal(findings: Sequence[Finding], subject: Subject) -> list[Finding]:
    """By level; with what training says, unless that was found by itself."""
    refusal = " ".join(str(subject.refusal or "").split())
    found = [text for f in findings if f.level == "stop" for text in (f.text, *f.each)]
    message = [] if not refusal or any(text in refusal for text in found) else [refusal]
    every = [*(Finding("stop", text) for text in message), *findings]
    return sorted(every, key=lambda finding: LEVELS.index(finding.level))


def _listed(findings: Sequence[Finding]) -> Table:
    """A line for each, wrapped below itself where the terminal is narrow."""
    table = Table.grid(padding=(0, 1))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for finding in findings:
        text = "\n".join([finding.text, *finding.each])
        table.add_row(Text(finding.level, style=COLORS[finding.level]), Text(text))
    return table
