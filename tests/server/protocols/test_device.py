import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from innerface.core.imu.signal import make_continuous
from innerface.server.messages import ImuSample
from innerface.server.protocols import cobs, device

# one packet, byte by byte as docs/protocol.md has it: layouts on devices in the field must not change under them
GOLDEN = (
    # magic, version, kind, header, flags (linear, z up), 3900 mV, sequence 7, 123456 us
    "4946 01 01 20 0d 3c0f 07000000 40e2010000000000"
    "3f7a 0300 e8030000 02 10 0000"  # device, 3 pulses, 1000 us ago, 2 sites of 16 bytes
    "00 00 ff7f 0000 0000 0000 0000 c800 38ff"  # aux: identity, (0, 1, -1) m/s^2
    "06 01 0000 0000 0000 0000 0000 0000 0000"  # zygomaticus_right: lost
)


def packet(count=11, seed=0, gyro=False, linear=False, up="z", lost=()):
    rng = np.random.default_rng(seed)
    q = make_continuous(rng.standard_normal((1, count, 4)))[0]
    a = rng.normal(0, 9, (count, 3))
    q[list(lost)], a[list(lost)] = np.nan, np.nan
    keys = tuple(map(str, range(count)))
    status = bytes(1 if k in lost else 0 for k in range(count))
    return ImuSample(
        "7a3f",
        keys,
        q,
        a,
        12.5,
        99,
        linear,
        up,
        rng.normal(0, 3, (count, 3)) if gyro else None,
        status,
        3.9,
        sync=(4, 12.25),
    )


def test_a_packet_is_encoded_as_specified():
    identity = np.array([[1.0, 0, 0, 0], [np.nan] * 4])
    made = ImuSample(
        "7a3f",
        ("0", "6"),
        identity,
        np.array([[0, 1.0, -1.0], [np.nan] * 3]),
        0.123456,
        7,
        True,
        "z",
        None,
        bytes([0, 1]),
        3.9,
        sync=(3, 0.122456),
    )
    data = device.encode(made)
    assert data[:-4].hex() == GOLDEN.replace(" ", "")
    back = device.parse(data)
    assert (
        isinstance(back, ImuSample)
        and back.keys == ("0", "6")
        and back.up == "z"
        and back.linear
        and back.sequence == 7
    )
    assert np.isnan(back.rotation[1]).all() and np.abs(back.acceleration[0] - [0, 1, -1]).max() < 1e-9
    assert (
        back.time == pytest.approx(0.123456)
        and back.sync == (3, pytest.approx(0.122456))
        and back.battery == pytest.approx(3.9)
    )


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 52), st.integers(0, 2**31), st.booleans(), st.booleans(), st.sampled_from(["", "x", "y", "z"]))
def test_a_packet_is_decoded_within_its_resolution(count, seed, gyro, linear, up):
    sent = packet(count, seed, gyro, linear, up, lost=(0,) if seed % 3 == 0 else ())
    data = device.encode(sent)
    back = device.parse(data)
    assert isinstance(back, ImuSample) and len(data) <= device.MAX_PACKET_BYTES
    assert (back.device, back.keys, back.sequence, back.linear, back.up, back.status) == (
        sent.device,
        sent.keys,
        99,
        linear,
        up,
        sent.status,
    )
    size = np.linalg.norm(back.rotation, axis=1)
    assert np.nanmax(np.append(np.abs(size - 1), 0)) < 1e-4
    angle = np.degrees(2 * np.arccos(np.clip(np.abs((back.rotation * sent.rotation).sum(1)) / size, 0, 1)))
    assert (
        np.nanmax(np.append(angle, 0)) < 0.02
        and np.nanmax(np.append(np.abs(back.acceleration - sent.acceleration), 0)) <= 0.0026
    )
    if gyro:
        known = ~np.isnan(sent.rotation[:, 0])
        assert np.abs(back.gyro - sent.gyro)[known].max(initial=0) <= 0.00051


