"""The server as an operator runs it: several processes, imports beside it, an orderly stop, and its log."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from ogpgraph.server.process import GRACEFUL_SHUTDOWN_SECONDS, WORKER_START_SECONDS
from ogpgraph.storage.sqlite import has_wal_reset_bug
from ogpgraph.system import open_system
from tests.conftest import BOTH_ENGINES, ONLY_SQLITE
from tests.support.server import OGPGRAPH, post_query, run_server
from tests.support.writers import change_title, register_commitment

pytestmark = [BOTH_ENGINES, pytest.mark.slow]
STOP_SECONDS = 30  # it promises ten, but the machine may be loaded
PAGE = Path(__file__).parent / "importer" / "pages" / "examples" / "budget_en.txt"


@pytest.mark.long
def test_several_processes_serve_what_others_write(url: str, tmp_path: Path) -> None:
    """All workers show each write at once, wait for a requested position, and refuse one that is not reached."""
    with run_server(url, tmp_path / "log", "--workers", "2") as server, open_system(url) as writer:
        address = server.wait_until_ready(workers=2)
        assert len(server.workers()) == 2
        register_commitment(writer, "FR0001")
        for number in range(10):
            change_title(writer, "FR0001", f"Title {number}")
            for _ in range(3):
                answer = post_query(address, '{ meta { position } commitment(code: "FR0001") { title } }')
                assert "data" in answer.json(), answer.text
                assert answer.json()["data"]["commitment"]["title"] == f"Title {number}"
                assert answer.json()["data"]["meta"]["position"] == number + 3
                assert answer.headers["X-Position"] == str(number + 3)

        head = 12
        later = threading.Timer(0.5, lambda: change_title(writer, "FR0001", "Title in time"))
        later.start()
        answer = post_query(address, "{ meta { position } }", X_At_Least_Position=str(head + 1))
        assert answer.json()["data"]["meta"]["position"] == head + 1
        later.join()

        refused = post_query(
            address, "{ meta { position } }", X_At_Least_Position="1000", X_Request_Id="my-own-request-id"
        )
        assert refused.status_code == 503
        assert refused.headers["Retry-After"] == "1"
        assert refused.json()["errors"][0]["extensions"]["code"] == "POSITION_NOT_REACHED"
        assert post_query(address, "{ meta { position } }", X_At_Least_Position="soon").status_code == 400

        ready = httpx.get(f"{address}/ready").json()
        history = ready["details"].pop("history", {"code": ""})  # on PostgreSQL: nothing is remembered
        assert history["code"] == ("" if url.startswith("sqlite:") else "NOT_REMEMBERED")
        assert ready["details"].pop("memory")["loaded"]
        assert ready["details"].pop("comparedWithGraphqlCore")["different"] == 0
        assert ready == {"ready": True, "details": {"position": head + 1, "behind": 0}}
        code, seconds = server.stop()
        assert (code, seconds < STOP_SECONDS) == (0, True)
        [line] = [line for line in server.log if line.get("request_id") == "my-own-request-id"]
        assert (line["event"], line["method"], line["path"], line["status"]) == ("request", "POST", "/graphql", 503)
        assert line["ms"] > 1000
        warned = [line for line in server.log if line["level"] == "warning" and "WAL-reset" in line["event"]]
        assert len(warned) == (1 if url.startswith("sqlite:") and has_wal_reset_bug() else 0)


@pytest.mark.long
def test_pages_are_imported_while_the_server_runs(url: str, tmp_path: Path) -> None:
    with run_server(url, tmp_path / "log") as server:
        address = server.wait_until_ready()
        command = [OGPGRAPH, "import", str(PAGE), "--database", url]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, done.stderr
        answer = post_query(address, "{ commitments { totalCount } meta { position } }").json()["data"]
        assert answer["meta"]["position"] > 0
        assert answer["commitments"]["totalCount"] >= 1
        rebuilt = subprocess.run(
            [OGPGRAPH, "rebuild", "--database", url],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert "(identical)" in rebuilt.stdout, rebuilt.stdout + rebuilt.stderr
        assert post_query(address, "{ commitments { totalCount } meta { position } }").json()["data"] == answer


@pytest.mark.long
def test_running_request_ends_before_the_server_stops(url: str, tmp_path: Path) -> None:
    with run_server(url, tmp_path / "log") as server:
        address = server.wait_until_ready()
        answers: list[httpx.Response] = []
        waiting = threading.Thread(
            target=lambda: answers.append(post_query(address, "{ meta { position } }", X_At_Least_Position="1"))
        )
        waiting.start()
        threading.Event().wait(0.5)
        code, seconds = server.stop()
        waiting.join()
        assert (code, seconds < STOP_SECONDS) == (0, True)
        assert [answer.status_code for answer in answers] == [503]


def test_poison_event_is_reported_by_meta_probes_and_log(url: str, tmp_path: Path) -> None:
    with open_system(url) as writer:
        register_commitment(writer, "FR0001")
        register_commitment(writer, "FR0002")
        with writer.database.write() as transaction:
            transaction.execute("update event set topic = 'CommitmentSang.1' where position = 4")
            transaction.execute("update projector set log_position = 0, position = 0, frontier = ''")
            for table in ("entry", "version", "tag", "stream", "stream_code", "term", "path_set", "searched_text"):
                transaction.execute(f"delete from {table}")
    with run_server(url, tmp_path / "log") as server:
        address = server.address
        query = "{ meta { position projector { state position behind error { code message } } } }"
        meta = None
        for _ in range(100):
            try:
                meta = post_query(address, query).json()["data"]["meta"]
                break
            except httpx.TransportError:
                threading.Event().wait(0.2)
        assert meta
        assert meta["position"] == 2
        status = meta["projector"]
        assert (status["state"], status["position"], status["behind"], status["error"]["code"]) == (
            "STOPPED",
            2,
            2,
            "CORRUPT",
        )
        assert "event 4" in status["error"]["message"]
        ready = httpx.get(f"{address}/ready")
        assert ready.status_code == 503
        assert ready.json()["details"]["error"]["code"] == "CORRUPT"
        assert httpx.get(f"{address}/health").status_code == 200
        assert [line["code"] for line in server.log if line["event"] == "projection stopped"] == ["CORRUPT"]


@ONLY_SQLITE
@pytest.mark.long
def test_worker_that_is_killed_while_it_owes_an_answer_is_replaced_at_once(url: str, tmp_path: Path) -> None:
    with run_server(url, tmp_path / "log", "--workers", "2") as server:
        server.wait_until_ready(workers=2)
        killed = min(server.workers())
        os.kill(killed, signal.SIGSTOP)
        time.sleep(2)  # the supervisor asks every half second
        os.kill(killed, signal.SIGKILL)
        deadline = time.monotonic() + WORKER_START_SECONDS / 2
        while len(server.workers()) < 3 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert len(server.workers()) == 3


@pytest.fixture
def unmigrated(new_database: object) -> str:
    url: str = new_database()  # type: ignore[operator]
    return url


def test_postgresql_database_is_not_migrated_by_the_server(unmigrated: str, engine: str, tmp_path: Path) -> None:
    with run_server(unmigrated, tmp_path / "log") as server:
        if engine == "sqlite":
            server.wait_until_ready()
        else:
            assert server.process.wait(60) == 1
            assert "ogpgraph migrate" in (tmp_path / "log").read_text()


@pytest.mark.long
def test_request_that_was_sent_in_part_does_not_hold_a_stop(url: str, tmp_path: Path) -> None:
    with run_server(url, tmp_path / "log") as server:
        address = urlsplit(server.wait_until_ready())
        with socket.create_connection((address.hostname or "", address.port or 0)) as client:
            client.sendall(
                b"POST /graphql HTTP/1.1\r\nHost: [::1]\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{"
            )
            time.sleep(0.5)
            code, seconds = server.stop()
    assert code == 0
    assert seconds < GRACEFUL_SHUTDOWN_SECONDS - 1
