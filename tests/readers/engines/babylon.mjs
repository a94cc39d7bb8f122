// Prints what Babylon's glTF loader finds in a GLB, without a window (NullEngine).
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(process.env.INNERFACE_NODE_MODULES + '/');
globalThis.XMLHttpRequest ??= class {};
const BABYLON = require('babylonjs');
globalThis.BABYLON = BABYLON;
const { GLTFFileLoader } = require('babylonjs-loaders');
BABYLON.SceneLoader.RegisterPlugin(new GLTFFileLoader());
BABYLON.Logger.LogLevels = 0; // standard output is for the result

const engine = new BABYLON.NullEngine();
const scene = new BABYLON.Scene(engine);
const data = 'data:;base64,' + readFileSync(process.argv[2]).toString('base64');
await BABYLON.SceneLoader.AppendAsync('', data, scene, undefined, '.glb');
const clips = [];
for (const group of scene.animationGroups) {
  const curves = {}, rotations = {};
  for (const { animation, target } of group.targetedAnimations) {
    const keys = animation.getKeys();
    const times = keys.map((k) => k.frame / animation.framePerSecond);
    if (animation.targetProperty === 'influence') curves[target.name] = { times, values: keys.map((k) => k.value) };
    else if (animation.targetProperty === 'rotationQuaternion')
      rotations[target.name] = { times, values: keys.map((k) => [k.value.x, k.value.y, k.value.z, k.value.w]) };
  }
  const first = group.targetedAnimations[0]?.animation;
  clips.push({ name: group.name, duration: (group.to - group.from) / (first?.framePerSecond ?? 60), curves, rotations });
}
writeFileSync(1, JSON.stringify({ clips }));
process.exit(0);
