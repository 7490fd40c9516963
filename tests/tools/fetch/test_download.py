"""Whatever the connection does, the file is whole in the end, or a line says why not."""

import random
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from requests import Response

from kindling.errors import UserError
from kindling.tools.fetch import download as module
from kindling.tools.fetch.download import ATTEMPTS, download, refuse

CONTENT = random.Random(0).randbytes(300_000)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "downloads" / "set.zip"


@pytest.fixture(autouse=True)
def _content(server: Any) -> None:
    server.content = CONTENT


def test_a_sound_connection(server: Any, target: Path) -> None:
    download(server.url, target)
    assert target.read_bytes() == CONTENT
    assert [path.name for path in target.parent.iterdir()] == ["set.zip"]


def test_what_is_there_is_not_fetched(server: Any, target: Path) -> None:
    target.parent.mkdir()
    target.write_text("mine")
    download(server.url, target)
    assert target.read_text() == "mine"
    assert not server.asked


@pytest.mark.parametrize("fault", ["500", "503", "429", "drop", "cut"])
def test_a_passing_fault(server: Any, target: Path, fault: str) -> None:
    server.faults = [fault] * (ATTEMPTS - 1)
    download(server.url, target)
    assert target.read_bytes() == CONTENT


def test_silence_is_not_waited_out(server: Any, target: Path) -> None:
    server.faults = ["stall"]
    download(server.url, target, stall=0.3)
    assert target.read_bytes() == CONTENT
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    ("fault", "said"),
    [("drop", r"the connection failed \(ConnectionError\)"), ("cut", ""), ("503", "says 503 Serv")],
)
def test_given_up_it_leaves_nothing(server: Any, target: Path, fault: str, said: str) -> None:
    server.faults = [fault] * ATTEMPTS
    with pytest.raises(UserError, match=f"{said}.*, {ATTEMPTS} times in a row"):
        download(server.url, target)
    assert not list(target.parent.iterdir())


@pytest.mark.parametrize("status", ["404", "403", "410"])
def test_what_no_attempt_will_mend_is_said_at_once(server: Any, target: Path, status: str) -> None:
    server.faults = [status]
    with pytest.raises(UserError, match=f"the server says {status}"):
        download(server.url, target)
    assert len(server.asked) == 1
    assert not list(target.parent.iterdir())


def test_sent_elsewhere_it_follows(server: Any, target: Path) -> None:
    server.faults, server.elsewhere = ["away", "away"], server.url
    download(server.url, target)
    assert target.read_bytes() == CONTENT


def test_sent_to_a_file_it_does_not_follow(server: Any, target: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s")
    server.faults, server.elsewhere = ["away"], f"file://{tmp_path}/secret"
    with pytest.raises(UserError, match="not followed"):
        download(server.url, target)
    assert not target.exists()


def test_an_encrypted_address_is_not_left_for_an_open_one() -> None:
    answer = Response()
    answer.url, answer.status_code = "https://a/b", 302
    answer.headers["Location"] = "https://c/b"
    refuse(answer)
    answer.headers["Location"] = "http://a/b"
    answer.raw = BytesIO()
    with pytest.raises(UserError, match="sends on to http://a/b, which is not followed"):
        refuse(answer)


def test_more_bytes_than_there_can_be(
    server: Any, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LARGEST", 1000)
    with pytest.raises(UserError, match="too many"):
        download(server.url, target)
    assert not list(target.parent.iterdir())


@pytest.mark.parametrize("url", ["set.zip", "nonsense://x/y"])
def test_no_address(target: Path, url: str) -> None:
    with pytest.raises(UserError, match="not an address of the web"):
        download(url, target)
