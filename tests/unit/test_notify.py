"""News of jobs: what is told, in which words, to whom, and each thing once."""

import json
import stat
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from pydantic import ValidationError
from support import wait_until

from gladius_widgets.core.atomic import read_json, write_json
from gladius_widgets.core.config.load import parse_config
from gladius_widgets.core.errors import ConfigError
from gladius_widgets.core.machine.serving import announce, job_page, withdraw
from gladius_widgets.core.notify import EVENTS, VERBS, NotifySettings, masked, news
from gladius_widgets.core.states import JobStatus
from gladius_widgets.pages.shared import news as browser_news
from gladius_widgets.store.registry.registry import Registry
from gladius_widgets.store.run.events import Event, EventReader, append_event
from gladius_widgets.supervisor.notify import outbox
from gladius_widgets.supervisor.notify.delivery import DeliveryError, post, run_command
from gladius_widgets.supervisor.notify.news import of_event
from gladius_widgets.supervisor.notify.notifier import Notifier
from gladius_widgets.supervisor.settings import load_settings

SECRET = "T0PSECRET"  # of an address that leads nowhere
HOOK = f"https://hooks.example.com/services/{SECRET}?key={SECRET}"


class Post:
    """What stands for the outside: it takes news, or refuses so many times."""

    def __init__(self):
        self.taken, self.problems = [], []

    def __call__(self, _settings, channel, message, _folder):
        if self.problems:
            raise self.problems.pop(0)
        self.taken.append((channel, message))

    def events(self):
        return [message["event"] for _, message in self.taken]


@pytest.fixture
def registry(home):
    return Registry(home)


@pytest.fixture
def outside():
    return Post()


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(outbox, "BACK_OFF_S", (0.0, 0.0))


@pytest.fixture
def job(home, registry):
    """A job that trains; nobody but the tests writes its records."""
    run = home.run("j")
    run.create()
    write_json(run.job, {"name": "support-chat"})
    run.config.write_text("model: {name: m}\ndata: {path: d}\n")
    registry.insert(id="j", name="support-chat", created_by="ada", status=JobStatus.TRAINING,
                    holds_slot=True, attempt=1)  # fmt: skip
    return registry.get("j")


@pytest.fixture
def notifier(registry, outside):
    return make(registry, outside)


def make(registry, outside, **settings):
    chosen = NotifySettings(**({"webhook": HOOK} | settings))
    return Notifier(registry, lambda: chosen, outside)


def end(home, registry, status, attempt=1, **error):
    """An attempt's exit record, and the row that follows from it."""
    folder = home.run("j").attempt(attempt)
    folder.root.mkdir(parents=True, exist_ok=True)
    record = {"status": status, "ended_at": time.time(), "error": error or None}
    write_json(folder.exit, record)
    registry.move("j", list(JobStatus), status, observed=True, error=error or None)


def steps(notifier, registry, until, what=""):
    """Looks of the supervisor, until something is so."""

    def look():
        notifier.step([job for job in registry.active() if job.holds_slot])
        return until()

    return wait_until(look, 10, what)


class TestWords:
    def test_a_line_for_chats_rings_nobody(self):
        job = {"name": "<!channel> & co\x07\n", "step": 850, "total_steps": 2000, "cost": 22.184,
               "currency": "USD"}  # fmt: skip
        told = news("failed", "<http://evil|click>\x1b[31m", key="k", time=1.0, job=job)
        assert told["text"] == (
            "&lt;!channel&gt; &amp; co has failed: &lt;http://evil|click&gt; [31m "
            "(step 850 of 2,000, 22.18 USD)"
        )
        assert told["name"] == job["name"]
        assert json.loads(json.dumps(told)) == told

    def test_unknown_is_none_and_long_is_cut(self):
        told = news("alert", "x" * 5_000_000, key="k", time=1.0, job={"id": "j", "name": "n"})
        assert len(told["text"]) < 700
        assert (told["cost"], told["url"], told["status"]) == (None, None, None)

    @pytest.mark.parametrize(
        ("url", "shown"),
        [
            (HOOK, "https://hooks.example.com/***"),
            (f"http://user:{SECRET}@127.0.0.1:8080/{SECRET}#x", "http://127.0.0.1:8080/***"),
            (f"nonsense {SECRET}", "***"),
            (f"http://[{SECRET}", "***"),
        ],
    )
    def test_addresses_are_masked(self, url, shown):
        assert masked(url) == shown

    def test_settings_never_show_the_address(self):
        settings = NotifySettings(webhook=HOOK)
        shown = f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"
        assert SECRET not in shown


