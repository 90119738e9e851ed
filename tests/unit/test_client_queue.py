"""What people do with the queue and the trash, alone and two at once."""

import os
import threading
import time

import pytest

from gladius_widgets.client import Client
from gladius_widgets.client import client as client_module
from gladius_widgets.core.atomic import read_json, write_json
from gladius_widgets.core.errors import (
    ConfigError,
    GladiusError,
    IllegalMoveError,
    JobNotFoundError,
)
from gladius_widgets.core.machine.identity import ProcessIdentity
from gladius_widgets.core.run_state import RunStatus
from gladius_widgets.core.states import JobStatus
from gladius_widgets.store import trash

CONFIG = "model:\n  name: org/model\ndata:\n  path: org/data\n"


@pytest.fixture
def client(home, monkeypatch):
    """Ada's; no supervisor comes up, so jobs stay where they are put."""
    monkeypatch.setattr(client_module, "ensure_supervisor", lambda _home: None)
    return Client(home, user="ada")


@pytest.fixture
def bob(client):
    return Client(client.home, user="bob")


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "tiny.yaml"
    path.write_text(CONFIG)
    return path


@pytest.fixture
def submit(client, config):
    def make(*names, **options):
        made = [client.submit(config, name, **options) for name in names]
        return made[0] if len(made) == 1 else made

    return make


def names(client):
    return [queued.job.name for queued in client.queue().waiting]


def end(client, job, status=JobStatus.FAILED):
    """The job as if its only attempt had ended so."""
    attempt = client.run(job.id).attempt(job.attempt)
    attempt.root.mkdir(parents=True)
    write_json(attempt.proc, {"runner": None, "started_at": time.time() - 5})
    write_json(attempt.exit, {"status": status, "error": None, "ended_at": time.time()})
    client._registry.update(job.id, status=JobStatus.TRAINING, holds_slot=True)
    return client.job(job.id)


