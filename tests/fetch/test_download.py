"""Whatever the connection does, the file is whole in the end, or a line says why not."""

import random
from pathlib import Path
from typing import Any

import pytest

from kindling.errors import UserError
from kindling.fetch import download as module
from kindling.fetch.download import ATTEMPTS, download

CONTENT = random.Random(0).randbytes(300_000)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "downloads" / "set.zip"


@pytest.fixture(autouse=True)
def _content(server: Any) -> None:
    server.content = CONTENT


def test_a_sound_connection(server: Any, target: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    download(server.url, target, lambda there, total: seen.append((there, total)))
    assert target.read_bytes() == CONTENT
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert [path.name for path in target.parent.iterdir()] == ["set.zip"]


def test_what_is_there_is_not_fetched(server: Any, target: Path) -> None:
    target.parent.mkdir()
    target.write_text("mine")
    download(server.url, target)
    assert target.read_text() == "mine"
    assert not server.asked


def test_cut_again_and_again_it_goes_on_where_it_was(server: Any, target: Path) -> None:
    server.faults = ["cut"] * (ATTEMPTS + 2)  # each brings bytes, so that none is in vain
    download(server.url, target)
    assert target.read_bytes() == CONTENT
    assert server.asked[:3] == [None, "bytes=150000-", "bytes=225000-"]


@pytest.mark.parametrize("fault", ["500", "503", "429", "drop"])
def test_a_passing_fault(server: Any, target: Path, fault: str) -> None:
    server.faults = ["cut", fault, fault]
    waits: list[int] = []
    download(server.url, target, wait=waits.append)
    assert target.read_bytes() == CONTENT
    assert waits == [0, 1, 2], "longer and longer while nothing comes"


def test_silence_is_not_waited_out(server: Any, target: Path) -> None:
    server.faults = ["stall"]
    download(server.url, target, stall=0.3)
    assert target.read_bytes() == CONTENT
    assert server.asked == [None, "bytes=150000-"]


def test_a_server_that_goes_on_at_another_place(server: Any, target: Path) -> None:
    server.faults = ["cut", "shifted"]
    download(server.url, target)
    assert target.read_bytes() == CONTENT


def test_a_file_that_was_changed_meanwhile_is_fetched_from_the_start(
    server: Any, target: Path
) -> None:
    server.faults = ["cut"]
    newer = CONTENT[::-1]

    def change(failed: int) -> None:
        server.content, server.tag = newer, '"2"'

    download(server.url, target, wait=change)
    assert target.read_bytes() == newer


def test_a_server_that_cannot_go_on_starts_over(server: Any, target: Path) -> None:
    server.faults, server.ranges = ["cut"], False
    download(server.url, target)
    assert target.read_bytes() == CONTENT
    assert server.asked == [None, None]


def test_a_part_that_is_longer_than_the_file(server: Any, target: Path) -> None:
    target.parent.mkdir()
    target.with_name("set.zip.part").write_bytes(CONTENT + b"more")
    target.with_name("set.zip.part.version").write_text(server.tag)
    server.faults = ["416"]
    download(server.url, target)
    assert target.read_bytes() == CONTENT


def test_given_up_it_keeps_what_has_come(server: Any, target: Path) -> None:
    server.faults = ["cut", *["drop"] * ATTEMPTS]
    with pytest.raises(UserError, match=f"{ATTEMPTS} times in a row; what has come is kept"):
        download(server.url, target)
    assert not target.exists()
    download(server.url, target)
    assert target.read_bytes() == CONTENT
    assert server.asked[-1] == "bytes=150000-"


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
    with pytest.raises(UserError, match="not allowed"):
        download(server.url, target)
    assert not target.exists()


def test_an_encrypted_address_is_not_left_for_an_open_one() -> None:
    request = module.urllib.request.Request("https://a/b")
    with pytest.raises(UserError, match="not followed"):
        module._Redirects().redirect_request(request, None, 302, "", {}, "http://a/b")


def test_more_bytes_than_there_can_be(
    server: Any, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LARGEST", 1000)
    with pytest.raises(UserError, match="too many"):
        download(server.url, target)
    server.lengths = False
    with pytest.raises(UserError, match="sends more than"):
        download(server.url, target)


@pytest.mark.parametrize("url", ["set.zip", "nonsense://x/y"])
def test_no_address(target: Path, url: str) -> None:
    with pytest.raises(UserError, match="not an address of the web"):
        download(url, target)
