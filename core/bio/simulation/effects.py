"""Disturbances of simulated electrodes, and presets of them.

Letters grade the sources: [A] read in a primary text or in code, [B] an abstract or a vendor's page, [C] computed or
assumed for this project.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

Range = tuple[float, float]  # of a uniform distribution


@dataclass(frozen=True)
class Effects:
    """Size of every effect; the defaults are a perfect amplifier on a performer without a pulse.

    Attributes
    ----------
    rate_hz : sample rate of the board: Cyton 250, Ganglion 200 [A]; facial EMG needs 1,000 or more (van Boxtel
        2001 [B])
    placement_mm : standard deviation of the electrodes' positions [C]
    anatomy : standard deviation of the log of each muscle's strength, and of each channel's recruitment of it [C]
    reach : exponent of a muscle's attenuation with distance: 2 to 3 for a dipole in a volume conductor, less in mixed
        tissue [C]
    emg_uv : rms of the masseter at full contraction under an electrode; large muscles reach 1 to 3 mV at the surface,
        less behind an ear [C]
    gamma : exponent of rms against effort; near 1 for small muscles [C]
    delay_s : by which force lags EMG; unknown for faces, 20 to 80 ms in other muscles [C]
    rest_uv : noise at rest, 1 to 3 µV [B]
    eog_uv_per_degree : 20 at the canthi [B]
    eog_horizontal, eog_vertical : shares of it at the ear (earEOG 2025: r = 0.81 and 0.28 [B], shares [C])
    blink_uv : amplitude of a blink at the lower ear [C]
    jaw_uv : standard deviation of the slow potential as the jaw moves the skin at the ear [C]
    drift_uv : standard deviation of the electrode drift after 10 s
    high_pass_hz : of the amplifier (0.05 [B])
    mains_uv, mains_hz : amplitude and frequency of mains hum
    pulse_uv : amplitude of the carotid pulse wave [C]
    heart_uv : height of the electrocardiogram's R wave between ear and mastoid; about 1 mV between the arms, little of
        which is left between two points of one side of the head [C]
    pops_per_min : electrode pops of up to 200 µV [C]
    knocks_per_min : of the cable or the headset: 50 to 500 µV that ring for some tenths of a second [C]
    remount : standard deviation of the log gain of each electrode after mounting again (30 % [C])
    gaps_per_min : radio losses of 20 to 200 ms [C]
    """

    rate_hz: float = 1000.0
    placement_mm: float = 0.0
    anatomy: float = 0.0
    reach: Range = (2.0, 2.0)
    emg_uv: Range = (300.0, 300.0)
    gamma: Range = (1.0, 1.0)
    delay_s: Range = (0.04, 0.04)
    rest_uv: Range = (0.0, 0.0)
    eog_uv_per_degree: float = 20.0
    eog_horizontal: Range = (0.4, 0.4)
    eog_vertical: Range = (0.08, 0.08)
    blink_uv: Range = (40.0, 40.0)
    jaw_uv: float = 0.0
    drift_uv: float = 0.0
    high_pass_hz: float = 0.05
    mains_uv: Range = (0.0, 0.0)
    mains_hz: float = 50.0
    pulse_uv: float = 0.0
    heart_uv: Range = (0.0, 0.0)
    pops_per_min: float = 0.0
    knocks_per_min: float = 0.0
    remount: float = 0.3
    gaps_per_min: float = 0.0


PRESETS: dict[str, Effects] = {
    "clean": Effects(),
    "studio": Effects(
        placement_mm=4.0,
        anatomy=0.25,
        reach=(1.5, 2.5),
        emg_uv=(150.0, 500.0),
        gamma=(0.8, 1.3),
        delay_s=(0.02, 0.08),
        rest_uv=(1.0, 3.0),
        eog_horizontal=(0.3, 0.5),
        eog_vertical=(0.05, 0.1),
        blink_uv=(20.0, 60.0),
        jaw_uv=20.0,
        drift_uv=40.0,
        mains_uv=(1.0, 8.0),
        pulse_uv=2.0,
        pops_per_min=0.2,
    ),
    "rough": Effects(
        placement_mm=7.0,
        anatomy=0.4,
        reach=(1.5, 2.8),
        emg_uv=(80.0, 400.0),
        gamma=(0.7, 1.5),
        delay_s=(0.02, 0.08),
        rest_uv=(2.0, 5.0),
        eog_horizontal=(0.2, 0.5),
        eog_vertical=(0.03, 0.1),
        blink_uv=(10.0, 50.0),
        jaw_uv=40.0,
        drift_uv=120.0,
        mains_uv=(5.0, 40.0),
        pulse_uv=4.0,
        pops_per_min=2.0,
        gaps_per_min=1.0,
    ),
}
# Muscles that are far from the ear hardly reach it, and the body and the cable disturb more: the least kind that is
# still plausible. What electrodes at an ear really record of a face lies between this and "studio", as far as is known.
PRESETS["weak"] = replace(
    PRESETS["studio"],
    anatomy=0.4,
    reach=(2.8, 3.6),
    emg_uv=(30.0, 200.0),
    heart_uv=(5.0, 40.0),
    knocks_per_min=3.0,
    mains_uv=(3.0, 20.0),
    drift_uv=80.0,
)
PRESETS["cyton"] = replace(PRESETS["studio"], rate_hz=250.0)
