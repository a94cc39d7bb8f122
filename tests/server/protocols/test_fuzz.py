"""A million random and mutated datagrams per parser; takes minutes.

`pytest -m slow tests/server/protocols/test_fuzz.py`
"""

import gc
import tracemalloc

import numpy as np
import pytest
from innerface.server.messages import ImuSample
from innerface.server.protocols import cobs, cyton, device, ifacialmocap, live_link_face, osc, slimevr, vmc
from innerface.server.protocols.identify import identify

COUNT = 1_000_000


def mutations(seeds, count, seed=0):
    """Yield `count` datagrams: a tenth random, the others mutated seeds, some of them cut or doubled."""
    rng = np.random.default_rng(seed)
    for start in range(0, count, 1000):
        n = min(1000, count - start)
        kind, pick, edits = rng.uniform(size=n), rng.integers(0, len(seeds), n), rng.integers(1, 9, n)
        places, values, cut = rng.uniform(size=(n, 8)), rng.integers(0, 256, (n, 8)), rng.uniform(size=n)
        for k in range(n):
            if kind[k] < 0.1:
                yield rng.bytes(int(cut[k] * 300))
                continue
            raw = bytearray(seeds[pick[k]])
            for e in range(edits[k]):
                raw[int(places[k, e] * len(raw))] = values[k, e]
            if cut[k] < 0.2:
                del raw[int(places[k, 0] * len(raw)) :]
            elif cut[k] > 0.97:
                raw = raw + raw
            yield bytes(raw)


def native():
    rng = np.random.default_rng(0)
    out = []
    for count, gyro in ((1, False), (11, False), (11, True), (40, False)):
        q = rng.standard_normal((count, 4))
        q /= np.linalg.norm(q, axis=1, keepdims=True)
        turning = np.ones((count, 3)) if gyro else None
        out.append(
            device.encode(
                ImuSample("7a3f", tuple(map(str, range(count))), q, rng.normal(0, 9, (count, 3)), 1.0, 1, gyro=turning)
            )
        )
    return [*out, device.encode_hello(1, title="a", firmware="b", sites=(0, 1)), device.welcome(1, 2)]


def sealed(data):
    """With a valid checksum, so that more than the checksum is tested."""
    import zlib

    return data[:-4] + zlib.crc32(data[:-4]).to_bytes(4, "little")


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    ["device", "device with checksums", "slimevr", "livelinkface", "ifacialmocap", "osc and vmc", "cobs", "cyton"]
    + ["identify"],
)
def test_a_million_packets_raise_nothing_and_leak_no_memory(name, vectors, capture, frames):
    receiver, framer, reader = vmc.Receiver(), cobs.Framer(device.MAX_PACKET_BYTES + 8), cyton.Reader()

    def face(data):
        packet = live_link_face.parse(data)
        if packet is not None:
            live_link_face.named_weights(packet)
            live_link_face.packet_seconds(packet)

    osc_seeds = [v for k, v in vectors.items() if k.startswith("osc")]
    parse, seeds = {
        "device": (device.parse, native()),
        "device with checksums": (lambda d: device.parse(sealed(d)), native()),
        "slimevr": (slimevr.parse, [v for k, v in vectors.items() if k.startswith("slimevr")]),
        "livelinkface": (face, [*capture[:20], *[v for k, v in vectors.items() if k.startswith("llf")]]),
        "ifacialmocap": (ifacialmocap.parse, [f[:200] + b"|=head#1,2,3,0,0,0|" for f in frames]),
        "osc and vmc": (lambda d: (osc.parse_messages(d), receiver.push(d)), osc_seeds),
        "cobs": (framer.push, [b"\0" + cobs.encode(d) + b"\0" for d in native()]),
        "cyton": (reader.push, [v for k, v in vectors.items() if k.startswith("cyton")]),
        "identify": (identify, [*vectors.values(), *capture[:5], *frames, *native()]),
    }[name]
    for data in mutations(seeds, 2000, 1):
        parse(data)
    tracemalloc.start()
    for data in mutations(seeds, 20_000, 2):
        parse(data)
    gc.collect()  # empties the interpreter's lists of free objects, too
    grown = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert grown < 1_000_000
    for data in mutations(seeds, COUNT):
        parse(data)
