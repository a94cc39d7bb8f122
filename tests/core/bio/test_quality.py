"""Faults of electrodes are named."""

import numpy as np
import pytest
from innerface.core.bio import quality
from innerface.core.bio.signal import BioSignal
from innerface.core.errors import InnerfaceError

RATE = 500.0


def clean_signal(seconds=20.0, seed=0):
    rng = np.random.default_rng(seed)
    n = int(seconds * RATE)
    slow = rng.normal(0, 1, (n, 2)).cumsum(axis=0) * 0.1
    burst = 1 + 10 * (np.sin(np.arange(n) / RATE) > 0.7)
    return slow + rng.normal(0, 2, (n, 2)) * burst[:, None] + 3 * np.sin(2 * np.pi * 50 * np.arange(n) / RATE)[:, None]


def bio_signal(values):
    return BioSignal(0.0, RATE, ("lower", "front"), values, np.zeros(values.shape, bool))


def test_clean_electrodes_have_no_fault():
    assert quality.check_usable(bio_signal(clean_signal())) == []
    report = quality.assess_electrodes(bio_signal(clean_signal()))
    assert all(e.fault == "" for e in report)
    assert 1.0 < report[0].rest_uv < 3.0 and report[0].peak_uv > 10 and 1.5 < report[0].mains_uv < 4.0


@pytest.mark.parametrize(
    ("damage", "text"),
    [
        (lambda v: np.full_like(v, 7.0), "no signal"),
        (lambda v: np.clip(v * 400, -900, 900), "saturated"),
        (
            lambda v: (
                500 * np.sin(2 * np.pi * 50 * np.arange(len(v)) / RATE) + np.random.default_rng(5).normal(0, 1, len(v))
            ),
            "mains hum",
        ),
        (lambda v: np.random.default_rng(6).normal(0, 8000, len(v)).cumsum() * 0.1, "off the skin"),
    ],
)
def test_a_faulty_electrode_is_an_error_that_names_it_and_the_fault(damage, text):
    values = clean_signal()
    values[:, 1] = damage(values[:, 1])
    with pytest.raises(InnerfaceError, match=f"electrode front.*{text}"):
        quality.check_usable(bio_signal(values))


def test_an_electrode_that_comes_off_for_a_while_gives_a_note():
    values = clean_signal(40)
    values[5000:8000, 0] = 0.0
    notes = quality.check_usable(bio_signal(values))
    assert len(notes) == 1 and "lower is flat for 15%" in notes[0]


def test_missing_samples_are_an_error():
    missing = np.zeros((10_000, 2), bool)
    missing[:6000, 0] = True
    with pytest.raises(InnerfaceError, match="60% of its samples are missing"):
        quality.check_usable(BioSignal(0.0, RATE, ("lower", "front"), clean_signal(), missing))


def test_real_speech_has_more_power_than_silence(data):
    """CC BY 4.0 recordings of the chin, 250 Hz, 12-bit ADC (shared/data/README.md).

    ADC counts stand for µV: only ratios matter here.
    """
    with np.load(data / "emg_somach_ccby4.npz") as kept:
        adc, offset, label, phase = kept["adc"], kept["offset"], kept["label"], kept["phase"]
    from innerface.core.bio import features

    def loud(which):
        out = []
        for k in np.flatnonzero(which)[:150]:
            values = adc[offset[k] : offset[k + 1]].astype(float)
            if len(values) > 200:
                emg, _ = features.extract_features(values - values.mean(axis=0), 250.0, 50.0)
                out.append(emg[20:, : 2 * len(features.emg_bands(features.max_emg_hz(250)))].mean())
        return np.array(out)

    speaking = loud((label != "SILENCE") & (label != "NOISE") & np.char.find(phase, "Exaggerated") >= 0)
    silent = loud(label == "SILENCE")
    assert len(speaking) > 50 and len(silent) > 50
    apart = (speaking[:, None] > silent[None]).mean()
    assert apart > 0.6, "speech is louder than silence in EMG bands"
    values = adc[offset[0] : offset[40]].astype(float)
    assert isinstance(
        quality.check_usable(BioSignal(0.0, 250.0, ("chin", "under"), values, np.zeros(values.shape, bool))), list
    )
