"""Exports opened by engines and readers that share no code with Blender or Innerface.

Those that are not here are skipped, with what to install: `python3 build.py test --engines` installs most.
"""

import subprocess

import innerface.cli.dev.engines
import innerface.core.formats
import innerface.core.take
import numpy as np
import pytest

engines = innerface.cli.dev.engines
SECONDS = 4.0


@pytest.fixture(scope="module")
def keyed(data, tmp_path_factory):
    """`keyed(fps)`: the first seconds of a real take with a turning head, exported to every kind of file."""
    track = innerface.core.formats.read_take(data / "arkit" / "alex_rom_3.csv").weights()
    kept = track.time - track.time[0] < SECONDS
    short = innerface.core.take.Track("weights", track.time[kept], track.columns, track.values[kept])
    made = {}

    def make(fps):
        if fps not in made:
            made[fps] = engines.key_take(short, fps, tmp_path_factory.mktemp("engines"))
        return made[fps]

    return make


@pytest.mark.parametrize("fps", engines.RATES)
@pytest.mark.parametrize("engine", engines.ENGINES, ids=lambda e: e.name)
def test_an_engine_opens_the_export_and_plays_the_take(keyed, engine, fps):
    take = keyed(fps)
    try:
        found = engines.measure(engine, take)
    except engines.NotHereError as reason:
        pytest.skip(str(reason))
    if np.isfinite(found.clip_s):
        assert abs(found.clip_s - take.duration) < 1.0 / take.rate
    if np.isfinite(engine.weights_within):
        assert found.weight_error < engine.weights_within
    if np.isfinite(found.turn_error):
        assert found.turn_error < 0.01


def test_a_glb_is_no_larger_than_gltfpack_makes_it_without_loss(keyed, tmp_path):
    try:
        program = engines.node_modules("gltfpack") / ".bin" / "gltfpack"
    except engines.NotHereError as reason:
        pytest.skip(str(reason))
    ours, packed = keyed("30").files["glb"], tmp_path / "packed.glb"
    subprocess.run([program, "-i", ours, "-o", packed, "-noq"], check=True, capture_output=True)
    assert ours.stat().st_size <= packed.stat().st_size
