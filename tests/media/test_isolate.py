"""Children: a hang, a crash and a bomb cost one task and give a reason; nothing but JSON and arrays travels."""

from __future__ import annotations

import signal
import struct

import numpy as np
import pytest

from curate.media import isolate, wire
from curate.media.isolate import Limits, Pool


def test_a_message_comes_back_with_its_arrays() -> None:
    value = {"图": np.arange(12, dtype=np.uint8).reshape(3, 4), "b": [1, None, "x", np.float32(1.5)], "c": {"d": np.zeros(0, np.uint64)}}
    got = wire.unpack_bytes(wire.pack(value))
    assert np.array_equal(got["图"], value["图"])
    assert got["图"].dtype == np.uint8
    assert got["b"] == [1, None, "x", 1.5]
    assert got["c"]["d"].shape == (0,)


@pytest.mark.parametrize(
    "head",
    [
        b'{"body": {"__array__": ["O", [1], 0]}, "sizes": [8]}',
        b'{"body": {"__array__": ["u1", [9], 0]}, "sizes": [8]}',
        b"[1]",
        b"\xff",
        b"[" * 90_000,
    ],
)
def test_a_hostile_message_is_refused(head: bytes) -> None:
    with pytest.raises(wire.WireError):
        wire.unpack_bytes(struct.pack("<IQ", len(head), 8) + head + bytes(8))


def test_a_message_that_claims_too_much_is_refused() -> None:
    with pytest.raises(wire.WireError, match="limit"):
        wire.unpack_bytes(struct.pack("<IQ", 10, 1 << 50))


def test_hang_crash_and_bomb_cost_one_task_each() -> None:
    with Pool(Limits(seconds=1.0, memory=600 << 20), 1) as pool:
        pool.call("sleep", {"seconds": 0})
        assert pool.call("sleep", {"seconds": 60}, seconds=0.5).reason == "timeout"
        assert pool.call("hog", {"size": 4 << 30}).reason == "out_of_memory"
        crash = pool.call("crash", {"signal_number": int(signal.SIGSEGV)})
        assert (crash.reason, "SIGSEGV" in crash.note) == ("crashed", True)
        assert pool.call("crash", {"signal_number": int(signal.SIGKILL)}).reason == "out_of_memory"
        assert pool.call("sleep", {"seconds": 0}).value == 0


def test_memory_of_the_parent_is_not_counted_against_a_child() -> None:
    ballast = bytearray(b"x" * (400 << 20))
    with Pool(Limits(seconds=5.0), 1) as pool:
        assert pool.call("sleep", {"seconds": 0}).peak_mb < len(ballast) / (2 << 20)


def test_outcomes_keep_the_order_of_the_jobs() -> None:
    with Pool(Limits(), 2) as pool:
        jobs = [(None, {"seconds": s}) for s in (0.2, 0.0, 0.1, 0.0)]
        assert [o.value for o in pool.map("sleep", jobs)] == [0] * 4


def test_files_are_checked_before_a_child_sees_them(tmp_path) -> None:
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "big.mp4").write_bytes(b"x" * 100)
    limits = Limits(max_bytes=10)
    assert isolate.check_file(tmp_path / "no.mp4", limits)[1].reason == "not_found"
    assert isolate.check_file(tmp_path, limits)[1].reason == "not_found"
    assert isolate.check_file(tmp_path / "empty.mp4", limits)[1].reason == "empty_file"
    assert isolate.check_file(tmp_path / "big.mp4", limits)[1].reason == "too_large"
    assert isolate.check_file(tmp_path / "nul\0.mp4", limits)[1].reason == "not_found"


def test_large_files_get_more_time() -> None:
    limits = Limits()
    assert limits.for_bytes(1000) == 30.0
    assert limits.for_bytes(100 << 20) > 300
    assert limits.for_bytes(1 << 50) == 3600.0
