"""What stands between a moving face and the numbers that an IMU sends: every effect a named parameter with its source.

Letters in brackets grade the sources: [A] read in a primary text or code, [B] a data sheet's front page or an abstract,
[C] computed or assumed for this project. No recording of face-worn IMUs is public: all of this is simulation.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Effects:
    """Sizes of all effects; the defaults are a perfect sensor.

    rate_hz: samples a second. placement_mm: sd of each sensor's distance from its site (tape and anatomy, [C]).
    mounting_deg: sd of how a sensor is turned on its site; 180 means any way round ([C]; the paper's units are taped by hand).
    coupling_hz, coupling_damping: ranges of the skin's second-order coupling; 0 Hz is rigid. Light units (0.4 g, IMUSIC [A])
    follow bone closely where 34 g ones ring (1.5 g near-identical, abstract [B]); ranges 20-60 Hz, 0.2-0.6 assumed [C].
    accel_noise_ug: white noise in ug/sqrt(Hz); QMI8658C 150-200 [B], ICM-45686 70 [B].
    accel_bias: range of the constant bias in m/s^2; TIP trains with 0.1 [A]. accel_scale: sd of the scale error (3 % board level, QMI8658C [B]).
    accel_range: saturation in m/s^2 (8 g, a usual setting [C]).
    gyro_noise_dps: white noise in deg/s/sqrt(Hz), integrated into a heading walk; QMI8658C 0.015 [B], notes saw up to five times that [B].
    tilt_deg, tilt_s: sd and time constant of the fusion filter's inclination error; VQF 2.9 deg RMSE in all [B], Madgwick inclination 2.7 [A].
    heading_deg: range of the constant heading offset per sensor (six-axis fusion knows none: 180). heading_drift_dpm: sd of its drift in
    deg per minute ([C]; SlimeVR's users re-zero within minutes). magnet_deg: size of passing magnetic pulls on the heading ([C]; attached magnet, BROAD [A]).
    sway_deg, sway_mm: head sway while performing ([C]). walk: walking bounce in m/s^2 at 2 Hz ([C]). cable: sd of random tugs in m/s^2 ([C]).
    jitter_ms: sd of time stamps. loss: share of samples lost at random; gaps_per_min: longer losses of 0.1 to 0.6 s. dead: chance that one face site is dead.
    """

    rate_hz: float = 100.0
    placement_mm: float = 0.0
    mounting_deg: float = 180.0
    coupling_hz: tuple[float, float] = (0.0, 0.0)
    coupling_damping: tuple[float, float] = (0.2, 0.6)
    accel_noise_ug: float = 0.0
    accel_bias: float = 0.0
    accel_scale: float = 0.0
    accel_range: float = 8 * 9.80665
    gyro_noise_dps: float = 0.0
    tilt_deg: float = 0.0
    tilt_s: float = 3.0
    heading_deg: float = 0.0
    heading_drift_dpm: float = 0.0
    magnet_deg: float = 0.0
    sway_deg: float = 3.0
    sway_mm: float = 5.0
    walk: float = 0.0
    cable: float = 0.0
    jitter_ms: float = 0.0
    loss: float = 0.0
    gaps_per_min: float = 0.0
    dead: float = 0.0


PRESETS: dict[str, Effects] = {
    "clean": Effects(),
    "studio": Effects(
        placement_mm=2.0, coupling_hz=(30.0, 60.0), accel_noise_ug=150.0, accel_bias=0.05, accel_scale=0.01, gyro_noise_dps=0.015,
        tilt_deg=0.7, heading_deg=180.0, heading_drift_dpm=1.0, jitter_ms=0.3, loss=0.002,
    ),
    "rough": Effects(
        placement_mm=4.0, coupling_hz=(20.0, 45.0), accel_noise_ug=400.0, accel_bias=0.1, accel_scale=0.03, gyro_noise_dps=0.05,
        tilt_deg=1.8, heading_deg=180.0, heading_drift_dpm=4.0, magnet_deg=4.0, sway_deg=8.0, sway_mm=20.0, walk=1.5, cable=0.3,
        jitter_ms=1.5, loss=0.02, gaps_per_min=2.0, dead=0.1,
    ),
}  # fmt: skip