class TestSettings:
    def test_from_the_file(self, home):
        Registry(home)
        home.settings.write_text("notify:\n  command: [notify-send, Gladius]\n  on: [failed]\n")
        settings = load_settings(home).notify
        assert settings.command == ["notify-send", "Gladius"]
        assert (settings.on, settings.channels) == (["failed"], ("command",))

    def test_by_default_nobody_is_told(self, home):
        assert load_settings(home).notify.channels == ()
        assert tuple(NotifySettings().on) == EVENTS

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("notify: {webhok: x}", ("'notify.webhok'", "'webhook'")),
            ("notify: {on: [complete]}", ("'complete'", "'completed'")),
            (f"notify: {{webhook: 'ftp://x/{SECRET}'}}", ("notify.webhook", "http")),
            (f"notify: {{webhook: 'https:///{SECRET}'}}", ("notify.webhook", "http")),
            (f"notify: {{webhook: 'https://u:{SECRET}@x/y'}}", ("notify.webhook", "password")),
            ("notify: {command: notify-send}", ("notify.command", "list")),
            ("notify: {command: ['']}", ("notify.command", "program")),
        ],
    )
    def test_mistakes_are_told_without_secrets(self, home, text, words):
        Registry(home)
        home.settings.write_text(text)
        with pytest.raises(ConfigError) as caught:
            load_settings(home)
        assert all(word in str(caught.value) for word in words)
        assert SECRET not in str(caught.value)

    def test_a_config_chooses_events_and_no_more(self):
        head = "model: {name: m}\ndata: {path: d}\n"
        config = parse_config(f"{head}alerts: {{notify: [completed, lost]}}")
        assert config.alerts.notify == ["completed", "lost"]
        assert parse_config(head).alerts.notify is None
        with pytest.raises(ConfigError, match="'failed'"):
            parse_config(f"{head}alerts: {{notify: [fail]}}")
        with pytest.raises(ConfigError):
            parse_config(f"{head}alerts: {{notify: {{webhook: 'http://x'}}}}")


