"""What stands between a moving face and the numbers that an IMU sends: every effect a named parameter with its source.

Letters in brackets grade the sources: [A] read in a primary text or code, [B] a data sheet's front page or an abstract,
[C] computed or assumed for this project. No recording of face-worn IMUs is public: all of this is simulation.
"""

from __future__ import annotations

from dataclasses import dataclass

Range = tuple[float, float]


@dataclass(frozen=True)
class Effects:
    """Sizes of all effects; the defaults are a perfect sensor on a performer who sways a little.

    The device
        rate_hz: samples a second.
        placement_mm: sd of each sensor's distance from its site (tape and anatomy, [C]).
        mounting_deg: sd of how a sensor is turned on its site; 180 is any way round ([C]; IMUSIC's units are taped by hand [A]).
    Skin
        coupling_hz, coupling_damping: ranges of the skin's second-order coupling; 0 Hz is rigid. Light units (0.4 g, IMUSIC [A]) follow bone
            where 34 g ones ring (1.5 g near-identical, abstract [B]); 20-60 Hz and 0.2-0.6 are assumed [C].
        anatomy: sd of how much more or less than the face's own shapes each channel moves this performer's skin [C].
        relaxed: range of how much of the take's calmest face is held while relaxing; 1 is all of it, 0 the model's neutral [C].
        creep_deg: sd in degrees after a minute of how a taped sensor turns on its site, a random walk [C].
        loose: chance that one face sensor comes half off at some moment and hangs 10 to 40 degrees askew [C].
    Accelerometer
        accel_noise_ug: white noise in ug/sqrt(Hz); QMI8658C 150-200 [B], ICM-45686 70 [B].
        accel_bias: range of the constant bias in m/s^2; TIP trains with 0.1 [A].
        accel_scale: sd of the scale error (3 % board level, QMI8658C [B]).
        accel_range: saturation in m/s^2 (8 g, a usual setting [C]).
    Gyroscope and fusion
        gyro_noise_dps: white noise in deg/s/sqrt(Hz), integrated into a heading walk; QMI8658C 0.015 [B], notes saw up to five times that [B].
        gyro_scale: sd of the scale error, which turns of the head leave behind in the heading (3 % board level, QMI8658C [B]).
        gyro_range_dps: saturation; what is beyond it is lost to the heading (1,024 deg/s, a QMI8658C setting [B]).
        tilt_deg, tilt_s: sd and time constant of the inclination error; VQF 2.9 deg RMSE in all [B], Madgwick's inclination 2.7 [A].
        tilt_pull: share of slow horizontal acceleration that the filter takes for gravity, through tilt_s; 1 is a plain complementary filter [C].
        heading_deg: range of the constant heading offset per sensor (six-axis fusion knows none: 180).
        heading_rate_dpm: sd of a constant drift, deg per minute (gyro bias left over; SlimeVR's users re-zero within minutes [C]).
        heading_drift_dpm: sd after a minute of a random drift, deg [C].
        magnet_deg: size of passing magnetic pulls on the heading ([C]; attached magnet, BROAD [A]).
    Performer
        sway_deg, sway_mm: head sway while performing [C]. torso_deg: slow leaning from the hips [C].
        glance_deg: range of turns of the head now and then [C]. beat_deg: nods to a beat of 1.2 to 2.2 Hz, as when singing [C].
        walk: walking bounce in m/s^2 at 1.6 to 2.2 steps a second, with half of it sideways [C].
        cable, cable_deg: sd of random tugs in m/s^2, and of the turns that go with them [C].
    Transmission
        jitter_ms: sd of time stamps. loss: share of samples lost at random, per site. row_loss: the same for whole packets.
        gaps_per_min: longer losses of 0.1 to 0.6 s per site. dead: chance that one face site is dead. All [C].
    """

    rate_hz: float = 100.0
    placement_mm: float = 0.0
    mounting_deg: float = 180.0
    coupling_hz: Range = (0.0, 0.0)
    coupling_damping: Range = (0.2, 0.6)
    anatomy: float = 0.0
    relaxed: Range = (1.0, 1.0)
    creep_deg: float = 0.0
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
