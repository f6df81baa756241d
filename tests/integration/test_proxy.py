"""The reverse proxy, run as it is configured: one origin before two stand-ins for the APIs."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.commands.batching import batch
from tests.e2e.commands.conftest import command_api, listening

ROOT = Path(__file__).parents[2]
NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
needs_nginx = pytest.mark.skipif(NGINX is None, reason="nginx is not installed")


class App(ThreadingHTTPServer):
    """A stand-in for one of the APIs."""

    name = ""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.gone = threading.Event()


class Echo(BaseHTTPRequestHandler):
    """Answers with its app's name and what arrived."""

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        assert isinstance(self.server, App)
        told = {"app": self.server.name, "path": self.path, "headers": dict(self.headers), "body": body.decode()}
        content = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Ledger-Position", "7@1")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def do_GET(self) -> None:
        if self.headers.get("Accept") == "text/event-stream":
            self.stream()
        else:
            self.answer()

    def stream(self) -> None:
        """One event, and no end: what arrives of it was passed on at once."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("X-Accel-Buffering", "no")
        self.end_headers()
        self.wfile.write(b"data: first\n\n")
        assert isinstance(self.server, App)
        assert self.server.gone.wait(30)

    do_HEAD = do_POST = do_PATCH = do_DELETE = answer

    def log_message(self, *_: object) -> None:
        """The test's output is its own."""


