from dataclasses import replace

import numpy as np
import pytest
from innerface.core.errors import InnerfaceError
from innerface.core.face.channels import ARKIT
from innerface.core.imu import levers, quality
from innerface.core.imu.motion import calibrate_take
from innerface.core.imu.simulation.effects import PRESETS
from innerface.core.numerics import quaternion as quat
from innerface.core.performance import demo_performance

STUDIO = PRESETS["studio"]
SPANS = {
    "smile": (13.5, 15.0),
    "brows": (16.5, 18.0),
    "jaw": (19.5, 21.0),
}  # seconds from the first row: the preamble takes 12


@pytest.fixture(scope="module")
def acted(made):
    """The check's three actions, one after the other, in studio conditions, by a performer unlike the model of the
    check."""
    weights = np.zeros((600, 52))
    t = np.arange(600) / 60
    for action, (a, b) in SPANS.items():
        shape = np.clip((t - (a - 12.4)) / 0.3, 0, 1) * (1 - np.clip((t - (b - 11.7)) / 0.3, 0, 1))
        for channel, apex in quality.ACTIONS[action].items():
            weights[:, ARKIT.index(channel)] += 0.8 * apex * shape
        weights[:, ARKIT.index("mouthDimpleLeft")] += 0.1 * shape
    return lambda seed: made(STUDIO, seed, weights)


def checked(signal, sites, face):
    motion = calibrate_take(signal, sites)[1]
    return quality.check_placement(motion, SPANS, quality.action_signatures(face, sites, motion.sites))


def renamed(signal, pairs):
    other = dict(pairs) | {b: a for a, b in pairs}
    return replace(signal, sites=tuple(other.get(s, s) for s in signal.sites))


def test_sites_in_their_places_pass_the_check(acted, sites, face):
    for seed in range(1, 7):
        assert checked(acted(seed), sites, face) == []


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("zygomaticus_left", "zygomaticus_right"),
        ("buccinator_left", "frontalis_left"),
        ("mentalis_right", "oculi_right"),
    ],
)
def test_swapped_sites_are_named(acted, sites, face, a, b, monkeypatch):
    # the nod and shake alone would already have corrected it
    monkeypatch.setattr(levers, "_find_swapped_sites", lambda *_: {})
    said = checked(renamed(acted(2), [(a, b)]), sites, face)
    assert (
        len(said) == 1
        and "swapped" in said[0]
        and quality.site_label(a) in said[0]
        and quality.site_label(b) in said[0]
    )


def test_a_face_taped_the_wrong_way_round_is_told_as_mirrored(acted, sites, face, monkeypatch):
    monkeypatch.setattr(levers, "_find_swapped_sites", lambda *_: {})
    pairs = [(f"{s}_left", f"{s}_right") for s in ("frontalis", "oculi", "zygomaticus", "buccinator", "mentalis")]
    said = checked(renamed(acted(2), pairs), sites, face)
    assert said and "mirrored" in said[0]


def test_a_site_off_the_skin_is_told_as_dead(acted, sites, face):
    signal = acted(3)
    k = signal.sites.index("oculi_right")
    rotation = signal.rotation.copy()
    aux = rotation[:, 0]
    rotation[:, k] = quat.multiply(
        aux, quat.multiply(quat.conjugate(aux[:1]), rotation[:1, k])
    )  # rides on the ear's sensor
    said = checked(replace(signal, rotation=rotation), sites, face)
    assert any("right oculi" in line and "dead" in line for line in said)


def test_actions_that_nobody_knows_and_empty_spans_are_refused(acted, sites, face):
    motion = calibrate_take(acted(2), sites)[1]
    expected = quality.action_signatures(face, sites, motion.sites)
    with pytest.raises(InnerfaceError, match="dance"):
        quality.check_placement(motion, {"dance": (1.0, 2.0)}, expected)
    with pytest.raises(InnerfaceError, match="no samples"):
        quality.check_placement(motion, {"jaw": (500.0, 501.0)}, expected)


def report(signal, sites):
    found, motion = calibrate_take(signal, sites)
    return {q.site: q for q in quality.report(signal, found, motion)}


def test_good_sensors_get_no_complaint(made, sites):
    for seed in (1, 2, 3):
        assert [q.words for q in report(made("studio", seed), sites).values() if q.words] == []


def test_noise_and_loss_and_drift_are_told_of_the_site_that_has_them(made, sites):
    signal = made("studio", 1)
    rng = np.random.default_rng(0)
    q, a = signal.rotation.copy(), signal.acceleration.copy()
    noisy, lossy = signal.sites.index("buccinator_left"), signal.sites.index("mentalis_right")
    q[:, noisy] = quat.multiply(q[:, noisy], quat.from_rotvec(rng.normal(0, np.radians(2.0), (len(q), 3))))
    gone = rng.uniform(size=len(q)) < 0.2
    q[gone, lossy], a[gone, lossy] = np.nan, np.nan
    said = report(replace(signal, rotation=q, acceleration=a), sites)
    assert said["buccinator_left"].words == "left buccinator is noisy: check the tape and the cable"
    assert "right mentalis loses 19%" in said["mentalis_right"].words
    assert [s for s, q in said.items() if q.words] == ["buccinator_left", "mentalis_right"]


def test_a_sensor_that_comes_loose_is_named_with_its_time(made, sites):
    signal = made("studio", 5)
    k, when = signal.sites.index("zygomaticus_left"), 9.0
    q = signal.rotation.copy()
    hang = quat.from_rotvec(np.radians(25) * np.array([0.6, 0.0, 0.8]))
    late = signal.time > when
    q[late, k] = quat.multiply(q[late, k], hang)
    said = report(replace(signal, rotation=q), sites)
    loose = said["zygomaticus_left"].loose_s
    assert loose is not None and abs(loose - (when + 12)) < 2.5 and "tape it again" in said["zygomaticus_left"].words
    assert all(v.loose_s is None for s, v in said.items() if s != "zygomaticus_left")
    assert demo_performance(5).weights().duration > when


def test_what_is_said_of_several_sensors_alike_is_said_once():
    def site(name, words):
        return quality.SiteQuality(name, 0, 0, 0, 0, 0, None, words)

    alike = [
        site(f"oculi_{s}", f"{s} oculi loses {n}% of its samples: check the cable or the radio")
        for s, n in (("left", 10), ("right", 12))
    ]
    assert quality.merge_messages(alike) == [
        "left oculi, right oculi loses 10% of its samples: check the cable or the radio"
    ]
    assert quality.merge_messages([*alike, site("aux", "aux loses 9% of its samples: check the cable or the radio")])[
        0
    ].startswith("every sensor loses 10%")
    assert quality.merge_messages([site("aux", ""), site("oculi_left", "")]) == []