class TestNews:
    @pytest.mark.parametrize(
        ("kind", "payload", "told"),
        [
            ("warning", {"kind": "hang"}, "stalled"),
            ("warning", {"kind": "budget", "state": "over"}, "over_budget"),
            ("warning", {"kind": "runtime", "state": "over"}, "over_budget"),
            ("warning", {"kind": "budget", "state": "warn"}, "alert"),
            ("warning", {"kind": "not_finite", "in_row": 1}, "alert"),
            ("warning", {"imbalance": 0.3}, "alert"),
            ("error", {"kind": "out_of_memory"}, "alert"),
            ("error", {"status": "failed"}, None),
            ("warning", {"kind": "notify"}, None),
            ("warning", {"kind": "cost"}, None),
            ("warning", None, None),
            ("status", {"status": "completed"}, None),
        ],
    )
    def test_events(self, kind, payload, told):
        found = of_event(Event(1.0, kind, "m", payload, "trainer"))
        assert (found.event if found else None) == told

    @pytest.mark.parametrize(
        ("kind", "source", "payload", "told"),
        [
            ("warning", "trainer", {"imbalance": 0.3}, "alert"),
            ("warning", "runner", {"kind": "runtime", "state": "warn"}, "alert"),
            ("warning", "runner", {"kind": "runtime", "state": "over"}, "over_budget"),
            ("warning", "runner", {"kind": "budget", "state": "warn"}, "alert"),
            ("warning", "runner", {"kind": "budget", "state": "over"}, "over_budget"),
            ("warning", "runner", {"kind": "hang"}, "stalled"),
            ("warning", "runner", {"kind": "temperature", "state": "on"}, "alert"),
            ("warning", "runner", {"kind": "temperature", "state": "resolved"}, None),
            ("warning", "runner", {"kind": "memory", "state": "on"}, "alert"),
            ("warning", "runner", {"kind": "slow", "state": "on"}, "alert"),
            ("warning", "supervisor", {"kind": "queue"}, "alert"),
            ("warning", "supervisor", {"kind": "blocked"}, "alert"),
            ("warning", "trainer", {"kind": "out_of_memory"}, "alert"),
            ("warning", "trainer", {"kind": "not_finite"}, "alert"),
            ("warning", "trainer", {"kind": "rollback"}, "alert"),
            ("error", "runner", None, "alert"),
            ("error", "runner", {"kind": "disk"}, "alert"),
            ("error", "trainer", {"kind": "out_of_memory"}, "alert"),
            ("status", "trainer", {"status": "training"}, None),
            ("warning", "client", {"kind": "cost"}, None),
            ("warning", "supervisor", {"kind": "notify"}, None),
            ("checkpoint", "trainer", {"step": 3}, None),
            ("status", "runner", {"kind": "temperature", "state": "resolved"}, None),
        ],
    )
    def test_the_webhook_and_the_browser_hear_the_same(self, kind, source, payload, told):
        event = Event(1.0, kind, "m", payload, source)
        happening = of_event(event)
        assert (happening.event if happening else None) == told
        shown = browser_news.of_event(event, "job")
        assert shown == (told and (f"job {VERBS[told]}", "m"))

    @pytest.mark.parametrize(
        ("kind", "source", "payload", "told"),
        [
            ("status", "trainer", {"status": "completed"}, "completed"),
            ("error", "runner", {"status": "failed"}, "failed"),
            ("error", "supervisor", None, "lost"),
            ("status", "runner", {"status": "stopped"}, None),
            ("status", "runner", {"status": "cancelled"}, None),
        ],
    )
    def test_ends_are_told_by_the_browser_as_events_and_else_by_their_records(
        self, kind, source, payload, told
    ):
        event = Event(1.0, kind, "m", payload, source)
        assert of_event(event) is None
        assert browser_news.of_event(event, "job") == (told and (f"job {VERBS[told]}", "m"))

    def test_the_end_is_told_once(self, home, registry, job, notifier, outside):
        notifier.step([job])
        end(home, registry, JobStatus.FAILED, type="ValueError", message="upside down")
        steps(notifier, registry, lambda: not outbox.is_open(home.run("j")))
        ((channel, told),) = outside.taken
        assert (channel, told["event"], told["message"]) == ("webhook", "failed", "upside down")
        assert (told["id"], told["name"], told["status"]) == ("j", "support-chat", "failed")
        again = make(registry, outside)
        again.step([])
        assert outside.events() == ["failed"]

    def test_each_attempt_has_its_own_end(self, home, registry, job, notifier, outside):
        notifier.step([job])
        end(home, registry, JobStatus.FAILED, type="x", message="first")
        steps(notifier, registry, lambda: outside.events() == ["failed"])
        registry.move("j", [JobStatus.FAILED], JobStatus.TRAINING, observed=True, attempt=2,
                      holds_slot=True)  # fmt: skip
        notifier.step([registry.get("j")])
        end(home, registry, JobStatus.COMPLETED, attempt=2)
        steps(notifier, registry, lambda: outside.events() == ["failed", "completed"])

    def test_lost_is_told_whoever_noticed_it(self, registry, job, notifier, outside):
        notifier.step([job])
        registry.move("j", [JobStatus.TRAINING], JobStatus.LOST, observed=True, holds_slot=False)
        steps(notifier, registry, lambda: outside.events() == ["lost"])
        steps(notifier, registry, lambda: not notifier.is_busy)
        assert outside.events() == ["lost"]

    @pytest.mark.parametrize("status", [JobStatus.CANCELLED, JobStatus.STOPPED])
    def test_what_people_ended_is_no_news(self, home, registry, job, notifier, outside, status):
        notifier.step([job])
        end(home, registry, status)
        steps(notifier, registry, lambda: not outbox.is_open(home.run("j")))
        assert outside.taken == []

    def test_alerts_of_one_kind_are_told_now_and_then(self, home, registry, job, notifier, outside):
        notifier.step([job])
        for number in range(5):
            payload = {"kind": "not_finite", "in_row": number}
            append_event(home.run("j"), "warning", "Step skipped", payload, source="trainer")
        append_event(home.run("j"), "warning", "stuck", {"kind": "hang"}, source="runner")
        steps(notifier, registry, lambda: outside.events() == ["alert", "stalled"])

    def test_the_config_has_the_last_word(self, home, registry, job, outside):
        home.run("j").config.write_text("model: {name: m}\ndata: {path: d}\nalerts: {notify: []}\n")
        notifier = make(registry, outside)
        notifier.step([job])
        end(home, registry, JobStatus.COMPLETED)
        notifier.step([])
        assert outside.taken == []
        assert not home.run("j").notified.exists()

    def test_events_from_before_are_no_news(self, home, registry, job, notifier, outside):
        append_event(home.run("j"), "warning", "old", {"kind": "hang"}, source="runner")
        notifier.step([job])
        append_event(home.run("j"), "warning", "new", {"kind": "hang"}, source="runner")
        steps(notifier, registry, lambda: outside.taken)
        assert [message["message"] for _, message in outside.taken] == ["new"]


