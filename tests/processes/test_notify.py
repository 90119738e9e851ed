"""News of real runs to a real server and a real program, whoever dies meanwhile."""

import json
import os
import signal
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from support import wait_until

from gladius_widgets.core.atomic import read_json
from gladius_widgets.core.states import JobStatus
from gladius_widgets.store.run.events import EventReader
from gladius_widgets.supervisor.lock import ensure_supervisor, supervisor_is_running, supervisor_pid


class Chat(ThreadingHTTPServer):
    """A server that keeps what it is sent; it refuses or hangs when told to."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.got, self.status, self.let_go = [], 200, threading.Event()
        self.let_go.set()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def told(self, job_id):
        return [one["event"] for one in self.got if one["id"] == job_id]


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.got.append(body)
        self.server.let_go.wait(30)
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def chat(lab, monkeypatch):
    """The server, which the home's settings name."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server = Chat()
    settings = {"notify": {"webhook": f"http://127.0.0.1:{server.server_port}/secret-path"}}
    lab.home.settings.write_text(json.dumps(settings))
    yield server
    server.let_go.set()
    server.shutdown()


def closed(lab, job_id):
    """Whether all has been told that there is to tell."""
    return lambda: not read_json(lab.run(job_id).notified)["open"]


def kill_supervisor(lab):
    pid = supervisor_pid(lab.home)
    assert pid
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not supervisor_is_running(lab.home), what="no supervisor")


def test_ends_are_told_to_server_and_program(lab, chat, tmp_path):
    program = tmp_path / "tell"
    program.write_text(f'#!/bin/sh\ncat >> "{tmp_path}/told"\necho >> "{tmp_path}/told"\n')
    program.chmod(0o755)
    settings = json.loads(lab.home.settings.read_text())
    settings["notify"]["command"] = [str(program)]
    lab.home.settings.write_text(json.dumps(settings))
    good, bad = lab.submit("complete"), lab.submit("fail")
    silent = lab.submit("complete", overrides=["alerts.notify=[failed]"])
    for job_id in (good, bad, silent):
        wait_until(lambda job_id=job_id: lab.run(job_id).notified.exists(), what="a start")
        wait_until(closed(lab, job_id), 30, "the news")
    assert [chat.told(job_id) for job_id in (good, bad, silent)] == [["completed"], ["failed"], []]
    message = next(one for one in chat.got if one["id"] == bad)
    assert message["message"] == "the data are upside down"
    assert (message["status"], message["url"]) == ("failed", None)
    assert "has failed: the data are upside down" in message["text"]
    lines = [json.loads(line) for line in (tmp_path / "told").read_text().splitlines()]
    assert sorted(line["key"] for line in lines) == sorted(one["key"] for one in chat.got)


def test_a_killed_runner_is_lost_and_told_once(lab, chat):
    job_id = lab.started()
    os.kill(lab.client.state(job_id)["pids"]["runner"], signal.SIGKILL)
    lab.wait(job_id, JobStatus.LOST)
    wait_until(closed(lab, job_id), 30, "the news")
    assert chat.told(job_id) == ["lost"]


def test_a_killed_supervisor_leaves_it_to_the_next(lab, chat):
    job_id = lab.started()
    kill_supervisor(lab)
    (lab.run(job_id).root / "is-done").touch()
    exit_record = lab.run(job_id).attempt(1).exit
    wait_until(exit_record.exists, what="the end")
    assert chat.got == []
    assert lab.status(job_id) == JobStatus.COMPLETED  # a reader noticed it, before any supervisor
    ensure_supervisor(lab.home)
    wait_until(closed(lab, job_id), 30, "the news")
    kill_supervisor(lab)
    lab.client.jobs()
    other = lab.submit("complete")
    lab.wait(other, JobStatus.COMPLETED)
    wait_until(lambda: chat.told(other), 30, "the other's news")
    assert chat.told(job_id) == ["completed"]


def test_a_server_that_refuses_is_tried_thrice_and_told_of_once(lab, chat):
    chat.status = 500
    job_id = lab.submit("complete")
    lab.wait(job_id, JobStatus.COMPLETED)
    wait_until(closed(lab, job_id), 40, "an end of trying")
    assert chat.told(job_id) == ["completed"] * 3
    assert len({one["key"] for one in chat.got}) == 1
    warnings = [e for e in EventReader(lab.run(job_id)).poll() if e.type == "warning"]
    (said,) = [e.message for e in warnings if (e.payload or {}).get("kind") == "notify"]
    assert "HTTP 500" in said
    for path in (lab.run(job_id).events, lab.run(job_id).notified, lab.home.supervisor_log):
        assert "secret-path" not in path.read_text()


def test_a_server_that_hangs_holds_up_nobody(lab, chat):
    chat.let_go.clear()
    first = lab.submit("complete")
    lab.wait(first, JobStatus.COMPLETED)
    wait_until(lambda: chat.got, what="the request that hangs")
    second = lab.submit("complete")
    lab.wait(second, JobStatus.COMPLETED, timeout_s=20)
    assert not chat.let_go.is_set()
    chat.let_go.set()
    for job_id in (first, second):
        wait_until(closed(lab, job_id), 40, "the news")
        assert set(chat.told(job_id)) == {"completed"}
