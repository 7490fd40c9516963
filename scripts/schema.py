"""Writes configs/schema.json anew, after a setting was added or its docstring changed.

python scripts/schema.py
"""

from kindling import schema

if __name__ == "__main__":
    schema.FILE.write_text(schema.text())
    print(f"schema       {schema.FILE}")