class TestDeath:
    def test_the_next_supervisor_goes_on(self, home, registry, job, outside):
        first = make(registry, outside)
        first.begin(job)
        append_event(home.run("j"), "warning", "stuck", {"kind": "hang"}, source="runner")
        end(home, registry, JobStatus.COMPLETED)  # nobody looked: it died
        second = make(registry, outside)
        steps(second, registry, lambda: len(outside.taken) == 2)
        assert outside.events() == ["stalled", "completed"]

    def test_what_waited_is_sent_by_the_next(self, home, registry, job, outside, monkeypatch):
        monkeypatch.setattr(outbox, "BACK_OFF_S", (3600.0, 3600.0))
        outside.problems = [DeliveryError("HTTP 500")]
        first = make(registry, outside)
        first.begin(job)
        end(home, registry, JobStatus.COMPLETED)
        run = home.run("j")
        steps(
            first, registry, lambda: [w["tries"] for w in read_json(run.notified)["waiting"]] == [1]
        )
        record = read_json(run.notified)
        record["waiting"][0]["not_before"] = 0.0  # an hour later
        write_json(run.notified, record)
        steps(make(registry, outside), registry, lambda: outside.events() == ["completed"])

    def test_a_damaged_file_stops_nobody(self, home, registry, job, outside):
        home.run("j").notified.write_text('{"open": true, "waiting": 3, "told": "x", "kinds": []}')
        notifier = make(registry, outside)
        notifier.step([job])
        end(home, registry, JobStatus.COMPLETED)
        steps(notifier, registry, lambda: outside.events() == ["completed"])

    def test_a_deleted_job_is_forgotten(self, home, registry, job, notifier, outside):
        notifier.step([job])
        home.run("j").root.rename(home.root / "gone")
        notifier.step([])
        assert not notifier.is_busy


class TestFailures:
    def test_three_tries_then_one_warning(self, home, registry, job, notifier, outside):
        outside.problems = [DeliveryError("HTTP 500") for _ in range(6)]
        notifier.step([job])
        for _ in range(2):
            append_event(home.run("j"), "warning", "stuck", {"kind": "hang"}, source="runner")
        steps(notifier, registry, lambda: not outside.problems and not notifier.is_busy)
        assert outside.taken == []
        said = [e for e in EventReader(home.run("j")).poll() if e.source == "supervisor"]
        assert [event.payload["kind"] for event in said] == ["notify"]
        assert "https://hooks.example.com/***" in said[0].message
        assert SECRET not in home.run("j").events.read_text() + home.run("j").notified.read_text()

    def test_another_try_helps(self, registry, home, job, notifier, outside):
        outside.problems = [DeliveryError("HTTP 500"), DeliveryError("HTTP 500")]
        notifier.step([job])
        end(home, registry, JobStatus.COMPLETED)
        steps(notifier, registry, lambda: outside.events() == ["completed"])

    def test_what_is_final_is_not_tried_again(self, home, registry, job, notifier, outside):
        outside.problems = [DeliveryError("HTTP 404", final=True)]
        notifier.step([job])
        append_event(home.run("j"), "warning", "stuck", {"kind": "hang"}, source="runner")
        steps(notifier, registry, lambda: not outside.problems and not notifier.is_busy)
        assert outside.taken == []

    def test_one_channel_does_not_wait_for_the_other(self, home, registry, job):
        let_go, taken = threading.Event(), []

        def send(_settings, channel, message, _folder):
            if channel == "webhook":
                let_go.wait(20)
            taken.append((channel, message["event"]))

        notifier = make(registry, send, command=["true"])
        notifier.step([job])
        end(home, registry, JobStatus.COMPLETED)
        steps(notifier, registry, lambda: ("command", "completed") in taken)
        began = time.monotonic()
        notifier.step([])
        assert time.monotonic() - began < 1
        assert notifier.is_busy
        let_go.set()
        steps(notifier, registry, lambda: ("webhook", "completed") in taken)


