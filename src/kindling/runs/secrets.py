"""Secrets, such as the key of a logger's service, which are used and never saved."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

MASK = "<masked>"

NAMED = re.compile(
    r"(?<!experiment)(^|[._-])(api)?(key|token|secret|password|passwd)$", re.IGNORECASE
)
"""Names of settings that hold one; ``experiment_key`` is a name, no secret."""


def masked(settings: Any) -> Any:
    """The settings with a mask for each secret."""
    if isinstance(settings, dict):
        return {k: MASK if _secret(k, v) else masked(v) for k, v in settings.items()}
    return [masked(part) for part in settings] if isinstance(settings, list) else settings


def masked_words(words: Iterable[str], settings: Any) -> Iterator[str]:
    """A command's words without the secrets of its settings, however they were typed."""
    secrets = "|".join(re.escape(secret) for secret in _secrets(settings))
    for word in words:
        name, equals, _ = word.partition("=")
        if equals and NAMED.search(name):  # even if a later word overrides it
            yield f"{name}={MASK}"
        else:
            yield re.sub(rf"(?<!\w)({secrets})(?!\w)", MASK, word) if secrets else word


def _secrets(settings: Any) -> Iterator[str]:
    if isinstance(settings, dict):
        yield from (value for name, value in settings.items() if _secret(name, value))
    if isinstance(settings, dict | list):
        for part in settings.values() if isinstance(settings, dict) else settings:
            yield from _secrets(part)


def _secret(name: Any, value: Any) -> bool:
    return isinstance(value, str) and value != "" and NAMED.search(str(name)) is not None
