// Receive OSC with npm's node-osc and print messages, from one /VMC/Ext/Blend/Apply to the next, as JSON.
//     node receive_osc.mjs PORT
// Prints "ready" first.
import { createRequire } from "node:module";

const { Server } = createRequire(`${process.env.INNERFACE_NODE_MODULES}/`)("node-osc");
let messages = null;
const take = (message) => {
  if (messages) messages.push(message);
  if (message[0] !== "/VMC/Ext/Blend/Apply") return;
  if (messages) { console.log(JSON.stringify(messages)); process.exit(0); }
  messages = [];
};
const server = new Server(Number(process.argv[2]), "127.0.0.1", () => console.log("ready"));
server.on("message", take);
server.on("bundle", (bundle) => bundle.elements.forEach(take));