def test_values_out_of_range_are_clamped_and_too_many_sites_rejected():
    wild = replace(packet(2), acceleration=np.full((2, 3), 1e6))
    assert np.allclose(device.parse(device.encode(wild)).acceleration, 32767 * 0.005)
    with pytest.raises(ValueError, match="fewer sites"):
        device.encode(packet(60, gyro=True))


def test_a_damaged_packet_is_none_and_a_newer_protocol_is_reported():
    data = bytearray(device.encode(packet()))
    for k in range(4, len(data)):
        hurt = bytearray(data)
        hurt[k] ^= 0x40
        assert device.parse(bytes(hurt)) is None
    data[2] = 2
    assert device.parse(bytes(data)) == device.UnknownVersion(2)


def test_a_hello_is_answered_by_a_welcome():
    data = device.encode_hello(0x7A3F, title="left half", firmware="1.2", sites=(0, 1, 3))
    hello = device.parse(data)
    assert (
        isinstance(hello, device.Hello)
        and hello.info.name == "left half"
        and hello.info.firmware == "1.2"
        and hello.sites == (0, 1, 3)
    )
    assert (
        device.is_welcome(device.welcome(5, 10))
        and not device.is_welcome(data)
        and device.parse(device.welcome(5, 10)) is None
    )


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=1300))
def test_random_datagrams_never_raise(data):
    device.parse(data)
    device.parse(b"IF\x01\x01" + data)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_mutated_packets_with_a_right_checksum_never_raise(data):
    import zlib

    raw = bytearray(device.encode(packet(11, 1, gyro=data.draw(st.booleans()))))
    for _ in range(data.draw(st.integers(1, 8))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    raw = raw[: data.draw(st.integers(0, len(raw)))]
    body = bytes(raw[:-4])
    got = device.parse(body + zlib.crc32(body).to_bytes(4, "little"))
    if isinstance(got, ImuSample):
        assert np.isfinite(got.rotation[~np.isnan(got.rotation)]).all() and len(got.keys) == len(got.rotation)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=1200))
def test_cobs_frames_contain_no_zero_and_decode_to_the_same_data(data):
    coded = cobs.encode(data)
    assert 0 not in coded and cobs.decode(coded) == data and len(coded) <= len(data) + len(data) // 254 + 1


@settings(max_examples=100, deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=600), max_size=8), st.integers(1, 97))
def test_frames_are_found_in_data_split_anywhere(frames, size):
    line = b"\0" + b"".join(cobs.encode(f) + b"\0" for f in frames)
    framer, out = cobs.Framer(2000), []
    for k in range(0, len(line), size):
        out += framer.push(line[k : k + size])
    assert out == frames and framer.dropped == 0


def test_noise_costs_only_the_frame_it_hits_and_memory_stays_bounded():
    good = device.encode(packet())
    framer = cobs.Framer(device.MAX_PACKET_BYTES + 8)
    line = b"\0" + cobs.encode(good) + b"\0" + b"\x05garbage" * 500 + b"\0" + cobs.encode(good) + b"\0"
    out = [f for k in range(0, len(line), 33) for f in framer.push(line[k : k + 33])]
    assert [f for f in out if device.parse(f) is not None] == [good, good]
    framer.push(b"\x07" * 1_000_000)
    assert len(framer.buffer) <= framer.limit


