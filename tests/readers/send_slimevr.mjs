// Be a SlimeVR tracker with npm's @slimevr/tracker-emulation: two sensors that stand still in known poses.
//     node send_slimevr.mjs PORT
// Sends until it is ended; prints "connected" once the server has answered, and what it sends, as JSON.
import { pathToFileURL } from "node:url";

const load = (name) => import(pathToFileURL(`${process.env.INNERFACE_NODE_MODULES}/@slimevr/${name}/dist/esm/index.js`));
const { EmulatedTracker } = await load("tracker-emulation");
const { MACAddress, Quaternion, Vector } = await load("common");
const { BoardType, FirmwareFeatureFlags, MCUType, RotationDataType, SensorStatus, SensorType } = await load("firmware-protocol");

const tracker = new EmulatedTracker(
  new MACAddress([0x52, 0x3f, 0x79, 1, 2, 3]), "emulated", new FirmwareFeatureFlags(new Map()),
  BoardType.CUSTOM, MCUType.ESP8266, "127.0.0.1", Number(process.argv[2]));
tracker.on("connected-to-server", () => {
  console.log("connected");
  setInterval(async () => {
    await tracker.changeBatteryLevel(3.9, 80);
    for (const [k, sensor] of sensors.entries()) {
      await sensor.sendAcceleration(new Vector(k, 0, 0));
      await sensor.sendRotation(RotationDataType.NORMAL, new Quaternion(0, 0, k * Math.SQRT1_2, k ? Math.SQRT1_2 : 1), 0);
    }
  }, 10);
});
await tracker.init();
const sensors = [await tracker.addSensor(SensorType.BNO085, SensorStatus.OK), await tracker.addSensor(SensorType.BNO085, SensorStatus.OK)];
