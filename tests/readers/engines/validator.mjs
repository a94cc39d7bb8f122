// Khronos' glTF validator: fails on any error in a GLB.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const validator = createRequire(process.env.INNERFACE_NODE_MODULES + '/')('gltf-validator');
const { issues } = await validator.validateBytes(new Uint8Array(readFileSync(process.argv[2])));
if (issues.numErrors) {
  console.error(JSON.stringify(issues.messages.filter((m) => m.severity === 0).slice(0, 5)));
  process.exit(1);
}
process.stdout.write(JSON.stringify({ clips: [], warnings: issues.numWarnings }));
