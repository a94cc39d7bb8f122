"""The camera's face: its neutral, and silence."""

import asyncio

import numpy as np
import pytest
from innerface.core import formats
from innerface.core.errors import InnerfaceError
from innerface.core.face.channels import OUTPUT_CHANNELS
from innerface.core.pipeline import solve_weights
from innerface.server import registry
from innerface.server.messages import FaceSample
from innerface.server.sources.live_link_face import SPEC, LiveLinkFaceSource

JAW, DOWN = OUTPUT_CHANNELS.index("jawOpen"), OUTPUT_CHANNELS.index("eyeLookDownLeft")


def test_the_neutral_that_was_set_is_taken_out_live_and_when_the_take_is_baked(bridge, tmp_path):
    async def work(hub):
        got = []
        hub.outputs.listeners.add(got.append)
        with pytest.raises(InnerfaceError, match="no camera sends a face"):
            hub.commands.set_neutral()
        for k in range(40):
            hub.receive("x", FaceSample("phone", {"jawOpen": 0.1, "eyeLookDownLeft": 0.25}, k / 60))
        hub.commands.set_neutral()
        path = hub.commands.record("a")
        hub.receive("x", FaceSample("phone", {"jawOpen": 0.1, "eyeLookDownLeft": 1.0}, 1.0))
        relaxed = got[-1].values
        hub.receive("x", FaceSample("phone", {"jawOpen": 0.55, "eyeLookDownLeft": 0.25}, 1.02))
        await hub.commands.stop_recording()
        return relaxed, got[-1].values, path

    relaxed, open_, path = bridge(work)
    assert (
        relaxed[JAW] == pytest.approx(0)
        and relaxed[DOWN] == pytest.approx(1)
        and open_[JAW] == pytest.approx(0.5)
        and open_[DOWN] == pytest.approx(0)
    )
    take = formats.read_take(path)
    assert take.weights().column("jawOpen").tolist() == [0.1, 0.55]  # what was recorded is what was sent
    baked = solve_weights(take).take.weights()
    assert np.allclose(baked.column("jawOpen"), [0.0, 0.5], atol=1e-6) and np.allclose(
        baked.column("eyeLookDownLeft"), [1.0, 0.0], atol=1e-6
    )


def test_a_camera_that_falls_silent_holds_its_face_for_longer_than_it_counts_as_live(bridge):
    async def work(hub):
        got = []
        hub.outputs.listeners.add(got.append)
        for k in range(10):
            hub.receive("x", FaceSample("phone", {"jawOpen": 0.4}, k / 60))
        await asyncio.sleep(2.0)
        return got

    got = bridge(work)
    assert len(got) > 60 and got[-1].values[JAW] == pytest.approx(0.4) and not got[-1].seen


def test_sources_that_nobody_hears_are_told_with_likely_causes_after_five_seconds(bridge, clock):
    async def work(hub):
        early = hub.status()["silent"]
        clock.time += 6.0
        late = hub.status()["silent"]
        hub.receive("livelinkface", FaceSample("phone", {"jawOpen": 0.4}, 0.0))
        return early, late, hub.status()["silent"]

    early, late, heard = bridge(work, [LiveLinkFaceSource(port=0)], clock=clock)
    assert early == [] and heard == [] and late[0]["source"] == "livelinkface" and late[0]["causes"] == list(SPEC.hints)


def test_every_source_that_can_be_silent_has_likely_causes():
    without = {kind for kind, spec in registry.sources().items() if not spec.hints}
    assert without == {"virtual", "virtual-bio", "file", "osc"}
