"""The argument parser that takes no half options."""

from typing import Any, NoReturn

from lightning.pytorch.cli import LightningArgumentParser


class ParseError(Exception):
    """What the parser has to say, before it is put in one line."""


class Parser(LightningArgumentParser):
    """Takes options by their full names alone, and leaves it to the caller to show errors."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{**kwargs, "allow_abbrev": False})

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        raise ParseError(message) from ex
