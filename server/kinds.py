"""The kinds of sources and sinks and their arguments, for help texts; light, so that every command can show them."""

from __future__ import annotations

SOURCES = {
    "virtual": "[TAKE][,loss=SHARE,jitter=MS,disconnect=EVERY:FOR,rate=HZ,drift=PPM,gyro,serial,seed=N,preset=P]: a simulated performer",
    "virtual-bio": "[TAKE|posed][,loss=SHARE,disconnect=EVERY:FOR,seed=N,preset=P,ear=SIDE,mount=K,flat=CHANNEL]: a simulated performer's electrodes",
    "device": "[[HOST:]PORT]: Innerface devices by UDP",
    "serial": "PORT[,baud=N]: an Innerface device on a serial line",
    "slimevr": "[[HOST:]PORT]: SlimeVR trackers",
    "livelinkface": "[[HOST:]PORT][,keep-mouth,swap-jaw]: the Live Link Face app",
    "ifacialmocap": "[PHONE][,port=N]: iFacialMocap or Facemotion3D",
    "vmc": "[[HOST:]PORT]: a VMC performer",
    "bridge": "ws://HOST:PORT[,token=T]: another bridge's faces",
    "osc": "[[HOST:]PORT]: commands /innerface/recentre, calibrate, record, stop, mark",
    "cyton": "PORT[,channels=1+2,names=lower+front]: an OpenBCI Cyton, which inputs are worn and how they are called",
    "brainflow": "BOARD[,serial_port=P,...][,channels=...,names=...]: any BrainFlow board (extra 'boards')",
    "lsl": "NAME[,channels=...,names=...]: an LSL stream (extra 'lab')",
    "file": "TAKE[,speed=X,loop]: a recorded take",
}
SINKS = {
    "vmc": "[[HOST:]PORT][,camel,no-head]: avatars by VMC",
    "livelink": "[[HOST:]PORT][,name=SUBJECT]: Unreal's Live Link (ARKit)",
    "vts": "[[HOST:]PORT]: VTube Studio",
    "csv": "FILE.csv: a Live Link Face CSV",
}
