import numpy as np
from innerface.core.face.channels import ARKIT, OUTPUT_CHANNELS
from innerface.core.hybrid.live import LiveRepair

JAW, HEAD = OUTPUT_CHANNELS.index("jawOpen"), OUTPUT_CHANNELS.index("headYaw")
STEP = 1 / 60


def performance(seconds=30.0):
    """Camera and sensors (T, 55) of one motion: the sensors' scale is another, their offset too."""
    t = np.arange(int(seconds * 60)) * STEP
    camera = np.zeros((len(t), len(OUTPUT_CHANNELS)))
    for k in range(len(OUTPUT_CHANNELS)):
        camera[:, k] = 0.3 + 0.25 * np.sin((0.7 + 0.1 * k) * t + k)
    rng = np.random.default_rng(0)
    camera[:, : len(ARKIT)] += rng.normal(0, 1e-4, (len(t), len(ARKIT)))
    return camera, 0.6 * camera + 0.1 + rng.normal(0, 0.002, camera.shape)


def run(camera, sensors, lost):
    mix = LiveRepair()
    return np.stack([mix.push(None if lost[k] else camera[k], sensors[k], STEP) for k in range(len(camera))]), mix


def test_while_the_camera_sees_a_face_it_is_the_cameras():
    camera, sensors = performance()
    out, _ = run(camera, sensors, np.zeros(len(camera), dtype=bool))
    assert np.abs(out - camera).max() < 1e-12


def test_a_lost_camera_is_replaced_by_mapped_sensors_without_a_step_and_comes_back_without_one():
    camera, sensors = performance()
    lost = np.zeros(len(camera), dtype=bool)
    lost[1200:1500] = True
    out, _ = run(camera, sensors, lost)
    usual = np.abs(np.diff(camera, axis=0)).max() + 0.02  # the sensors' noise
    assert np.abs(np.diff(out, axis=0)).max() < usual
    settled = slice(1260, 1500)
    assert np.abs(out - camera)[settled].mean() < 0.25 * np.abs(sensors - camera)[settled].mean()
    assert np.abs(out - camera)[1620:].max() < 1e-2, "two seconds later nothing is left of it"


def test_a_frozen_group_comes_from_sensors_and_the_others_stay():
    camera, sensors = performance()
    mouth = [OUTPUT_CHANNELS.index(c) for c in ARKIT if c.startswith(("mouth", "jaw", "tongue"))]
    frozen = camera.copy()
    frozen[1200:1500, mouth] = frozen[1200, mouth]
    out, mix = run(frozen[:1400], sensors[:1400], np.zeros(1400, dtype=bool))
    assert mix.from_sensors == ("mouth",)
    assert (
        np.abs(out - camera[:1400])[1300:, JAW].mean() < 0.5 * np.abs(frozen[:1400] - camera[:1400])[1300:, JAW].mean()
    )
    brow = OUTPUT_CHANNELS.index("browInnerUp")
    assert np.array_equal(out[:, brow], camera[:1400, brow])


def test_before_anything_was_learned_sensors_speak_for_themselves():
    camera, sensors = performance(2.0)
    out, mix = run(camera, sensors, np.ones(len(camera), dtype=bool))
    assert np.abs(out - np.concatenate([np.clip(sensors[:, :52], 0, None), sensors[:, 52:]], axis=1)).max() < 1e-12
    assert "head" in mix.from_sensors


def test_a_channel_that_sensors_do_not_show_eases_to_its_usual_value():
    camera, sensors = performance()
    rng = np.random.default_rng(1)
    sensors[:, JAW] = rng.normal(0.5, 0.1, len(sensors))  # says nothing of the jaw
    lost = np.zeros(len(camera), dtype=bool)
    lost[1500:] = True
    out, _ = run(camera, sensors, lost)
    assert abs(out[-1, JAW] - 0.3) < 0.1 and np.abs(np.diff(out[1500:, JAW])).max() < 0.05


def test_the_same_frames_give_the_same_faces_however_often_it_is_begun():
    camera, sensors = performance(5.0)
    lost = np.zeros(len(camera), dtype=bool)
    lost[100:200] = True
    assert np.array_equal(run(camera, sensors, lost)[0], run(camera, sensors, lost)[0])