def at_once(*actions):
    """Run them at the same time; what each returned or raised."""
    results, ready = [None] * len(actions), threading.Barrier(len(actions))

    def act(index):
        ready.wait()
        try:
            results[index] = actions[index]()
        except GladiusError as error:
            results[index] = error

    threads = [threading.Thread(target=act, args=(i,)) for i in range(len(actions))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


# Submit


def test_what_keeps_a_job_waiting_is_kept_and_told(client, submit):
    soon = time.time() + 3600
    first = submit("first")
    submit("held", held=True)
    later = submit("later", not_before=soon)
    after = submit("after", after=["first", first.id])
    assert (later.not_before, after.depends_on) == (soon, (first.id,))
    record = read_json(client.run(after.id).job)
    assert (record["depends_on"], record["held"]) == ([first.id], False)
    waiting = client.queue().waiting
    causes = {queued.job.name: queued.cause for queued in waiting if queued.cause}
    assert causes == {"held": "held", "after": "jobs", "later": "scheduled"}
    reasons = {queued.job.name: queued.reason for queued in waiting}
    assert reasons["held"] == "Held"
    assert reasons["after"] == "Waits for first"
    assert reasons["later"].startswith("Not before")


def test_after_a_job_that_is_not_there_or_cancelled_nothing_is_queued(client, submit):
    submit("first")
    with pytest.raises(JobNotFoundError, match="no job 'nobody'"):
        submit("x", after=["nobody"])
    client.cancel("first", "no")
    with pytest.raises(GladiusError, match="'first' was cancelled, so nothing can start after it"):
        submit("x", after=["first"])
    assert client.count() == 1
    assert len(list(client.home.runs.iterdir())) == 1


@pytest.mark.parametrize("status", [JobStatus.STOPPED, JobStatus.FAILED, JobStatus.LOST])
def test_after_a_job_that_is_over_without_success_it_waits_and_that_is_told(client, submit, status):
    first, other = submit("first", "other")
    client._registry.update(first.id, status=status)
    assert client.waits_for_what_is_over([other.id]) == ""
    both = submit("y", after=["other", "first"]).depends_on
    assert client.waits_for_what_is_over(both) == (
        f"'first' is {status}: this job waits until it is resumed and completes."
    )
    client._registry.update(other.id, status=status)
    assert client.waits_for_what_is_over(both) == (
        f"'other' is {status}, 'first' is {status}: "
        "this job waits until they are resumed and complete."
    )
    client._registry.update(first.id, status=JobStatus.COMPLETED)
    client._registry.update(other.id, status=JobStatus.COMPLETED)
    assert client.waits_for_what_is_over(both) == ""


@pytest.mark.parametrize("moment", [float("nan"), float("inf"), 1e300, -1e300])
def test_a_start_that_is_no_time_is_a_sentence(submit, moment):
    with pytest.raises(GladiusError, match="is no time"):
        submit("x", not_before=moment)


def test_a_name_may_be_anything_that_can_be_shown(client, config):
    odd = ["../../etc/passwd", "<b onclick=x>", "$(touch /tmp/x)", "' OR 1=1 --", "a" * 200, "🚀"]
    for name in odd:
        job = client.submit(config, name)
        assert client.run(job.id).root.parent == client.home.runs
        assert client.jobs(search=name)[0].name == name
    assert client.submit(config).name == "tiny"
    with pytest.raises(GladiusError, match="500 characters; 200 is the most"):
        client.submit(config, "a" * 500)
    assert client.count() == len(odd) + 1


# Hold, reorder


def test_hold_and_unhold_leave_their_marks(client, submit):
    submit("a", "b")
    assert client.hold("a").outcome == "applied"
    assert client.job("a").held
    assert read_json(client.run("a").job)["held"] is True
    assert client.unhold("a").new is False
    assert [(e["command"], e["requested_by"]) for e in client.ledger("a")] == [
        ("hold", "ada"), ("unhold", "ada"),
    ]  # fmt: skip
    with pytest.raises(IllegalMoveError, match="'a' is not held already"):
        client.unhold("a")
    client._registry.claim(1)
    with pytest.raises(IllegalMoveError, match="'a' is provisioning, so it cannot be held"):
        client.hold("a")


def test_reorder_says_who_has_left(client, submit):
    a, _, c = submit("a", "b", "c")
    client.reorder("c", before="a")
    assert names(client) == ["c", "a", "b"]
    assert client.ledger("c")[0]["args"] == {"before": a.id}
    client.reorder("c", before=None)
    assert names(client) == ["a", "b", "c"]
    client._registry.claim(1)
    with pytest.raises(IllegalMoveError, match="'c' stays in its place: 'a' is provisioning"):
        client.reorder("c", before="a")
    with pytest.raises(JobNotFoundError):
        client.reorder("c", before="nobody")
    moved = client.job(c.id)
    client.reorder("c", before="b", seen_at=moved.position)
    with pytest.raises(IllegalMoveError, match="somebody else has just moved it"):
        client.reorder("c", before=None, seen_at=moved.position)
    assert names(client) == ["c", "b"]


def test_a_job_cannot_go_before_itself(client, submit):
    job = submit("a")
    for ref in ("a", job.id):
        with pytest.raises(IllegalMoveError, match="'a' cannot start before itself"):
            client.reorder("a", before=ref)
    assert client.ledger("a") == []


def test_resuming_lets_go_and_goes_to_the_end(client, submit):
    job = submit("a", held=True)
    client.unhold("a")
    end(client, job)
    submit("b")
    client._registry.update(job.id, retries=3, not_before=5e9)
    client.resume("a")
    now = client.job("a")
    assert (now.attempt, now.held, now.not_before, now.retries) == (2, False, None, 0)
    assert names(client) == ["b", "a"]


def test_a_queued_job_whose_config_is_gone_can_be_moved_and_cancelled(client, submit):
    job = submit("a")
    client.run(job.id).config.unlink()
    client.hold("a")
    client.reorder("a", before=None)
    client.cancel("a", "its config is gone")
    assert client.job("a").status == JobStatus.CANCELLED


# Two at once


def test_two_who_hold_at_once(client, bob, submit):
    submit("a")
    results = at_once(lambda: client.hold("a"), lambda: bob.hold("a"))
    told = [r for r in results if isinstance(r, IllegalMoveError)]
    assert [str(e) for e in told] == ["'a' is held already. There is nothing to do."]
    assert len(client.ledger("a")) == 1


def test_two_who_cancel_in_the_queue_at_once(client, bob, submit):
    submit("a")
    results = at_once(lambda: client.cancel("a", "x"), lambda: bob.cancel("a", "y"))
    assert sum(isinstance(r, IllegalMoveError) for r in results) == 1
    assert [e["outcome"] for e in client.ledger("a")] == ["applied"]


def test_two_who_move_the_same_job_as_they_both_see_it(client, bob, submit):
    *_, c = submit("a", "b", "c")
    results = at_once(
        lambda: client.reorder("c", before="a", seen_at=c.position),
        lambda: bob.reorder("c", before="b", seen_at=c.position),
    )
    assert sum(isinstance(r, IllegalMoveError) for r in results) == 1
    assert names(client) in (["c", "a", "b"], ["a", "c", "b"])
    assert len(client.ledger("c")) == 1


def test_two_who_delete_at_once(client, bob, submit):
    end(client, submit("a"))
    results = at_once(lambda: client.delete("a"), lambda: bob.delete("a"))
    told = [r for r in results if isinstance(r, GladiusError)]
    assert len(told) == 1
    assert len(client.trash()) == 1
    assert client.count() == 0


def test_two_who_restore_at_once(client, bob, submit):
    job = end(client, submit("a"))
    client.delete("a")
    results = at_once(lambda: client.restore(job.id), lambda: bob.restore(job.id))
    (told,) = [r for r in results if isinstance(r, GladiusError)]
    assert "in the trash" in str(told) or "in the list already" in str(told)
    assert client.job("a").status == JobStatus.FAILED


def test_delete_and_resume_at_once_leave_one_of_both(client, bob, submit):
    job = end(client, submit("a"))
    results = at_once(lambda: client.delete("a"), lambda: bob.resume("a"))
    assert sum(isinstance(r, GladiusError) for r in results) == 1
    in_queue, in_trash = client._registry.get(job.id), client.trash()
    assert (in_queue is None) == bool(in_trash)
    assert client.home.run(job.id).job.exists() == (in_queue is not None)


# Trash


def test_delete_takes_only_what_is_over_and_restore_brings_it_back(client, submit):
    job = submit("a")
    with pytest.raises(IllegalMoveError, match="'a' is queued, so it cannot be deleted"):
        client.delete("a")
    before = end(client, job)
    assert client.delete("a").id == job.id
    assert client.count() == 0
    assert not client.home.run(job.id).root.exists()
    (deleted,) = client.trash()
    assert (deleted.id, deleted.name, deleted.deleted_by) == (job.id, "a", "ada")
    assert abs(deleted.deleted_at - time.time()) < 60
    with pytest.raises(JobNotFoundError, match=f"'{job.id}' has been deleted already"):
        client.delete(job.id)
    restored = client.restore(job.id)
    same = ("id", "name", "status", "created_at", "position", "ran_s", "ended_at")
    assert [getattr(restored, n) for n in same] == [getattr(before, n) for n in same]
    assert client.trash() == []
    assert not client.run("a").deleted.exists()


def test_a_job_cancelled_in_the_queue_can_be_deleted(client, submit):
    job = submit("a")
    client.cancel("a", "no")
    client.delete("a")
    assert client.restore(job.id).status == JobStatus.CANCELLED


@pytest.mark.parametrize("job_id", ["nobody", "../runs/x", "", ".leaving-x", "/etc"])
def test_what_is_not_in_the_trash_is_a_sentence(client, job_id):
    with pytest.raises(JobNotFoundError, match="in the trash"):
        client.restore(job_id)


def test_what_a_deleted_job_had_completed_stays_done_for_those_that_waited(client, submit):
    first, other = submit("first", "other", held=True)
    second = submit("second", after=["first"])
    third = submit("third", after=["first", "other"])
    client._registry.update(first.id, status=JobStatus.COMPLETED)
    client.delete("first")
    client.empty_trash()
    for _ in ("before", "after"):
        assert client.job("second").depends_on == ()
        assert client.job("third").depends_on == (other.id,)
        reasons = {one.job.name: one.reason for one in client.queue().waiting}
        assert (reasons["second"], reasons["third"]) == ("", "Waits for other")
        client.reindex()
    assert client._registry.claim(9).id == second.id
    assert client._registry.get(third.id).status == JobStatus.QUEUED


def test_a_job_that_others_wait_for_is_not_deleted_unless_it_has_completed(client, submit):
    first = submit("first")
    submit("second", "third", after=["first"])
    client._registry.update(first.id, status=JobStatus.FAILED)
    with pytest.raises(IllegalMoveError, match="'second' and 'third' wait for 'first'") as refused:
        client.delete("first")
    assert "resume 'first'" in refused.value.hint
    assert client.job("first").status == JobStatus.FAILED
    assert client.run("first").job.exists()
    client.cancel("second", "no")
    client.cancel("third", "no")
    client.delete("first")


def test_a_job_deleted_while_another_is_submitted_after_it_strands_nobody(
    client, submit, monkeypatch
):
    first = submit("first")
    client._registry.update(first.id, status=JobStatus.COMPLETED)
    monkeypatch.setattr(client, "_check_space", lambda: client.delete(first.id))  # just then
    with pytest.raises(JobNotFoundError, match="'first' has just been deleted"):
        submit("second", after=["first"])
    assert client.count() == 0
    assert list(client.home.runs.iterdir()) == []


def test_what_waits_for_a_job_in_the_trash_names_it(client, submit):
    first = submit("first")
    submit("second", after=["first"])
    client.home.trash.mkdir()
    client.home.run(first.id).root.rename(client.home.trashed(first.id).root)  # not by us
    client.reindex()
    assert client.queue().waiting[0].reason == "Waits for first, which is deleted"


def test_a_job_whose_processes_still_run_is_not_deleted(client, submit):
    job = submit("a")
    attempt = client.run(job.id).attempt(1)
    attempt.ranks.mkdir(parents=True)
    write_json(attempt.rank(0), ProcessIdentity.of(os.getpid()).to_dict())
    client._registry.update(job.id, status=JobStatus.FAILED)
    with pytest.raises(GladiusError, match="still run"):
        client.delete("a")
    assert client.job("a").status == JobStatus.FAILED


def test_a_delete_that_died_half_way_is_finished_by_the_next(client, submit):
    job = end(client, submit("a"))
    client.home.trash.mkdir()
    client.home.run(job.id).root.rename(client.home.trashed(job.id).root)  # and then SIGKILL
    client.delete("a")
    assert client.restore(job.id).status == JobStatus.FAILED


def test_a_lost_job_whose_folder_is_gone_does_not_come_to_life(client, submit):
    job = submit("a")
    client._registry.update(job.id, status=JobStatus.LOST)
    client.home.run(job.id).root.rename(client.home.root / "elsewhere")
    assert client.job(job.id).status == JobStatus.LOST


def test_the_trash_is_emptied_of_what_is_old(client, submit):
    old, new = submit("old", "new")
    for job in (old, new):
        client.cancel(job.id, "no")
        client.delete(job.id)
    mark = client.home.trashed(old.id).deleted
    write_json(mark, {"deleted_by": "ada", "deleted_at": time.time() - 8 * 86400})
    assert trash.empty(client.home, older_than_s=7 * 86400) == 1
    assert [one.id for one in client.trash()] == [new.id]
    assert [p.name for p in client.home.trash.iterdir()] == [new.id]
    client.home.trashed(new.id).deleted.write_text("{")  # a damaged mark: the folder's own time
    assert trash.empty(client.home, older_than_s=60) == 0
    assert client.empty_trash() == 1
    assert list(client.home.trash.iterdir()) == []


def test_what_an_interrupted_emptying_left_goes_with_the_next(client):
    left = client.home.trash / ".leaving-x"
    left.mkdir(parents=True)
    assert client.trash() == []
    client.empty_trash()
    assert not left.exists()


# Clone


def test_a_clone_has_the_frozen_config_and_its_changes(client, config, submit):
    submit("a")
    config.write_text("nonsense: [")
    made = client.clone("a", {"training.max_steps": 7, "lora.enabled": True})
    assert (made.name, made.status) == ("a (copy)", JobStatus.QUEUED)
    frozen = client.config(made.id)
    assert (frozen.training.max_steps, frozen.lora.enabled) == (7, True)
    assert client.config("a").training.max_steps is None
    assert client.clone("a", name="b").name == "b"
    assert len(client.clone(client.submit(client.config("a"), "x" * 200).id).name) == 200


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"training.max_step": 7}, r"the change of training.max_step: there is no key"),
     ({"training.max_steps": "x"}, r"the change of training.max_steps: .* a whole number"),
     ({"nothing": 1}, "there is no key 'nothing'")],
)  # fmt: skip
def test_a_clone_with_wrong_changes_queues_nothing(client, submit, changes, message):
    submit("a")
    with pytest.raises(ConfigError, match=message):
        client.clone("a", changes)
    assert client.count() == 1


