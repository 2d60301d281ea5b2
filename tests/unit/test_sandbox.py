"""The sandbox's filter as data, on a small model of the kernel's machine, and what the probe finds with less."""

from __future__ import annotations

import errno
import json
import struct
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from stile_engine.worker import policy, probe, seccomp
from stile_engine.worker.sandbox import Mechanisms, mechanisms
from stile_engine.worker.seccomp import ABSENT, REFUSED, Instruction, program
from stile_engine.worker.syscalls import AARCH64, ARCHITECTURES, NEWEST, X86_64, Architecture

linux = pytest.mark.skipif(sys.platform != "linux", reason="the sandbox is for Linux")

PROCESS = 4321

ALLOW, KILL = "allow", "kill"

EVERYDAY = {
    # read write close fstat mmap munmap brk openat futex getdents64 clock_gettime exit_group pipe2 sched_yield
    X86_64.name: (0, 1, 3, 5, 9, 11, 12, 257, 202, 217, 228, 231, 293, 24),
    AARCH64.name: (63, 64, 57, 80, 222, 215, 214, 56, 98, 61, 113, 94, 59, 124),
}

MISSING_ON_AARCH64 = set(
    "fork vfork chmod chown lchown utime utimes futimesat mknod iopl ioperm modify_ldt uselib".split()
)
"""Older calls that this architecture never had."""


def run(code: Sequence[Instruction], machine: int, number: int, arguments: Sequence[int] = ()) -> str | int:
    """What a filter answers: ``ALLOW``, ``KILL`` or an error number."""
    values = [a & (1 << 64) - 1 for a in (*arguments, *[0] * 6)][:6]
    data = struct.pack("=IIQ6Q", number, machine, 0, *values)
    at, accumulator = 0, 0
    while True:
        step = code[at]
        at += 1
        match step.code:
            case 0x20:
                (accumulator,) = struct.unpack_from("=I", data, step.operand)
            case 0x54:
                accumulator &= step.operand
            case 0x06:
                kind = step.operand & 0xFFFF0000
                return ALLOW if kind == 0x7FFF0000 else KILL if kind == 0x80000000 else step.operand & 0xFFFF
            case 0x15 | 0x25 | 0x35 | 0x45 as test:
                holds = {
                    0x15: accumulator == step.operand,
                    0x25: accumulator > step.operand,
                    0x35: accumulator >= step.operand,
                    0x45: bool(accumulator & step.operand),
                }[test]
                at += step.then if holds else step.otherwise
            case other:
                raise AssertionError(f"no such instruction: {other:#x}")


@pytest.fixture(params=sorted(ARCHITECTURES))
def machine(request: pytest.FixtureRequest) -> Architecture:
    return ARCHITECTURES[request.param]


def answer(machine: Architecture, name: str, *arguments: int) -> str | int:
    return run(program(machine, PROCESS), machine.audit, machine.numbers[name], arguments)


def test_tables_have_each_call_once(machine: Architecture) -> None:
    assert len(set(machine.numbers.values())) == len(machine.numbers)
    assert max(machine.numbers.values()) <= NEWEST


def test_both_tables_speak_of_the_same_calls() -> None:
    assert X86_64.numbers.keys() - AARCH64.numbers.keys() == MISSING_ON_AARCH64
    assert AARCH64.numbers.keys() <= X86_64.numbers.keys()
    # since then the kernel gives new calls one number everywhere
    assert {n: v for n, v in X86_64.numbers.items() if v >= 424} == {
        n: v for n, v in AARCH64.numbers.items() if v >= 424
    }


def test_every_call_that_is_refused_is_in_the_table() -> None:
    assert {*REFUSED, *ABSENT} <= X86_64.numbers.keys()


def test_refused_calls_say_so(machine: Architecture) -> None:
    for name in REFUSED:
        if name in machine.numbers:
            assert answer(machine, name) == errno.EPERM, name
    for name in ABSENT:
        assert answer(machine, name) == errno.ENOSYS, name


def test_everyday_calls_pass(machine: Architecture) -> None:
    code = program(machine, PROCESS)
    assert [run(code, machine.audit, n, (1, 2, 3)) for n in EVERYDAY[machine.name]] == [ALLOW] * 14


def test_calls_of_another_kind_end_the_process(machine: Architecture) -> None:
    code = program(machine, PROCESS)
    assert run(code, 0x40000003, 1) == KILL  # 32-bit x86, where 1 is exit and 2 is fork
    assert run(code, machine.audit, NEWEST + 1) == errno.ENOSYS
    assert run(program(X86_64, PROCESS), X86_64.audit, 0x40000000 | 57) == KILL


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("clone", (0x3D0F00, 7), ALLOW),  # as glibc starts a thread
        ("clone", (0x1200011,), errno.EPERM),  # as it forks
        ("socketpair", (1, 1), ALLOW),
        ("socketpair", (1, 1 | 0x80800), ALLOW),  # with flags for the descriptors
        ("socketpair", (1, 2), errno.EPERM),
        ("sendto", (3, 9, 5, 0, 0, 0), ALLOW),
        ("sendto", (3, 9, 5, 0, 1 << 40, 16), errno.EPERM),
        ("sendto", (3, 9, 5, 0, 4096, 16), errno.EPERM),
        ("kill", (PROCESS, 9), ALLOW),
        ("kill", (0, 9), errno.EPERM),
        ("kill", (-1, 9), errno.EPERM),
        ("kill", (PROCESS + 1, 0), errno.EPERM),
        ("tgkill", (PROCESS, PROCESS + 3, 6), ALLOW),
        ("tgkill", (PROCESS + 1, PROCESS + 1, 6), errno.EPERM),
        ("prlimit64", (0, 3), ALLOW),
        ("prlimit64", (PROCESS, 3), ALLOW),
        ("prlimit64", (1, 3), errno.EPERM),
        ("sched_setaffinity", (0,), ALLOW),
        ("sched_setaffinity", (1,), errno.EPERM),
        ("prctl", (15, 1), ALLOW),  # a thread's name
        ("prctl", (1, 0), errno.EPERM),
        ("prctl", (4, 1), errno.EPERM),
        ("fcntl", (3, 1), ALLOW),
        ("fcntl", (3, 8, 1), errno.EPERM),
        ("ioctl", (1, 0x5413), ALLOW),
        ("ioctl", (1, 0x5412), errno.EPERM),
    ],
)
def test_calls_that_depend_on_their_arguments(
    machine: Architecture, name: str, arguments: tuple[int, ...], expected: str | int
) -> None:
    assert answer(machine, name, *arguments) == expected


