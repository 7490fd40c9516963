"""README as the first page of the site, with its links as they are from docs/. A hook of MkDocs.

Pages of problems that were deleted are left out, and what led to them is text.
"""

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
LINK = re.compile(r"\[([^\]]+)\]\((\w+\.md)(?:#[\w-]+)?\)")


def on_config(config: Any) -> Any:
    for section in config.nav:
        if "Problems" in section:
            pages = section["Problems"]
            section["Problems"] = [p for p in pages if (ROOT / "docs" / min(p.values())).is_file()]
    return config


def on_files(files: Files, config: Any) -> Files:
    text = (ROOT / "README.md").read_text()
    files.append(File.generated(config, "index.md", content=text.replace("](docs/", "](")))
    for notebook in (ROOT / "notebooks").glob("*.ipynb"):
        name, content = f"notebooks/{notebook.name}", notebook.read_text()
        files.append(File.generated(config, name, content=content))
    return files


def on_page_markdown(markdown: str, files: Files, **_: Any) -> str:
    def kept(link: re.Match[str]) -> str:
        return link[0] if files.get_file_from_path(link[2]) else link[1]

    return LINK.sub(kept, markdown)
