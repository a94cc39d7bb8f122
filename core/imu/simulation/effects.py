"""Disturbances of face-worn IMUs: every effect is a parameter with its source.

Letters in brackets grade the sources: [A] primary text or code, [B] front page of a data sheet, or an abstract,
[C] computed or assumed for this project. No recording of face-worn IMUs is public, so all of this is simulation.
"""

from __future__ import annotations

from dataclasses import dataclass

Range = tuple[float, float]


@dataclass(frozen=True)
class Effects:
    """Sizes of all effects. The defaults are perfect sensors on a performer who sways slightly.

    The device
        rate_hz: samples a second.
        placement_mm: sd of each sensor's distance from its site (tape and anatomy [C]).
        mounting_deg: sd of a sensor's rotation on its site; 180 is any ([C]; IMUSIC's units are taped by hand [A]).
    Skin
        coupling_hz, coupling_damping: ranges of the skin's second-order coupling; 0 Hz is rigid. Light units (0.4 g,
            IMUSIC [A]) follow bone where 34 g ones ring (1.5 g nearly follow, abstract [B]); 20-60 Hz and 0.2-0.6 are
            assumed [C].
        anatomy: sd of the gain by which a channel moves this performer's skin, relative to the face's shapes [C].
        relaxed: range of the share of the take's calmest face in the relaxed face; 0 is the model's neutral [C].
        creep_deg: sd after a minute of a taped sensor's rotation on its site, a random walk [C].
        wobble_deg: sd of the degrees by which soft skin tilts a sensor per m/s^2 of acceleration, gravity included [C].
        slip, slip_s: share of a turn of the skin that the tape gives way to, and the time constant of that [C].
        loose: chance that one face sensor comes half off at some moment and hangs at an angle of 10 to 40 degrees [C].
    Accelerometer
        accel_noise_ug: white noise in ug/sqrt(Hz); QMI8658C 150-200 [B], ICM-45686 70 [B].
        accel_bias: range of the constant bias in m/s^2; TIP trains with 0.1 [A].
        accel_scale: sd of the scale error (3 % board level, QMI8658C [B]).
        accel_range: saturation in m/s^2 (8 g, a usual setting [C]).
    Gyroscope and fusion
        gyro_noise_dps: white noise in deg/s/sqrt(Hz), integrated into a random walk of the heading; QMI8658C 0.015 [B],
            measured at up to five times that [B].
        gyro_scale: sd of the scale error, which head turns leave in the heading (3 % board level, QMI8658C [B]).
        gyro_range_dps: saturation, beyond which rotation is lost to the heading (1,024 deg/s, QMI8658C [B]).
        tilt_deg, tilt_s: sd and time constant of the inclination error; VQF 2.9 deg RMSE in all [B], Madgwick's
            inclination 2.7 [A].
        tilt_pull: share of slow horizontal acceleration that the filter takes for gravity, with the time constant
            tilt_s; 1 is a plain complementary filter [C].
        heading_deg: range of the constant heading offset per sensor (six-axis fusion knows none: 180).
        heading_rate_dpm: sd of a constant drift, deg per minute (residual gyro bias; SlimeVR needs resets [C]).
        heading_drift_dpm: sd after a minute of a random drift, deg [C].
        magnet_deg: size of temporary magnetic errors of the heading ([C]; attached magnet, BROAD [A]).
    Performer
        sway_deg, sway_mm: head sway while performing [C]. torso_deg: slow leaning from the hips [C].
        glance_deg: range of occasional turns of the head [C].
        beat_deg: nods to a beat of 1.2 to 2.2 Hz, as when singing [C].
        walk: bounce of walking in m/s^2 at 1.6 to 2.2 steps per second, half of it sideways [C].
        cable, cable_deg: sd of random tugs in m/s^2, and of the rotations that go with them [C].
    Transmission
        jitter_ms: sd of timestamps [C].
        loss, row_loss: share of samples lost at random, per site and in whole packets [C].
        gaps_per_min: longer losses of 0.1 to 0.6 s per site [C].
        dead: chance that one face site is dead [C].
    """

    rate_hz: float = 100.0
    placement_mm: float = 0.0
    mounting_deg: float = 180.0
    coupling_hz: Range = (0.0, 0.0)
    coupling_damping: Range = (0.2, 0.6)
    anatomy: float = 0.0
    relaxed: Range = (1.0, 1.0)
    creep_deg: float = 0.0
    wobble_deg: float = 0.0
    slip: float = 0.0
    slip_s: float = 8.0
    loose: float = 0.0
    accel_noise_ug: float = 0.0
    accel_bias: float = 0.0
    accel_scale: float = 0.0
    accel_range: float = 8 * 9.80665
    gyro_noise_dps: float = 0.0
    gyro_scale: float = 0.0
    gyro_range_dps: float = 1e9
    tilt_deg: float = 0.0
    tilt_s: float = 3.0
    tilt_pull: float = 0.0
    heading_deg: float = 0.0
    heading_rate_dpm: float = 0.0
    heading_drift_dpm: float = 0.0
    magnet_deg: float = 0.0
    sway_deg: float = 3.0
    sway_mm: float = 5.0
    torso_deg: float = 0.0
    glance_deg: float = 0.0
    beat_deg: float = 0.0
    walk: float = 0.0
    cable: float = 0.0
    cable_deg: float = 0.0
    jitter_ms: float = 0.0
    loss: float = 0.0
    row_loss: float = 0.0
    gaps_per_min: float = 0.0
    dead: float = 0.0


PRESETS: dict[str, Effects] = {
    "clean": Effects(),
    "studio": Effects(
        placement_mm=2.0,
        coupling_hz=(30.0, 60.0),
        anatomy=0.05,
        relaxed=(0.8, 1.0),
        creep_deg=0.3,
        accel_noise_ug=150.0,
        accel_bias=0.05,
        accel_scale=0.01,
        gyro_noise_dps=0.015,
        gyro_scale=0.005,
        gyro_range_dps=1024.0,
        tilt_deg=0.7,
        tilt_pull=0.3,
        heading_deg=180.0,
        heading_rate_dpm=0.5,
        heading_drift_dpm=1.0,
        torso_deg=1.0,
        glance_deg=8.0,
        beat_deg=0.5,
        jitter_ms=0.3,
        loss=0.002,
        row_loss=0.0005,
    ),
    "rough": Effects(
        placement_mm=4.0,
        coupling_hz=(20.0, 45.0),
        anatomy=0.15,
        relaxed=(0.4, 1.0),
        creep_deg=1.0,
        wobble_deg=0.2,
        slip=0.1,
        loose=0.05,
        accel_noise_ug=400.0,
        accel_bias=0.1,
        accel_scale=0.03,
        gyro_noise_dps=0.05,
        gyro_scale=0.02,
        gyro_range_dps=512.0,
        tilt_deg=1.5,
        tilt_pull=1.0,
        heading_deg=180.0,
        heading_rate_dpm=2.0,
        heading_drift_dpm=3.0,
        magnet_deg=4.0,
        sway_deg=8.0,
        sway_mm=20.0,
        torso_deg=4.0,
        glance_deg=25.0,
        beat_deg=3.0,
        walk=1.5,
        cable=0.3,
        cable_deg=0.7,
        jitter_ms=1.5,
        loss=0.02,
        row_loss=0.005,
        gaps_per_min=2.0,
        dead=0.1,
    ),
}
