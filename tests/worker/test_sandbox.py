"""What a child that was taken over by its picture can still do: nothing but fail its own job."""

from __future__ import annotations

import ctypes
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from leanpix.domain.errors import SandboxMissingError, TaskFailure
from leanpix.domain.request import CompressionOptions
from leanpix.domain.states import TaskState
from leanpix.worker.children.pool import CompressorPool
from leanpix.worker.sandbox import syscalls
from leanpix.worker.sandbox.locking import LAYERS, ON, require

Act = Callable[..., str]
PoolMaker = Callable[..., CompressorPool]
OPTIONS = CompressionOptions(quality=80)
LANDLOCK_CREATE_RULESET, LANDLOCK_VERSION = 444, 1
EPERM, EACCES, EFBIG = "refused 1", "refused 13", "refused 27"


def offered(name: str) -> bool:
    """Whether the kernel has this layer, asked in another way than by putting it on."""
    if name == "landlock":
        return int(ctypes.CDLL(None).syscall(LANDLOCK_CREATE_RULESET, None, 0, LANDLOCK_VERSION)) > 0
    return name != "seccomp" or Path("/proc/sys/kernel/seccomp/actions_avail").exists()


@pytest.fixture
def layer(pool: CompressorPool) -> Callable[[str], None]:
    """Skip the test where this machine's kernel lacks the layer that it is about; fail where it is only not on."""

    def needed(name: str) -> None:
        if (state := pool.status()[name]) != ON:
            assert not offered(name), f"{name} is {state}"
            pytest.skip(f"{name} is {state}")

    return needed