@pytest.fixture(scope="module")
def firmware(tmp_path_factory):
    """The C encoder as a program: reads numbers, writes packets in hex."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler here (gcc or cc); the firmware's encoder is not compiled")
    folder = tmp_path_factory.mktemp("firmware")
    source = device.__file__.replace("protocols/device.py", "device")
    (folder / "main.c").write_text(MAIN)
    program = folder / "encode"
    strict = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", f"-I{source}"]
    subprocess.run(
        [compiler, *strict, f"{source}/innerface_packet.c", str(folder / "main.c"), "-o", str(program)], check=True
    )

    def run(command, *numbers):
        result = subprocess.run(
            [program, command], input=" ".join(map(str, numbers)), capture_output=True, text=True, check=True
        )
        return [bytes.fromhex(line) for line in result.stdout.split()]

    return run


MAIN = r"""
#include <stdio.h>
#include <string.h>
#include "innerface_packet.h"
static void hex(const uint8_t *p, size_t n) { for (size_t k = 0; k < n; k++) printf("%02x", p[k]); printf("\n"); }
int main(int argc, char **argv) {
  static uint8_t packet[INNERFACE_LIMIT], line[INNERFACE_LIMIT + 16];
  (void)argc;
  if (!strcmp(argv[1], "hello")) {
    uint8_t ids[] = {0, 1, 3};
    hex(packet, innerface_hello(0x7a3f, "left half", "1.2", ids, 3, 0, packet, sizeof packet));
    return 0;
  }
  if (!strcmp(argv[1], "welcome")) {
    int b; size_t n = 0;
    while (scanf("%d", &b) == 1) packet[n++] = (uint8_t)b;
    printf("%02x\n", innerface_is_welcome(packet, n));
    return 0;
  }
  innerface_site sites[64];
  innerface_samples s; memset(&s, 0, sizeof s); memset(sites, 0, sizeof sites);
  unsigned count, flags, up, sequence; unsigned long long time;
  if (scanf("%u %u %u %u %llu", &count, &flags, &up, &sequence, &time) != 5) return 1;
  for (unsigned k = 0; k < count; k++) {
    sites[k].id = (uint8_t)k;
    for (int c = 0; c < 4; c++) if (scanf("%f", &sites[k].q[c]) != 1) return 1;
    for (int c = 0; c < 3; c++) if (scanf("%f", &sites[k].acceleration[c]) != 1) return 1;
    for (int c = 0; c < 3; c++) if (scanf("%f", &sites[k].gyro[c]) != 1) return 1;
  }
  s.device = 0x7a3f; s.flags = (uint16_t)flags; s.up = (uint8_t)up; s.sequence = sequence; s.time_us = time;
  s.battery_mv = 3900;
  s.since_sync_us = INNERFACE_NO_SYNC;
  s.sites = sites; s.count = (uint8_t)count;
  size_t size = innerface_encode(&s, packet, sizeof packet);
  hex(packet, size);
  hex(line, innerface_frame(packet, size, line, sizeof line));
  return 0;
}
"""


@pytest.mark.parametrize(
    ("count", "gyro", "up"), [(1, False, "z"), (11, False, ""), (11, True, "y"), (52, True, "z"), (30, False, "x")]
)
def test_the_firmwares_encoder_writes_the_same_packet_and_frame(firmware, count, gyro, up):
    sent = replace(packet(count, count, gyro, gyro, up), sync=None)
    rows = np.concatenate(
        [sent.rotation, sent.acceleration, sent.gyro if gyro else np.zeros((count, 3))], axis=1
    ).astype(np.float32)
    flags = (1 if gyro else 0) | (2 if gyro else 0)
    data, framed = firmware(
        "samples", count, flags, ("", "x", "y", "z").index(up), 99, 12_500_000, *rows.ravel().tolist()
    )
    got, own = device.parse(data), device.parse(device.encode(sent))
    assert isinstance(got, ImuSample) and (got.keys, got.sequence, got.time, got.linear, got.up, got.battery) == (
        own.keys,
        99,
        12.5,
        gyro,
        up,
        own.battery,
    )
    assert (
        np.abs(got.rotation - own.rotation).max() < 6e-5 and np.abs(got.acceleration - own.acceleration).max() < 0.0051
    )
    assert cobs.encode(data) + b"\0" == framed


def test_the_firmwares_hello_and_its_parser_of_welcomes(firmware):
    assert firmware("hello") == [device.encode_hello(0x7A3F, title="left half", firmware="1.2", sites=(0, 1, 3))]
    assert firmware("welcome", *device.welcome(3, 77)) == [b"\x01"]
    assert firmware("welcome", *device.welcome(3, 77)[:-1], 0) == [b"\x00"]
