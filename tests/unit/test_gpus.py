"""GPUs as a library in NVIDIA's place tells of them: which there are, and who gets them."""

import os
import threading

import pytest
from nvml import GIB, uuid

from gladius_widgets.core.machine.gpus import SILENT, GpuWatch, Look, look_at_gpus, read_gpus
from gladius_widgets.core.machine.placement import MIB, gpu_table
from gladius_widgets.runner.gpu import GpuReader

HELD_BYTES = 256 * MIB
MIG = [f"MIG-{n}0000000-0000-4000-8000-000000000000" for n in range(3)]
MIXED = (  # a GPU that is cut in three, and one that is whole
    f"gpu {uuid(0)} {48 * GIB} {12 * GIB} 71",
    f"mig {MIG[0]} {6 * GIB} 0",
    f"mig {MIG[1]} {6 * GIB} {5 * GIB}",
    f"compute 4711 {5 * GIB}",
    f"mig {MIG[2]} {6 * GIB} 0",
    f"gpu {uuid(1)} {48 * GIB} 0 40",
)


def table(claims=(), names=None, held_bytes=HELD_BYTES):
    return gpu_table(read_gpus(), dict(claims), names, held_bytes)


def test_without_a_driver_there_are_none_and_the_reason_is_told(nvml):
    assert read_gpus().gpus == ()
    assert "Driver Not Loaded" in read_gpus().problem
    assert GpuReader().problem == read_gpus().problem


def test_gpus_are_told_with_memory_and_processes(nvml):
    nvml.whole(2, {1: (4711, 18 * GIB)})
    first, second = look_at_gpus().gpus
    assert (first.index, first.uuid, first.memory_total_bytes) == ("0", uuid(0), 48 * GIB)
    assert first.processes == ()
    assert second.memory_used_bytes == 18 * GIB
    assert [process.pid for process in second.processes] == [4711]


def test_a_gpu_that_a_stranger_holds_is_passed_over_and_named(nvml):
    nvml.whole(3, {0: (4711, 18 * GIB)})
    found = table()
    assert found.place(1) == (uuid(1),)
    assert found.place(2) == (uuid(1), uuid(2))
    assert found.place(3) is None
    assert found.why_not(3) == (
        "Needs 3 GPUs at once, 2 are free. GPU 0: 18 of 48 GiB held by pid 4711"
    )
    assert found.why_not(2) == ""


def test_a_strangers_name_is_told_where_it_can_be_known(nvml):
    nvml.whole(1, {0: (os.getpid(), 18 * GIB)})
    said = table().why_not(1)
    assert said.startswith(f"GPU 0: 18 of 48 GiB held by pid {os.getpid()} (")
    assert "python" in said or "pytest" in said


def test_no_gpu_is_given_twice(nvml):
    nvml.whole(2)
    found = table({uuid(0): "a"})
    assert found.place(1) == (uuid(1),)
    assert table({uuid(0): "a", uuid(1): "b"}).place(1) is None
    assert table({uuid(0): "a", uuid(1): "b"}).why_not(1) == "2 GPUs in use by other jobs"
    assert [one.job_id for one in found.gpus] == ["a", None]


def test_our_own_job_on_its_gpu_is_no_stranger(nvml):
    nvml.whole(1, {0: (4711, 30 * GIB)})
    assert table({uuid(0): "a"}).gpus[0].held == ""


@pytest.mark.parametrize(
    ("lines", "is_free"),
    [
        ((f"gpu {uuid(0)} {48 * GIB} {100 * MIB}",), True),
        ((f"gpu {uuid(0)} {48 * GIB} {GIB}",), False),  # in a container, whose processes hide
        ((f"gpu {uuid(0)} {48 * GIB} {GIB}", f"graphics 7 {GIB - MIB}"), True),  # a desktop
        ((f"gpu {uuid(0)} {48 * GIB} {GIB}", f"compute 7 {GIB}", f"graphics 7 {GIB}"), False),
        ((f"gpu {uuid(0)} {48 * GIB} 0", "compute 7 -"), True),
        ((f"gpu {uuid(0)} {48 * GIB} {MIB}", f"compute 7 {2 * GIB}"), False),
    ],
)
def test_memory_that_others_use_holds_a_gpu(nvml, lines, is_free):
    nvml.tell(*lines)
    assert table().gpus[0].is_free == is_free
    assert table(held_bytes=48 * GIB).gpus[0].is_free


