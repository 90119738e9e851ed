"""Jobs on eight GPUs that a library in place of NVIDIA's makes up: one job a GPU, whoever dies."""

import json
import os
import signal

import pytest
from nvml import GIB, uuid
from support import wait_until

from gladius_widgets.client import Client
from gladius_widgets.core.errors import GladiusError
from gladius_widgets.core.queue_plan import Cause
from gladius_widgets.core.states import JobStatus
from gladius_widgets.supervisor.lock import supervisor_is_running, supervisor_pid

ON_GPU = ["resources.device=gpu"]


def given(lab, job_id):
    """The GPUs that the training processes of a job see; None before they run."""
    path = lab.run(job_id).root / "environment.json"
    return json.loads(path.read_text())["CUDA_VISIBLE_DEVICES"] if path.exists() else None


def training(lab, ids):
    return [job_id for job_id in ids if lab.status(job_id) == JobStatus.TRAINING]


def wait_for(lab, ids, count):
    return wait_until(
        lambda: found if len(found := training(lab, ids)) == count else None,
        120,
        f"{count} that train",
    )


def test_ten_jobs_on_eight_gpus_never_share_one_and_pass_over_a_strangers(lab, nvml):
    lab.home.settings.write_text("slots: 10\n")
    nvml.whole(8, {3: (99_999_999, 18 * GIB)})
    ids = [lab.submit(name=f"job {i}", overrides=ON_GPU) for i in range(10)]
    assert wait_for(lab, ids, 7) == ids[:7]
    seen = wait_until(
        lambda: all(gpus := [given(lab, one) for one in ids[:7]]) and gpus, what="their GPUs"
    )
    assert sorted(seen) == [uuid(i) for i in range(8) if i != 3]
    first, *others = lab.client.queue().waiting
    assert [first.job.id, *(one.job.id for one in others)] == ids[7:]
    assert first.cause == Cause.GPUS
    assert first.reason == ("GPU 3: 18 of 48 GiB held by pid 99999999. 7 GPUs in use by other jobs")
    assert {one.reason for one in others} == {"A job before it waits for GPUs"}

    nvml.whole(8)  # the stranger leaves
    assert wait_for(lab, ids, 8) == ids[:8]
    assert wait_until(lambda: given(lab, ids[7])) == uuid(3)
    lab.client.stop(ids[2])
    lab.wait(ids[8], JobStatus.TRAINING, timeout_s=60)
    assert wait_until(lambda: given(lab, ids[8])) == seen[2]
    assert lab.status(ids[9]) == JobStatus.QUEUED


def test_a_claim_outlives_the_supervisor_and_the_registry(lab, nvml):
    lab.home.settings.write_text("slots: 3\n")
    nvml.whole(2)
    first = lab.started(overrides=ON_GPU)
    os.kill(wait_until(lambda: supervisor_pid(lab.home)), signal.SIGKILL)
    wait_until(lambda: not supervisor_is_running(lab.home))
    for name in ("registry.sqlite", "registry.sqlite-wal", "registry.sqlite-shm"):
        (lab.home.root / name).unlink(missing_ok=True)
    lab.client = Client(lab.home)
    assert lab.client.job(first).gpu_uuids == (uuid(0),)
    second = lab.started(overrides=ON_GPU)
    assert (given(lab, first), given(lab, second)) == (uuid(0), uuid(1))


def test_a_job_on_the_cpu_sees_no_gpu_and_needs_none(lab, nvml):
    nvml.whole(1, {0: (99_999_999, 18 * GIB)})
    lab.started(mode="train", name="on cpu")
    job_id = lab.client.jobs()[0].id
    assert given(lab, job_id) == ""
    assert lab.client.job(job_id).gpus == 0


def test_two_processes_get_two_gpus_and_auto_takes_what_it_needs(lab, nvml):
    nvml.whole(4, {0: (99_999_999, 18 * GIB)})
    job_id = lab.started(processes=2, overrides=["resources.device=auto"])
    assert given(lab, job_id) == f"{uuid(1)},{uuid(2)}"
    assert lab.client.job(job_id).gpus == 2


def test_more_gpus_than_there_are_are_refused_at_submit(lab, nvml):
    nvml.whole(2)
    with pytest.raises(GladiusError, match="needs 3 GPUs, and this machine has 2"):
        lab.submit(processes=3, overrides=ON_GPU)
    lab.home.settings.write_text("gpus: [1]\n")
    with pytest.raises(GladiusError, match="needs 2 GPUs, and this machine has 1"):
        lab.submit(processes=2, overrides=ON_GPU)
    nvml.tell("# no GPU")
    nvml.state.unlink()
    with pytest.raises(GladiusError, match=r"this machine has none \(Driver Not Loaded"):
        lab.submit(overrides=ON_GPU)
    assert lab.client.jobs() == []
