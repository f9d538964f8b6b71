"""The `duijie` command, and the health probe for images without curl."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from chassis import probe
from chassis.commands import commands, main


def said(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *words: str) -> tuple[object, str]:
    monkeypatch.setattr(sys, "argv", ["duijie", *words])
    try:
        main()
    except SystemExit as ended:
        return ended.code, capsys.readouterr().out
    return 0, capsys.readouterr().out


def test_duijie_alone_lists_every_command_with_its_purpose(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    code, out = said(capsys, monkeypatch)
    assert code == 0
    lines = {line.split()[1]: line.split(maxsplit=2)[2:] for line in out.splitlines() if line.startswith("duijie ")}
    assert lines.keys() == commands().keys()
    assert all(lines.values())


def test_every_command_prints_its_usage(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in commands():
        code, out = said(capsys, monkeypatch, name, "--help")
        assert code == 0, name
        assert out.startswith("usage:"), name


def test_an_unknown_command_is_refused(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    code, _ = said(capsys, monkeypatch, "dead-letter")
    assert "no command dead-letter" in str(code)


@pytest.fixture
def door() -> Iterator[tuple[str, list[int]]]:
    """Serve an address; return it with the status that it answers next."""
    answers = [200]

    class Door(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(answers[-1])
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/readyz", answers
    server.shutdown()
    server.server_close()


def test_a_probe_succeeds_only_while_the_process_is_healthy(door: tuple[str, list[int]]) -> None:
    address, answers = door

    def asked() -> int:
        return subprocess.run([sys.executable, "-m", probe.__name__, address], capture_output=True, check=False).returncode

    assert asked() == 0
    answers.append(503)
    assert asked() == 1


def test_a_probe_of_a_closed_port_fails() -> None:
    done = subprocess.run([sys.executable, "-m", probe.__name__, "http://127.0.0.1:1/readyz"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr[:22]) == (1, "http://127.0.0.1:1/rea")