# Lists


def test_the_step_stays_while_a_new_attempt_loads(client, submit):
    job = submit("a")
    client._registry.claim(1)
    attempt = client.run(job.id).attempt(1)
    attempt.ranks.mkdir(parents=True)
    me = ProcessIdentity.of().to_dict()
    write_json(attempt.proc, {"runner": me, "started_at": time.time() - 5})
    client._registry.update(job.id, step=40, total_steps=60)
    RunStatus(state=JobStatus.PROVISIONING).write(client.run(job.id))  # as a trainer begins
    now = client.job("a")
    assert (now.step, now.total_steps) == (40, 60)
    assert now.duration_s(time.time()) == pytest.approx(5, abs=1)
    status = RunStatus(state=JobStatus.TRAINING, step=41, total_steps=60, remaining_s=12.0)
    status.write(client.run(job.id))
    now = client.job("a")
    assert (now.step, now.remaining_s) == (41, 12.0)
    assert client.queue().active[0].remaining_s == 12.0


def test_creators(client, bob, config):
    client.submit(config)
    bob.submit(config)
    assert client.creators() == ["ada", "bob"]


# Waiting for other jobs


def test_a_queued_job_can_be_told_to_wait_for_others_and_for_none(client, submit):
    a, b, c = submit("a", "b", "c")
    assert client.after("c", ["a", "b"]).outcome == "applied"
    assert client.job("c").depends_on == (a.id, b.id)
    assert read_json(client.run("c").job)["depends_on"] == [a.id, b.id]
    client.after("c")
    assert client.job("c").depends_on == ()
    assert [(e["command"], e["args"], e["requested_by"]) for e in client.ledger("c")] == [
        ("after", {"jobs": [a.id, b.id]}, "ada"), ("after", {"jobs": []}, "ada"),
    ]  # fmt: skip
    client.reindex()
    assert client.job("c").depends_on == ()
    client._registry.claim(1)
    with pytest.raises(IllegalMoveError, match="'a' is provisioning, so it cannot be made to wait"):
        client.after(a.id, [c.id])


