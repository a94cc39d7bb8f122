// Control page: requests in JSON, faces and sensor data in binary frames. Protocol: docs/protocol.md, "WebSocket".
const $ = (id) => document.getElementById(id);
const SVG = "http://www.w3.org/2000/svg";
const PLOTTED = ["jawOpen", "mouthSmileLeft", "mouthSmileRight", "mouthPucker", "mouthFunnel", "mouthUpperUpLeft", "browInnerUp", "browDownLeft", "noseSneerLeft", "cheekPuff", "eyeBlinkLeft", "headYaw"];
const SECONDS = 6, FACE = 1, SENSORS = 2;
let socket, hello, number = 0, latestFace = null, touchedSite = "", lastFrame = 0;
const replies = new Map(), plots = new Map();

function ask(command, fields = {}) {
  return new Promise((resolve) => {
    if (!socket || socket.readyState !== WebSocket.OPEN) return resolve({ ok: false, error: "not connected" });
    const id = ++number;
    replies.set(id, resolve);
    socket.send(JSON.stringify({ id, command, ...fields }));
  });
}

function connect() {
  const token = new URLSearchParams(location.search).get("token");
  socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/${token ? `?token=${encodeURIComponent(token)}` : ""}`);
  socket.binaryType = "arraybuffer";
  socket.onmessage = ({ data }) => (typeof data === "string" ? control(JSON.parse(data)) : binary(new DataView(data)));
  socket.onopen = () => { $("gone").hidden = true; ask("subscribe", { streams: ["face", "sensors", "status"] }); };
  socket.onclose = () => { $("gone").hidden = false; $("summary").textContent = "not connected"; setTimeout(connect, 1500); };
}

function control(message) {
  if (message.hello) { hello = message.hello; drawFace(); buildPlots(); }
  if (message.status) show(message.status);
  if (message.id && replies.has(message.id)) { replies.get(message.id)(message); replies.delete(message.id); }
}

function binary(view) {
  if (view.getUint8(0) !== 0x49 || view.getUint8(1) !== 0x57 || !hello) return;
  const kind = view.getUint8(2);
  if (kind === FACE) {
    const values = {};
    hello.channels.forEach((name, k) => { values[name] = view.getFloat32(28 + 4 * k, true); });
    latestFace = values;
    lastFrame = performance.now();
    for (const name of PLOTTED) push(name, values[name]);
  } else if (kind === SENSORS) {
    hello.sites.forEach((site, k) => push(`site ${site}`, view.getFloat32(28 + 8 * k, true) * 180 / Math.PI));
  }
}

// Curves

function buildPlots() {
  plots.clear();
  for (const [id, names] of [["channels", PLOTTED], ["sensors", hello.sites.map((s) => `site ${s}`)]]) {
    $(id).replaceChildren(...names.map((name) => {
      const box = document.createElement("div"), label = document.createElement("span"), value = document.createElement("b"), canvas = document.createElement("canvas");
      box.className = hello.invented.includes(name) ? "plot guess" : "plot";
      label.textContent = name.replace("site ", "").replaceAll("_", " ");
      box.append(canvas, label, value);
      const angle = name.startsWith("site ") || name.startsWith("head");
      plots.set(name, { box, value, canvas, points: [], angle, low: angle ? -5 : 0, high: angle ? 5 : 1, head: name.startsWith("head") });
      return box;
    }));
  }
}

function push(name, value) {
  const plot = plots.get(name);
  if (!plot) return;
  const now = performance.now() / 1000;
  plot.points.push([now, plot.head ? value * 180 / Math.PI : value]);
  while (plot.points.length && plot.points[0][0] < now - SECONDS - 0.5) plot.points.shift();
}

function drawPlot(plot, now) {
  const { canvas, points } = plot, ratio = window.devicePixelRatio || 1;
  const width = Math.round(canvas.clientWidth * ratio), height = Math.round(canvas.clientHeight * ratio);
  if (!width) return;
  if (canvas.width !== width || canvas.height !== height) { canvas.width = width; canvas.height = height; }
  const g = canvas.getContext("2d");
  g.clearRect(0, 0, width, height);
  const known = points.filter(([, v]) => Number.isFinite(v));
  const last = known.length && now - known[known.length - 1][0] < 1 ? known[known.length - 1][1] : NaN;
  plot.value.textContent = Number.isFinite(last) ? (plot.angle ? `${last.toFixed(1)}°` : last.toFixed(2)) : "–";
  if (!known.length) return;
  let [low, high] = plot.angle ? [Math.min(0, ...known.map((p) => p[1])), Math.max(...known.map((p) => p[1]), 0)] : [0, 1];
  if (high - low < 5 && plot.angle) high = low + 5;
  const x = (t) => (1 - (now - t) / SECONDS) * width, y = (v) => height - 4 * ratio - ((v - low) / (high - low)) * (height - 20 * ratio);
  g.beginPath();
  known.forEach(([t, v], k) => (k ? g.lineTo(x(t), y(v)) : g.moveTo(x(t), y(v))));
  g.strokeStyle = plot.angle ? "#ffb86b" : "#7cc4ff";
  g.lineWidth = 1.6 * ratio;
  g.lineJoin = "round";
  g.stroke();
  g.lineTo(x(known[known.length - 1][0]), height);
  g.lineTo(x(known[0][0]), height);
  g.fillStyle = plot.angle ? "#ffb86b22" : "#7cc4ff22";
  g.fill();
}

// Face and sites

const make = (name, attributes, parent) => {
  const e = document.createElementNS(SVG, name);
  for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, v);
  parent.append(e);
  return e;
};
const parts = {};

function drawFace() {
  const svg = $("face");
  svg.replaceChildren();
  const turn = make("g", {}, svg);
  parts.turn = turn;
  make("path", { class: "skin", d: "M0-118C58-118 78-70 75-18 72 36 42 92 0 92S-72 36-75-18C-78-70-58-118 0-118Z" }, turn);
  make("path", { class: "skin", d: "M75-22c12-8 18 4 14 18-3 12-9 18-17 14M-75-22c-12-8-18 4-14 18 3 12 9 18 17 14" }, turn);
  make("path", { class: "feature", d: "M0-24 L-8 2 Q0 9 8 2" }, turn);
  for (const side of ["Left", "Right"]) {
    parts[`brow${side}`] = make("path", { class: "feature" }, turn);
    parts[`eye${side}`] = make("path", { class: "feature" }, turn);
  }
  parts.mouth = make("path", { class: "feature mouth" }, turn);
  const sites = make("g", {}, svg);
  hello.sites.forEach((site, k) => {
    // layout in mm, seen from the front: the performer's left is on the right
    const [x, y] = hello.positions_mm[k];
    const g = make("g", { class: "site none", "data-site": site, transform: `translate(${x.toFixed(1)} ${(-y).toFixed(1)})`, tabindex: 0, role: "button" }, sites);
    make("title", {}, g).textContent = site.replaceAll("_", " ");
    make("circle", { class: "halo", r: 12 }, g);
    make("circle", { class: "dot", r: 6 }, g);
    g.onclick = () => touch(site);
    g.onkeydown = (e) => { if (e.key === "Enter" || e.key === " ") touch(site); };
  });
  pose({});
}

function pose(w) {
  const v = (name) => w[name] || 0;
  const head = 30 * v("headYaw");
  parts.turn.setAttribute("transform", `translate(${head.toFixed(1)} ${(40 * v("headPitch")).toFixed(1)}) rotate(${(-v("headRoll") * 57).toFixed(1)})`);
  for (const [side, s] of [["Left", 1], ["Right", -1]]) {
    const up = 9 * v(`browOuterUp${side}`) - 7 * v(`browDown${side}`), inner = 9 * v("browInnerUp") - 7 * v(`browDown${side}`);
    parts[`brow${side}`].setAttribute("d", `M${s * 14} ${-50 - inner} Q${s * 32} ${-60 - (up + inner) / 2} ${s * 52} ${-49 - up}`);
    const open = Math.max(9 * (1 - v(`eyeBlink${side}`)) + 3 * v(`eyeWide${side}`) - 2 * v(`eyeSquint${side}`), 0.3);
    parts[`eye${side}`].setAttribute("d", `M${s * 18} -32 Q${s * 32} ${-32 - open * 1.3} ${s * 46} -33 Q${s * 32} ${-32 + open} ${s * 18} -32Z`);
  }
  const jaw = 30 * Math.max(v("jawOpen") - v("mouthClose"), 0), narrow = 1 - 0.55 * Math.max(v("mouthPucker"), v("mouthFunnel") * 0.8);
  const shift = 14 * (v("mouthLeft") - v("mouthRight")) + 8 * (v("jawLeft") - v("jawRight"));
  const l = [(26 + 8 * v("mouthSmileLeft") + 5 * v("mouthStretchLeft")) * narrow + shift, 37 - 12 * v("mouthSmileLeft") + 9 * v("mouthFrownLeft")];
  const r = [(-26 - 8 * v("mouthSmileRight") - 5 * v("mouthStretchRight")) * narrow + shift, 37 - 12 * v("mouthSmileRight") + 9 * v("mouthFrownRight")];
  const upper = 36 - 5 * (v("mouthUpperUpLeft") + v("mouthUpperUpRight")) - 3 * v("mouthFunnel"), lower = 38 + jaw + 5 * (v("mouthLowerDownLeft") + v("mouthLowerDownRight")) + 4 * v("mouthFunnel");
  parts.mouth.setAttribute("d", `M${r[0].toFixed(1)} ${r[1].toFixed(1)} Q${shift} ${upper.toFixed(1)} ${l[0].toFixed(1)} ${l[1].toFixed(1)} Q${shift} ${(2 * lower - (l[1] + r[1]) / 2 + jaw * 0.3).toFixed(1)} ${r[0].toFixed(1)} ${r[1].toFixed(1)}Z`);
}

async function touch(site) {
  const reply = await ask("touch", { site });
  touchedSite = reply.ok ? site : "";
  hint(reply.ok ? `Tap the sensor at ${site.replaceAll("_", " ")} now, twice.` : reply.error, !reply.ok);
  if (reply.ok) setTimeout(() => { touchedSite = ""; hint("Click a site to assign a sensor to it by tapping the sensor."); }, reply.seconds * 1000 + 400);
}

function hint(text, bad = false) { $("site-hint").textContent = text; $("site-hint").classList.toggle("error", bad); }

// Status

const line = (cls, title, right, small) => {
  const box = document.createElement("div"), light = document.createElement("i"), name = document.createElement("span"), info = document.createElement("span"), note = document.createElement("small");
  box.className = "stream";
  light.className = cls;
  name.textContent = title;
  info.textContent = right;
  note.textContent = small;
  box.append(light, name, info, note);
  return box;
};

const electrodeReport = (problems) => !problems
  ? "Electrodes need no calibration. Check asks for three bites and three blinks."
  : problems.join("; ") || "All electrodes work.";

function show(s) {
  const out = s.output === "none" ? "no face yet" : `${s.output} ${s.output_hz.toFixed(0)} Hz · ${s.latency_ms.p50.toFixed(0)} ms latency`;
  $("summary").textContent = out;
  $("delay").textContent = s.output === "none" ? "" : `delay audio by ${s.delay_ms.toFixed(0)} ms`;
  const streams = s.streams.map((t) => {
    const total = t.received + t.lost, lost = total ? `${(100 * t.lost / total).toFixed(1)}% lost` : "";
    const right = t.state === "away" ? `silent ${t.silent_s.toFixed(0)} s` : `${t.rate_hz.toFixed(0)} Hz`;
    const small = [t.source, lost, t.battery_v ? `${t.battery_v.toFixed(2)} V` : "", t.drift_ppm ? `clock ${t.drift_ppm.toFixed(0)} ppm` : "", t.problem].filter(Boolean).join(" · ");
    return line(t.state, t.name || t.device, right, small);
  });
  const waiting = s.sources.map((t) => line("none", t.name, "", t.about));
  $("streams").replaceChildren(...(streams.length ? streams : waiting));
  $("sinks").replaceChildren(...s.sinks.map((t) => line("ok", t.name, "", t.about)), line("ok", "control page and other clients", `${s.clients}`, "WebSocket"));
  $("notes").replaceChildren(...s.notes.slice().reverse().map((text) => { const li = document.createElement("li"); li.textContent = text; return li; }));
  const board = s.electrodes, alone = board && !s.calibrated && !s.calibration, check = s.check;
  const instruction = check.step ? `${check.step} (${check.left_s.toFixed(0)} s)` : alone ? board.say || electrodeReport(check.electrodes) : s.calibration;
  $("calibration").textContent = check.step || s.calibrating || !s.calibrated ? instruction : "Calibrated. Calibrate again if a sensor was removed or has slipped.";
  $("calibrate").textContent = check.step || s.calibrating ? "Watching…" : alone ? "Check" : s.calibrated ? "Calibrate again" : "Calibrate";
  $("calibrate").disabled = Boolean(check.step) || s.calibrating;
  $("electrodes").replaceChildren(...(board ? board.channels.map((e) => line(e.state, e.name, `${e.rest_uv.toFixed(0)} µV at rest`, e.words || `${e.mains_uv.toFixed(0)} µV of mains hum`)) : []));
  const r = s.recording;
  $("record").classList.toggle("on", Boolean(r));
  $("record").textContent = r ? "Stop" : "Record";
  $("mark").disabled = !r;
  $("name").disabled = Boolean(r);
  if (r) {
    $("recording").textContent = r.problem || `${r.seconds.toFixed(0)} s · ${(r.bytes / 1e6).toFixed(1)} MB · ${r.rows} rows${r.marks ? ` · ${r.marks} marks` : ""}${r.dropped ? ` · ${r.dropped} dropped` : ""}`;
    $("recording").classList.toggle("error", Boolean(r.problem || r.dropped));
  }
  for (const g of document.querySelectorAll(".site")) {
    const light = s.sites[g.dataset.site] || { state: "none" };
    g.setAttribute("class", `site ${light.state}${touchedSite === g.dataset.site ? " waiting" : ""}`);
    g.querySelector("title").textContent = `${g.dataset.site.replaceAll("_", " ")}: ${{ ok: "good", poor: `loses ${(100 * light.loss).toFixed(0)}%`, away: "silent", none: "no sensor" }[light.state]}${light.sensor ? ` (${light.sensor})` : ""}`;
  }
  const receiving = s.streams.some((t) => t.state !== "away" && t.received), steps = [["connect", receiving], ["calibrate", s.calibrated || ["camera", "electrodes"].includes(s.output)], ["record", false]];
  const now = steps.findIndex(([, done]) => !done);
  steps.forEach(([id, done], k) => { $(`step-${id}`).className = done ? "done" : k === now ? "now" : ""; });
}

let lastDraw = 0;
function draw(at) {
  requestAnimationFrame(draw);
  if (at - lastDraw < 40) return; // 25 Hz suffices, and leaves the CPU to the bridge
  lastDraw = at;
  const now = performance.now() / 1000;
  for (const plot of plots.values()) drawPlot(plot, now);
  if (latestFace && performance.now() - lastFrame < 2000) pose(latestFace);
}

const showReply = async (id, work) => { const reply = await work; const p = $(id); if (!reply.ok) { p.textContent = reply.error; } p.classList.toggle("error", !reply.ok); return reply; };
$("calibrate").onclick = () => showReply("calibration", ask("calibrate"));
$("recentre").onclick = () => showReply("calibration", ask("recentre"));
$("mark").onclick = () => showReply("recording", ask("mark"));
$("record").onclick = async () => {
  if ($("record").classList.contains("on")) {
    const reply = await showReply("recording", ask("stop"));
    if (reply.ok) $("recording").textContent = `${reply.path}: ${reply.seconds.toFixed(1)} s, ${reply.rows} rows`;
  } else {
    await showReply("recording", ask("record", { name: $("name").value }));
  }
};
connect();
requestAnimationFrame(draw);
