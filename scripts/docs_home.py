"""README as the first page of the site, with its links as they are from docs/. A hook of MkDocs."""

from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]


def on_files(files: Files, config: Any) -> Files:
    text = (ROOT / "README.md").read_text()
    files.append(File.generated(config, "index.md", content=text.replace("](docs/", "](")))
    for notebook in (ROOT / "notebooks").glob("*.ipynb"):
        name, content = f"notebooks/{notebook.name}", notebook.read_text()
        files.append(File.generated(config, name, content=content))
    return files
