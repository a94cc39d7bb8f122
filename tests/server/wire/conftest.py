"""Bytes of other people's programs: see vectors/README.md."""

import gzip
import json
from pathlib import Path

import pytest

FOLDER = Path(__file__).with_name("vectors")


@pytest.fixture(scope="session")
def vector():
    """`vector("slimevr_heartbeat")`: the bytes of the synthetic vector whose name begins so."""
    known = json.loads((FOLDER / "synthetic_vectors.json").read_text())["vectors"]

    def find(start):
        (found,) = [v for k, v in known.items() if k.startswith(start)]
        return bytes.fromhex(found)

    return find


@pytest.fixture(scope="session")
def vectors():
    """All synthetic vectors by name."""
    return {k: bytes.fromhex(v) for k, v in json.loads((FOLDER / "synthetic_vectors.json").read_text())["vectors"].items()}


@pytest.fixture(scope="session")
def capture():
    """The packets of a real Live Link Face capture."""
    raw = gzip.decompress((FOLDER / "dao.gesichter").read_bytes())
    at, out = 5, []
    for _ in range(int.from_bytes(raw[1:5], "big")):
        size = int.from_bytes(raw[at : at + 4], "big")
        out.append(raw[at + 4 : at + 4 + size])
        at += 4 + size
    assert at == len(raw)
    return out


@pytest.fixture(scope="session")
def frames():
    """Recorded text frames."""
    return [line.encode() for line in (FOLDER / "text_frames_recorded.txt").read_text().splitlines() if line.strip() and not line.startswith("#")]


@pytest.fixture(scope="session")
def table():
    """`table("names_x.csv")`: its rows (arkit, other)."""

    def rows(name):
        lines = (FOLDER / name).read_text().splitlines()
        return [tuple(line.split(",")[:2]) for line in lines[1:] if line.strip()]

    return rows
