"""Memory and CPU of a container: made-up cgroup trees of both versions."""

import psutil
import pytest

from gladius_widgets.core.machine import host
from gladius_widgets.core.machine.cgroup import Cgroup
from gladius_widgets.core.machine.host import CpuMeter, host_memory, usable_cores

GIB = 2**30


@pytest.fixture
def tree(tmp_path):
    """Writes a cgroup file system; keys are paths below its root."""

    def make(membership, files):
        for name, text in files.items():
            path = tmp_path / "cgroup" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{text}\n")
        (tmp_path / "membership").write_text(membership)
        return Cgroup(tmp_path / "cgroup", tmp_path / "membership")

    return make


@pytest.fixture(autouse=True)
def big_machine(monkeypatch):
    """512 GiB, 64 cores."""
    ram = psutil.virtual_memory()._replace(total=512 * GIB, available=500 * GIB)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: ram)
    swap = psutil.swap_memory()._replace(total=8 * GIB, used=GIB)
    monkeypatch.setattr(psutil, "swap_memory", lambda: swap)
    monkeypatch.setattr(host.os, "cpu_count", lambda: 64)
    monkeypatch.setattr(host.os, "sched_getaffinity", lambda _pid: set(range(64)))


V2 = {
    "memory.max": 16 * GIB,
    "memory.current": 10 * GIB,
    "memory.stat": f"anon {7 * GIB}\ninactive_file {2 * GIB}\nactive_file {GIB}",
    "memory.swap.max": 0,
    "memory.swap.current": 0,
    "cpu.max": "200000 100000",
    "cpu.stat": "usage_usec 5000000\nuser_usec 4000000",
}
V1 = {
    "memory/memory.limit_in_bytes": 16 * GIB,
    "memory/memory.usage_in_bytes": 10 * GIB,
    "memory/memory.stat": f"inactive_file {GIB}\ntotal_inactive_file {2 * GIB}",
    "cpu/cpu.cfs_quota_us": 200000,
    "cpu/cpu.cfs_period_us": 100000,
    "cpuacct/cpuacct.usage": 5000000000,
}
V1_MEMBERSHIP = "9:memory:{0}\n4:cpu,cpuacct:{0}\n1:name=systemd:{0}\n"


@pytest.mark.parametrize(
    ("membership", "files"),
    [
        ("0::/\n", V2),  # a container with a cgroup namespace
        (V1_MEMBERSHIP.format("/"), V1),
        (V1_MEMBERSHIP.format("/docker/4f1c"), V1),  # one without: the path is the host's
        ("0::/job/step\n", {f"job/{name}": text for name, text in V2.items()}),  # set above us
    ],
)
def test_the_limit_of_the_container_counts(tree, membership, files):
    group = tree(membership, files)
    memory = host_memory(group)
    assert (memory.ram_used_bytes, memory.ram_total_bytes) == (8 * GIB, 16 * GIB)
    assert memory.is_limited
    assert usable_cores(group) == 2.0
    if "memory.max" in "".join(files):
        assert (memory.swap_used_bytes, memory.swap_total_bytes) == (0, 0)


@pytest.mark.parametrize(
    ("membership", "files"),
    [
        ("0::/\n", {}),
        ("", {}),
        ("0::/a\n", {"a/memory.max": "max", "a/memory.current": GIB, "a/cpu.max": "max 100000"}),
        (
            V1_MEMBERSHIP.format("/"),
            V1 | {"memory/memory.limit_in_bytes": 9223372036854771712, "cpu/cpu.cfs_quota_us": -1},
        ),
        ("0::/\n", V2 | {"memory.max": 600 * GIB, "cpu.max": "nonsense", "memory.swap.max": "max"}),
    ],
)
def test_without_a_limit_it_is_the_machine(tree, membership, files):
    group = tree(membership, files)
    memory = host_memory(group)
    assert (memory.ram_used_bytes, memory.ram_total_bytes) == (12 * GIB, 512 * GIB)
    assert (memory.swap_used_bytes, memory.swap_total_bytes) == (GIB, 8 * GIB)
    assert not memory.is_limited
    assert usable_cores(group) == 64.0


def test_of_limits_above_one_another_the_tightest_counts(tree):
    group = tree(
        "0::/pod/box\n",
        {
            "pod/memory.max": 4 * GIB,
            "pod/memory.current": 3 * GIB,
            "pod/box/memory.max": 16 * GIB,
            "pod/box/memory.current": GIB,
        },
    )
    memory = host_memory(group)
    assert (memory.ram_used_bytes, memory.ram_total_bytes) == (3 * GIB, 4 * GIB)


@pytest.mark.parametrize(
    ("membership", "files", "usage"),
    [
        ("0::/\n", V2, ("cpu.stat", "usage_usec {}", 1e6)),
        (V1_MEMBERSHIP.format("/"), V1, ("cpuacct/cpuacct.usage", "{}", 1e9)),
    ],
)
def test_cpu_percent_is_of_what_the_quota_allows(tree, monkeypatch, membership, files, usage):
    clock = {"now": 100.0}
    monkeypatch.setattr(host.time, "monotonic", lambda: clock["now"])
    meter = CpuMeter(tree(membership, files))
    clock["now"] += 10.0
    name, form, unit = usage
    used_s = 5 + 15  # 15 s of the 20 that two cores have in 10 s
    tree(membership, files | {name: form.format(int(used_s * unit))})
    assert meter.percent() == pytest.approx(75.0)


def test_without_a_quota_cpu_percent_is_the_machines(tree, monkeypatch):
    monkeypatch.setattr(psutil, "cpu_percent", lambda: 12.5)
    assert CpuMeter(tree("0::/\n", {})).percent() == 12.5
