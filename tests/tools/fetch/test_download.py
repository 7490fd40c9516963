"""Whatever the connection does, the file is whole in the end, or a line says why not."""

import random
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from requests import Response

from kindling.errors import UserError
from kindling.tools.fetch.download import download, refuse

CONTENT = random.Random(0).randbytes(300_000)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "downloads" / "set.zip"


@pytest.fixture(autouse=True)
def _content(server: Any) -> None:
    server.content = CONTENT


def test_what_is_there_is_not_fetched(server: Any, target: Path) -> None:
    target.parent.mkdir()
    target.write_text("mine")
    download(server.url, target)
    assert target.read_text() == "mine"
    assert not server.asked


@pytest.mark.parametrize(
    "faults", [[], *([k] * 4 for k in ("500", "429", "drop", "cut")), ["away"]]
)
def test_a_passing_fault(server: Any, target: Path, faults: list[str]) -> None:
    server.faults, server.elsewhere = faults, server.url
    download(server.url, target)
    assert target.read_bytes() == CONTENT
    assert [path.name for path in target.parent.iterdir()] == ["set.zip"]


def test_silence_is_not_waited_out(server: Any, target: Path) -> None:
    server.faults = ["stall"]
    download(server.url, target, stall=0.3)
    assert target.read_bytes() == CONTENT
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    ("fault", "asked", "message"),
    [
        ("drop", 5, r"the connection failed \(ConnectionError\), 5 times in a row"),
        ("cut", 5, "5 times in a row"),
        ("503", 5, "the server says 503 Service Unavailable, 5 times in a row"),
        ("404", 1, "the server says 404"),
        ("410", 1, "the server says 410"),
        ("away", 1, "sends on to file:///etc/passwd, which is not followed"),
    ],
)
def test_given_up_it_leaves_nothing(
    server: Any, target: Path, fault: str, asked: int, message: str
) -> None:
    server.faults, server.elsewhere = [fault] * 5, "file:///etc/passwd"
    with pytest.raises(UserError, match=message):
        download(server.url, target)
    assert len(server.asked) == asked
    assert not list(target.parent.iterdir())


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        ({"Location": "https://c/b"}, ""),
        ({"Location": "http://a/b"}, "sends on to http://a/b, which is not followed"),
        ({"Content-Length": "99999999999"}, "99999999999 bytes are too many"),
    ],
)
def test_an_answer_that_is_not_taken(headers: dict[str, str], message: str) -> None:
    answer = Response()
    answer.url, answer.status_code = "https://a/b", 302 if "Location" in headers else 200
    answer.headers.update(headers)
    with pytest.raises(UserError, match=message) if message else nullcontext():
        refuse(answer)


@pytest.mark.parametrize("url", ["set.zip", "nonsense://x/y"])
def test_no_address(target: Path, url: str) -> None:
    with pytest.raises(UserError, match="not an address of the web"):
        download(url, target)