class Server(ThreadingHTTPServer):
    """Answers as its `answer` says; a number is a status, anything else is waited for."""

    def __init__(self, answer):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer, self.got = answer, []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/{SECRET}"


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((self.path, self.headers["Content-Type"], json.loads(body)))
        if not isinstance(self.server.answer, int):
            self.server.answer.wait(20)
            return
        self.send_response(self.server.answer)
        self.send_header("Location", f"http://127.0.0.1:1/{SECRET}")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        """Say nothing."""


class TestDelivery:
    def test_post(self):
        server = Server(204)
        post(server.url, b'{"text": "hello"}')
        assert server.got == [(f"/{SECRET}", "application/json; charset=utf-8", {"text": "hello"})]
        server.shutdown()

    @pytest.mark.parametrize(
        ("answer", "final"), [(500, False), (429, False), (404, True), (302, True), (307, True)]
    )
    def test_refusals(self, answer, final):
        server = Server(answer)
        with pytest.raises(DeliveryError, match=f"HTTP {answer}") as caught:
            post(server.url, b"{}")
        assert caught.value.final == final
        assert len(server.got) == 1
        assert SECRET not in str(caught.value)
        server.shutdown()

    def test_a_server_that_hangs(self):
        let_go = threading.Event()
        server = Server(let_go)
        began = time.monotonic()
        with pytest.raises(DeliveryError, match="no answer"):
            post(server.url, b"{}", 0.3)
        assert time.monotonic() - began < 5
        let_go.set()
        server.shutdown()

    @pytest.mark.parametrize(
        "url", [f"http://127.0.0.1:1/{SECRET}", f"http://127.0.0.1/a b{SECRET}"]
    )
    def test_no_server(self, url):
        with pytest.raises(DeliveryError) as caught:
            post(url, b"{}", 2)
        assert SECRET not in str(caught.value)

    def test_a_command_gets_it_on_stdin_and_no_shell(self, tmp_path):
        out = tmp_path / "out"
        program = tmp_path / "program"
        program.write_text(f'#!/bin/sh\ncat > "{out}"\nprintf %s "$1" >> "{out}"\n')
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        run_command([str(program), "$(id); `id`"], b'{"a": 1}', tmp_path)
        assert out.read_text() == '{"a": 1}$(id); `id`'

    def test_a_command_that_does_not_read(self, tmp_path):
        run_command(["true"], b"x" * 1_000_000, tmp_path)

    @pytest.mark.parametrize(
        ("command", "words", "final"),
        [
            (["false"], "code 1", False),
            (["/no/such/program"], "cannot be started", True),
            (["sleep", "60"], "longer than", False),
        ],
    )
    def test_commands_that_fail(self, tmp_path, command, words, final):
        with pytest.raises(DeliveryError, match=words) as caught:
            run_command(command, b"{}", tmp_path, limit_s=0.5)
        assert caught.value.final == final


def test_a_page_has_an_address_while_somebody_serves(home):
    Registry(home)
    assert job_page(home, "j") is None
    announce(home, "http://127.0.0.1:8866/")
    assert job_page(home, "j") == "http://127.0.0.1:8866/voila/render/job.ipynb?job=j"
    record = read_json(home.serving)
    write_json(home.serving, record | {"process": {**record["process"], "pid": 2**22 - 1}})
    assert job_page(home, "j") is None
    withdraw(home)
    assert home.serving.exists()  # another's
    announce(home, "http://127.0.0.1:8866/")
    withdraw(home)
    assert not home.serving.exists()


def test_notify_test(gladius, home, tmp_path):
    Registry(home)
    nobody = gladius("notify-test")
    assert nobody.rc == 1
    assert "names nobody to notify" in nobody.stderr
    server = Server(200)
    settings = {"webhook": server.url, "command": ["/no/such/program"]}
    home.settings.write_text(json.dumps({"notify": settings}))
    found = gladius("notify-test", "--json", no_proxy="127.0.0.1")
    assert found.rc == 1
    assert [(one["channel"], one["arrived"]) for one in found.json] == [
        ("command", False), ("webhook", True),
    ]  # fmt: skip
    assert server.got[0][2]["event"] == "test"
    said = gladius("notify-test", no_proxy="127.0.0.1")
    assert f"http://127.0.0.1:{server.server_port}/***: arrived" in said.stdout
    assert SECRET not in found.stdout + found.stderr + said.stdout + said.stderr
    server.shutdown()


def test_the_address_is_checked_where_it_is_written():
    for url in ("file:" + "//" + "/etc/passwd", "javascript:1", "", "http://", "http://x:99999/"):
        with pytest.raises(ValidationError):
            NotifySettings(webhook=url)