def test_mig_instances_are_gpus_of_their_own(nvml):
    nvml.tell(*MIXED)
    found = table()
    assert [one.gpu.index for one in found.gpus] == ["0:0", "0:1", "0:2", "1"]
    assert [one.gpu.uuid for one in found.gpus] == [*MIG, uuid(1)]
    assert found.place(1) == (MIG[0],)
    assert table({MIG[0]: "a"}).place(1) == (MIG[2],)
    assert table().gpus[1].held == "5 of 6 GiB held by pid 4711"


def test_several_gpus_are_whole_ones_as_cuda_gives_a_process_one_instance(nvml):
    nvml.tell(*MIXED)
    assert table().place(2) is None
    assert not table().can_ever_place(2)
    assert table().why_not(2) == "The job needs 2 GPUs, and this machine has 1 whole"


@pytest.mark.parametrize(
    ("names", "indices"),
    [
        (["1"], ["1"]),
        (["0"], ["0:0", "0:1", "0:2"]),
        (["0:2", "1"], ["0:2", "1"]),
        ([MIG[1][:12]], ["0:1"]),
        ([uuid(1)], ["1"]),
        (["9", "1"], ["1"]),
        ([], []),
    ],
)
def test_the_home_says_which_gpus_jobs_may_use(nvml, names, indices):
    nvml.tell(*MIXED)
    assert [one.gpu.index for one in table(names=names).gpus] == indices


def test_a_driver_that_hangs_holds_nobody_up():
    answers = threading.Event()
    readers = []

    def read():
        readers.append(threading.current_thread())
        answers.wait()
        return Look()

    watch = GpuWatch(read, patience_s=0.05)
    for _ in range(3):
        assert watch.look() == Look(problem=SILENT, is_known=False)
    assert len(readers) == 1  # the others did not wait for it
    silent = gpu_table(watch.look(), {}, None, HELD_BYTES)
    assert silent.place(1) is None
    assert silent.can_ever_place(8)
    assert silent.why_not(8) == SILENT
    answers.set()
    readers[0].join()
    assert watch.look() == Look()


def test_two_who_ask_at_once_both_wait_for_the_answer():
    begun, answers = threading.Event(), threading.Event()

    def read():
        begun.set()
        answers.wait()
        return Look(problem="no driver")

    watch, found = GpuWatch(read, patience_s=60), []
    askers = [threading.Thread(target=lambda: found.append(watch.look())) for _ in range(2)]
    askers[0].start()
    begun.wait()
    askers[1].start()
    answers.set()
    for asker in askers:
        asker.join()
    assert found == [Look(problem="no driver")] * 2


# The runner's


def test_a_run_samples_only_the_gpus_that_it_was_given(nvml, monkeypatch):
    nvml.whole(4, {2: (4711, 18 * GIB)})
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", f"{uuid(2)},{uuid(1)}")
    reader = GpuReader()
    assert reader.uuids == [uuid(2), uuid(1)]
    row = reader.read()
    assert row["gpu_memory_used_bytes"] == [18 * GIB, 0]
    assert row["gpu_temperature_c"] == [42.0, 41.0]
    assert row["gpu_utilization_percent"] == [90.0, 0.0]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert GpuReader().count == 0
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    assert GpuReader().count == 4


def test_a_mig_instance_has_the_heat_of_its_gpu(nvml, monkeypatch):
    nvml.tell(*MIXED)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", MIG[1])
    row = GpuReader().read()
    assert row["gpu_temperature_c"] == [71.0]
    assert row["gpu_memory_used_bytes"] == [5 * GIB]
    assert row["gpu_utilization_percent"] == [None]