@contextmanager
def app(name: str) -> Iterator[int]:
    server = App(("127.0.0.1", 0), Echo)
    server.name = name
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.gone.set()
        server.shutdown()
        thread.join()
        server.server_close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def proxy(folder: Path, commands: int, queries: int) -> Iterator[int]:
    """The deployment's own nginx.conf with its addresses moved to this machine's free ports."""
    assert NGINX is not None
    port, health = free_port(), free_port()
    text = (ROOT / "deploy/nginx/nginx.conf").read_text()
    moved = {
        "commands:8000": f"127.0.0.1:{commands}",
        "queries:8000": f"127.0.0.1:{queries}",
        "listen 8080": f"listen 127.0.0.1:{port}",
        "listen 8081": f"listen 127.0.0.1:{health}",
        "/tmp/": f"{folder}/",
        "/dev/stdout": f"{folder}/access.log",
        "/dev/stderr": f"{folder}/error.log",
        "worker_processes auto": "worker_processes 1",
    }
    for name, place in moved.items():
        assert name in text
        text = text.replace(name, place)
    (folder / "nginx.conf").write_text(text)
    command = [NGINX, "-e", str(folder / "error.log"), "-p", str(folder), "-c", str(folder / "nginx.conf")]
    checked = subprocess.run([*command, "-t"], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    server = subprocess.Popen([*command, "-g", "daemon off;"])
    try:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            try:
                ask(health, "GET", "/")
                break
            except ConnectionRefusedError:
                time.sleep(0.05)
        yield port
    finally:
        server.terminate()
        server.wait(10)


def ask(port: int, method: str, path: str, headers: dict[str, str] | None = None, body: str = "") -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request(method, path, body=body.encode() or None, headers=headers or {})
    response = connection.getresponse()
    response.msg["X-Body"] = response.read().decode()
    connection.close()
    return response


def told(response: http.client.HTTPResponse) -> dict[str, Any]:
    assert response.status == 200
    content: dict[str, Any] = json.loads(response.msg["X-Body"])
    return content


@pytest.fixture
def passable(tmp_path: Path) -> Path:
    """Nginx' worker gives up root and must still reach its folders."""
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(folder.stat().st_mode | 0o055)
    return tmp_path


@needs_nginx
def test_the_proxy_makes_one_origin_of_both_apis(passable: Path) -> None:
    with app("commands") as commands, app("queries") as queries, proxy(passable, commands, queries) as port:
        # reads are queries, save those that only a command process can answer; all else is a command's
        for method, path, expected in [
            ("GET", "/v1/customers/cus_1", "queries"),
            ("GET", "/v1/customers?limit=2&cursor=a%2Fb", "queries"),
            ("GET", "/v1", "queries"),
            ("GET", "/v1/clusters", "queries"),
            ("GET", "/v1/cluster", "commands"),
            ("GET", "/v1/test-clocks/clk_1", "commands"),
            ("GET", "/docs", "commands"),
            ("POST", "/v1/customers", "commands"),
            ("PATCH", "/v1/customers/cus_1", "commands"),
            ("DELETE", "/v1/api-keys/key_1", "commands"),
        ]:
            heard = told(ask(port, method, path, body="{}" if method == "POST" else ""))
            assert (heard["app"], heard["path"]) == (expected, path)
        assert ask(port, "HEAD", "/v1/customers/cus_1").status == 200


@needs_nginx
def test_the_proxy_passes_headers_both_ways_and_names_requests(passable: Path) -> None:
    with app("commands") as commands, app("queries") as queries, proxy(passable, commands, queries) as port:
        sent = {"Idempotency-Key": "k-1", "If-Match": '"3"', "Authorization": "Bearer x", "Ledger-Min-Position": "7@1",
                "Prefer": "wait=2", "Request-Id": "req-1", "traceparent": "00-a-b-01"}  # fmt: skip
        response = ask(port, "POST", "/v1/customers", sent, '{"a": "é"}')
        heard = told(response)
        assert heard["body"] == '{"a": "é"}'
        arrived = {name.lower(): value for name, value in heard["headers"].items()}
        for name, value in sent.items():
            assert arrived[name.lower()] == value
        assert response.headers["Ledger-Position"] == "7@1"
        # a request without an id gets one
        assert len(told(ask(port, "GET", "/v1/customers"))["headers"]["Request-Id"]) == 32


@needs_nginx
@pytest.mark.parametrize("path", ["/metrics", "/healthz", "/readyz", "//metrics", "/%6detrics", "/v1/../metrics", "/metrics?x=1"])
def test_health_and_metrics_are_not_shown_to_the_world(passable: Path, path: str) -> None:
    with app("commands") as commands, app("queries") as queries, proxy(passable, commands, queries) as port:
        response = ask(port, "GET", path)
        assert response.status == 404
        assert response.headers["Content-Type"] == "application/problem+json"
        assert json.loads(response.msg["X-Body"])["code"] == "not-found"


@needs_nginx
def test_the_proxy_passes_a_streams_events_on_as_they_come(passable: Path) -> None:
    with app("queries") as queries, proxy(passable, free_port(), queries) as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", "/v1/events", headers={"Accept": "text/event-stream"})
        response = connection.getresponse()
        assert response.read(len(b"data: first\n\n")) == b"data: first\n\n"
        connection.close()


@needs_nginx
def test_an_app_that_is_away_is_a_problem_to_be_tried_again(passable: Path) -> None:
    # given a command app that does not run
    with app("queries") as queries, proxy(passable, free_port(), queries) as port:
        # when a command is sent
        response = ask(port, "POST", "/v1/customers", {"Request-Id": "req-2"}, "{}")
        # then the answer is a problem with its documented status, and queries go on
        assert response.status == 503
        assert response.headers["Content-Type"] == "application/problem+json"
        assert response.headers["Retry-After"] == "1"
        problem = json.loads(response.msg["X-Body"])
        assert (problem["status"], problem["retryable"], problem["request_id"]) == (503, True, "req-2")
        assert told(ask(port, "GET", "/v1/customers"))["app"] == "queries"


@needs_nginx
def test_a_batch_is_streamed_through_the_proxy(passable: Path) -> None:
    with (
        command_api(passable) as ledger,
        listening(ledger.client) as commands,
        proxy(passable, commands, free_port()) as port,
        batch(port, ledger.new_tenant().key) as wire,
    ):
        results = wire.results()
        # each line is answered before the next is sent, and all of them are more than another request may send
        for number in range(3):
            body = {"storefront": "web", "filler": "x" * 900_000}
            wire.send({"idempotency_key": f"k{number}", "path": "/v1/customers", "body": body})
            assert next(results)["idempotency_key"] == f"k{number}"
        wire.end()
        assert list(results) == []