def test_the_assembled_filter_is_that_of_its_process(machine: Architecture) -> None:
    code = seccomp.assembled(machine, PROCESS)
    assert code == b"".join(i.pack() for i in program(machine, PROCESS))
    assert len(code) // 8 < 4096  # the kernel's limit


@linux
def test_here_the_table_is_the_machines_own() -> None:
    machine = seccomp.architecture()
    assert machine is not None
    header = Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h")
    if machine is not X86_64 or not header.is_file():
        pytest.skip("no header to compare with")
    words = [line.split() for line in header.read_text().splitlines()]
    known = {w[1].removeprefix("__NR_"): int(w[2]) for w in words if len(w) == 3 and w[1].startswith("__NR_")}
    assert {n: v for n, v in machine.numbers.items() if n in known} == {
        n: known[n] for n in machine.numbers if n in known
    }


LANDLOCK_JUDGES = {"read your files", "write to your files", "create files", "delete your files"}

FILTER_JUDGES = {
    "open connections",
    "send datagrams",
    "fork",
    "start programs",
    "signal other processes",
    "use io_uring",
}


def probed(offered: str) -> list[str]:
    """The open escapes, found in a process of its own: pytest may have threads."""
    code = (
        "import json; from stile_engine.worker import probe; from stile_engine.worker.sandbox import *;"
        f"found = probe.probe(offered={offered}); print(json.dumps([found.level, *found.open]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    return list(json.loads(done.stdout))


@linux
def test_the_probe_finds_what_is_left_open() -> None:
    offered = mechanisms()
    if offered.landlock < 3 or not offered.seccomp:
        pytest.skip("this kernel has less")
    assert probed("None") == ["isolated"]
    nothing, *escapes = probed("Mechanisms()")
    assert nothing == "not isolated" and set(escapes) >= LANDLOCK_JUDGES | FILTER_JUDGES
    partly, *escapes = probed("Mechanisms(landlock=mechanisms().landlock)")
    assert partly == "partly isolated"
    assert not LANDLOCK_JUDGES & set(escapes) and {"open connections", "fork"} <= set(escapes)
    assert "truncate your files" not in escapes
    partly, *escapes = probed("Mechanisms(seccomp=True)")
    assert partly == "partly isolated"
    assert not FILTER_JUDGES & set(escapes) and set(escapes) >= LANDLOCK_JUDGES
    older = probed("Mechanisms(landlock=2)")
    assert "truncate your files" in older


def test_levels() -> None:
    judged = probe.judged
    assert judged([], ["Landlock 7"]).level == "isolated"
    assert judged(["fork"], []).level == "partly isolated"
    assert judged(["read your files"], []).level == "partly isolated"
    assert judged(["read your files", "open connections"], []).level == "not isolated"
    assert judged(None, []).level == "not isolated"
    assert str(judged(["fork", "start programs"], ["seccomp"])) == (
        "partly isolated by seccomp: kernels can fork; start programs"
    )


def test_other_systems_are_said_not_to_be_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stile_engine.worker.sandbox.ON_LINUX", False)
    found = probe.probe(offered=Mechanisms())
    assert found.level == "not isolated" and "not tried" in str(found)


@pytest.mark.parametrize("path", ["/", "/home", "/tmp", "/usr/.."])
def test_wide_folders(path: str) -> None:
    assert policy.is_wide(path)


def test_a_home_folder_is_no_workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    for folder in (home / "project", home / "package", home / ".ssh"):
        folder.mkdir(parents=True)
    for file in ("kernel.py", "helper.py", "notes.txt", "package/__init__.py", ".ssh/id", "project/a.py"):
        (home / file).write_text("")
    (home / "linked.py").symlink_to(home / ".ssh" / "id")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "other"))
    policy._homes.cache_clear()
    try:
        readable, modules = policy.workspace_paths(str(home / "kernel.py"), str(home))
        assert readable == sorted(str(home / name) for name in ("helper.py", "kernel.py", "package"))
        assert modules.keys() == {"kernel", "helper", "package"}
        assert policy.workspace_paths(str(home / "project" / "a.py"), None) == ([str(home / "project")], {})
        assert policy.is_wide(str(tmp_path)) and not policy.is_wide(str(home / "project"))
    finally:
        policy._homes.cache_clear()


def test_the_package_of_a_file_is_readable_with_its_parents(tmp_path: Path) -> None:
    inner = tmp_path / "outer" / "inner"
    inner.mkdir(parents=True)
    for folder in (inner, inner.parent):
        (folder / "__init__.py").write_text("")
    assert policy.workspace_paths(str(inner / "k.py"), None)[0] == [str(tmp_path)]


def test_a_path_that_is_none_reads_nothing() -> None:
    assert policy.workspace_paths("untitled:Untitled-1", None) == ([], {})