@pytest.fixture
def bystander() -> Iterator[subprocess.Popen[bytes]]:
    """A process of the same user that must come to no harm."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    yield process
    process.kill()
    process.wait()


def test_no_connection_leaves_a_child(act: Act, layer: Callable[[str], None]) -> None:
    layer("seccomp")
    with socket.create_server(("127.0.0.1", 0)) as canary:
        canary.settimeout(0.2)
        assert act(f"connect:{canary.getsockname()[1]}") == EPERM
        with pytest.raises(TimeoutError):
            canary.accept()


def test_a_child_can_listen_nowhere(act: Act, layer: Callable[[str], None]) -> None:
    layer("seccomp")
    assert act("bind") == EPERM


def test_a_child_cannot_read_what_is_not_of_the_runtime(act: Act, layer: Callable[[str], None], tmp_path: Path) -> None:
    layer("landlock")
    other = tmp_path / "another job's picture"
    other.write_bytes(b"private")
    for path in ("/etc/passwd", other, f"/proc/{os.getpid()}/environ", "/proc/self/maps", "/dev/zero"):
        assert act(f"read:{path}") == EACCES, path


def test_a_child_can_still_import_what_it_has_not_yet(act: Act) -> None:
    assert act(f"read:{os.__file__}") == "done"


def test_a_child_can_make_no_file_anywhere(act: Act, layer: Callable[[str], None], tmp_path: Path) -> None:
    layer("seccomp")
    for place in (tmp_path, Path("/tmp"), Path("/dev/shm"), Path.cwd()):  # noqa: S108 - must stay empty
        target = place / f"leanpix-escape-{os.getpid()}"
        assert act(f"write:{target}") == EPERM
        assert not target.exists()


def test_a_child_cannot_change_its_source(pool: CompressorPool, act: Act, tmp_path: Path) -> None:
    """Others may still read it: a second attempt, the store, whoever is asked whether the result may be shown."""
    stored = tmp_path / "stored"
    stored.write_bytes(b"change_source")
    with stored.open("rb") as file:
        told = [act("change_source"), bytes(pool.run(file, OPTIONS, timeout_s=20).data[3:]).decode()]
    assert all("done" not in words for words in told)
    assert stored.read_bytes() == b"change_source"


def test_a_child_cannot_change_or_remove_a_file(act: Act, layer: Callable[[str], None], tmp_path: Path) -> None:
    layer("seccomp")
    target = tmp_path / "file"
    target.touch(mode=0o600)
    assert [act(f"{name}:{target}") for name in ("write", "chmod", "unlink")] == [EPERM] * 3
    assert target.stat().st_mode & 0o777 == 0o600


def test_a_child_makes_no_link_out(act: Act, layer: Callable[[str], None], tmp_path: Path) -> None:
    layer("seccomp")
    assert act(f"symlink:{tmp_path}/link") == EPERM
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["exec", "fork", "spawn"])
def test_a_child_starts_no_program_and_no_process(act: Act, layer: Callable[[str], None], name: str) -> None:
    layer("seccomp")
    assert act(name) == EPERM


def test_a_child_can_start_threads(act: Act) -> None:
    assert act("threads") == "[0, 1, 2, 3]"


@pytest.mark.parametrize("name", ["kill", "signal_by_fcntl", "ptrace", "read_memory"])
def test_a_child_reaches_no_other_process(
    act: Act, layer: Callable[[str], None], bystander: subprocess.Popen[bytes], name: str
) -> None:
    layer("seccomp")
    assert act(f"{name}:{bystander.pid}") == EPERM
    assert bystander.poll() is None


def test_a_child_cannot_signal_the_server_or_its_parent(
    pool: CompressorPool, act: Act, layer: Callable[[str], None]
) -> None:
    layer("seccomp")
    assert act(f"may_kill:{os.getpid()}") == EPERM
    assert act(f"may_kill:{pool.zygote_pid}") == EPERM


def test_a_child_cannot_outlive_its_parent_by_asking(act: Act, layer: Callable[[str], None]) -> None:
    layer("seccomp")
    assert act("forget_parent") == EPERM


def test_a_child_writes_no_more_than_the_largest_result(act: Act) -> None:
    assert act(f"big_file:{16 << 20}") == EFBIG


def test_a_child_gets_no_more_memory_than_its_limit(act: Act) -> None:
    with pytest.raises(TaskFailure) as failure:
        act("allocate:300")
    assert failure.value.state is TaskState.NO_RESOURCES
    assert act("allocate:100") == str(100 << 20)


def test_a_child_cannot_raise_its_limits(act: Act, layer: Callable[[str], None]) -> None:
    layer("capabilities")
    assert act("raise_limit") == EPERM


@pytest.mark.parametrize("name", ["spin", "stubborn_spin"])
def test_a_child_ends_when_its_processor_time_is_used_up(new_pool: PoolMaker, name: str) -> None:
    pool = new_pool(child_cpu_s=1)
    began = time.monotonic()
    with pytest.raises(TaskFailure, match="processor time") as failure:
        pool.run(name.encode(), OPTIONS, timeout_s=60)
    assert failure.value.state is TaskState.TIMED_OUT
    assert time.monotonic() - began < 30


def test_the_kernel_confirms_what_a_child_has_given_up(pool: CompressorPool, layer: Callable[[str], None]) -> None:
    for name in LAYERS:
        layer(name)
    lines = of_the_child(pool, "status").splitlines()
    seen = {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}
    assert {seen[name] for name in ("CapEff", "CapPrm", "CapInh")} == {"0" * 16}
    assert (seen["NoNewPrivs"], seen["Seccomp"]) == ("1", "2")


def of_the_child(pool: CompressorPool, name: str) -> str:
    """This file of /proc about a child at work."""
    seen: list[str] = []

    def look(phase: str, _at_s: float) -> None:
        if phase.startswith("pid "):
            seen.append(Path(f"/proc/{phase[4:]}/{name}").read_text(encoding="utf-8"))

    pool.run(b"tell_pid:0.5", OPTIONS, timeout_s=20, on_phase=look)
    return seen[0]


def test_the_kernel_confirms_a_childs_limits(pool: CompressorPool) -> None:
    limits = dict(re.findall(r"^(Max [a-z ]+?) {2,}(\S+ +\S+)", of_the_child(pool, "limits"), re.MULTILINE))
    assert limits["Max open files"].split() == ["64", "64"]
    assert limits["Max core file size"].split() == ["0", "0"]


def test_a_child_is_the_first_to_go_when_memory_is_short(pool: CompressorPool) -> None:
    assert int(of_the_child(pool, "oom_score_adj")) == 1000


def test_a_child_leaves_no_core(act: Act) -> None:
    assert act("core_limit") == "(0, 0)"
    assert act("dumpable") == "0"


def test_a_child_knows_no_secret_of_the_environment(act: Act) -> None:
    names = act("environment").split()
    assert "VIPS_CONCURRENCY" in names
    assert not [name for name in names if name.startswith(("LEANPIX_", "AWS_", "HOME"))]


def test_a_child_holds_its_own_descriptors_and_no_others(act: Act) -> None:
    assert act("descriptors") == "0 1 2 3 4 5"
    assert act("no_terminal") == "[True, True]"


def test_a_child_finds_nothing_of_the_job_before(act: Act) -> None:
    assert [act("seen_before") for _ in range(3)] == ["nothing"] * 3


def test_every_layer_of_this_kernel_is_reported(pool: CompressorPool) -> None:
    status = pool.status()
    assert {*LAYERS, "limits", "zygote"} == set(status)
    assert all(state == ON or state.startswith("off: ") for state in status.values())


def test_sandbox_off_says_so_and_still_works(new_pool: PoolMaker) -> None:
    pool = new_pool(sandbox="off")
    assert {pool.status()[name] for name in LAYERS} == {"off: LEANPIX_SANDBOX=off"}
    assert pool.run(b"threads", OPTIONS, timeout_s=10).data[-2:].tobytes() == b"3]"


def test_require_starts_only_where_every_layer_is_on(pool: CompressorPool, new_pool: PoolMaker) -> None:
    if all(state == ON for state in pool.status().values()):
        assert new_pool(sandbox="require").status() == pool.status()
    else:
        with pytest.raises(SandboxMissingError):
            new_pool(sandbox="require")


def test_a_required_layer_that_is_missing_is_named() -> None:
    status = {"landlock": "off: not in this kernel (4.4)", "seccomp": ON}
    with pytest.raises(SandboxMissingError, match=r"landlock is off: not in this kernel \(4\.4\)"):
        require(status, frozenset(status))


@pytest.mark.parametrize(
    ("header", "column", "renamed"),
    [
        ("/usr/include/x86_64-linux-gnu/asm/unistd_64.h", 0, {}),
        ("/usr/include/asm-generic/unistd.h", 1, {"newfstatat": "fstatat"}),  # what aarch64 uses
    ],
)
def test_system_call_numbers_are_the_kernels(header: str, column: int, renamed: dict[str, str]) -> None:
    if not Path(header).exists():
        pytest.skip(f"no {header} here")
    pattern = re.compile(r"#define __NR(?:3264)?_(\w+)\s+(\d+)")
    numbers = {name: int(number) for name, number in pattern.findall(Path(header).read_text(encoding="ascii"))}
    for table in (syscalls.ALLOWED, syscalls.CONDITIONAL, syscalls.UNKNOWABLE, syscalls.LOCKING):
        for name, row in table.items():
            assert row[column] == numbers.get(renamed.get(name, name)), name