def test_no_two_jobs_can_wait_for_each_other(client, submit):
    submit("a", "b", "c")
    client.after("b", ["a"])
    client.after("c", ["b"])
    with pytest.raises(IllegalMoveError, match="'c' waits for 'a', so they would wait for each"):
        client.after("a", ["c"])
    with pytest.raises(IllegalMoveError, match="'a' cannot wait for itself"):
        client.after("a", ["a"])
    assert client.job("a").depends_on == ()


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (JobStatus.FAILED, "which failed"),
        (JobStatus.LOST, "which was lost"),
        (JobStatus.STOPPED, "which was stopped"),
        (JobStatus.CANCELLED, "which was cancelled"),
    ],
)
def test_a_job_that_would_wait_for_ever_says_why_and_how_it_gets_out(client, submit, status, said):
    a, b = submit("a", "b")
    client.after("b", ["a"])
    client._registry.update(a.id, status=status)
    waiting = client.state("b")["waiting"]
    assert waiting["reason"] == f"Waits for a, {said}"
    assert f"gladius after {b.id} --none" in waiting["way_out"]
    assert (f"gladius resume {a.id}" in waiting["way_out"]) == (status != JobStatus.CANCELLED)
    assert client.state("a")["waiting"] is None
    blocker = client.queue().waiting[0].blocker
    assert (blocker.name, blocker.status) == ("a", status)


def test_a_pause_of_the_queue_is_shown_and_ended(client, submit):
    submit("a")
    client.pause_queue("The disk is being replaced.")
    (pause,) = client.queue().pauses
    assert (pause.engine, pause.by, pause.reason) == ("local", "ada", "The disk is being replaced.")
    assert client.queue().waiting[0].reason == "The queue is paused"
    client.home.queue_pause("local").write_text("{")  # damaged: still a pause
    assert [one.engine for one in client.queue().pauses] == ["local"]
    assert len(client.resume_queue()) == 1
    assert client.queue().pauses == ()
    assert client.resume_queue() == []
