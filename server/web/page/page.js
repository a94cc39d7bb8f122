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

// The token of the link goes into this tab's memory, and out of the address bar and the history.
function keepToken() {
  const address = new URL(location.href), token = address.searchParams.get("token");
  if (!token) return;
  sessionStorage.setItem("token", token);
  address.searchParams.delete("token");
  history.replaceState(null, "", address);
}

const utf8 = (text) => String.fromCharCode(...new TextEncoder().encode(text)); // a string of bytes

function connect() {
  const token = sessionStorage.getItem("token"), protocols = ["innerface"];
  if (token) protocols.push(`innerface.token.${btoa(utf8(token)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "")}`);
  socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/`, protocols);
  socket.binaryType = "arraybuffer";
  socket.onmessage = ({ data }) => (typeof data === "string" ? control(JSON.parse(data)) : binary(new DataView(data)));
  socket.onopen = () => { $("gone").hidden = true; ask("subscribe", { streams: ["face", "sensors", "status"] }); };
  socket.onclose = async () => {
    $("gone").hidden = false;
    $("summary").textContent = "not connected";
    $("gone").textContent = await problem(token);
    setTimeout(connect, 1500);
  };
}

// Why the WebSocket does not open, which the browser does not say.
async function problem(token) {
  const gone = "The bridge has ended or cannot be reached. Start innerface serve again; this page reconnects.";
  try {
    const reply = await fetch("/", { cache: "no-store", headers: token ? { Authorization: `Bearer ${utf8(token)}` } : {} });
    if (reply.status === 401) sessionStorage.removeItem("token"); // of an earlier bridge: this user may need none
    if (reply.status === 401) return "The token is missing or wrong: open the whole link that innerface serve printed.";
    if (reply.status === 429) return "Too many wrong tokens came from this address: wait a moment.";
  } catch { /* nothing answers */ }
  return gone;
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

const colours = {};
const dark = matchMedia("(prefers-color-scheme: dark)");
function readColours() {
  const style = getComputedStyle(document.documentElement);
  for (const name of ["blue", "warm"]) colours[name] = style.getPropertyValue(`--${name}`).trim();
}
dark.addEventListener("change", readColours);
readColours();

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
  g.strokeStyle = plot.angle ? colours.warm : colours.blue;
  g.lineWidth = 1.6 * ratio;
  g.lineJoin = "round";
  g.stroke();
  g.lineTo(x(known[known.length - 1][0]), height);
  g.lineTo(x(known[0][0]), height);
  g.fillStyle = `${plot.angle ? colours.warm : colours.blue}22`;
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
  hello.sites.forEach((name, k) => {
    // layout in mm, seen from the front: the performer's left is on the right
    const [x, y] = hello.positions_mm[k];
    const g = make("g", { class: "site none", "data-site": name, transform: `translate(${x.toFixed(1)} ${(-y).toFixed(1)})`, tabindex: 0, role: "button" }, sites);
    make("title", {}, g).textContent = name.replaceAll("_", " ");
    make("circle", { class: "halo", r: 12 }, g);
    make("circle", { class: "dot", r: 6 }, g);
    g.onclick = () => touch(name);
    g.onkeydown = (e) => { if (e.key === "Enter" || e.key === " ") { e.preventDefault(); touch(name); } };
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

async function touch(name) {
  const reply = await ask("touch", { site: name });
  touchedSite = reply.ok ? name : "";
  hint(reply.ok ? `Tap the sensor at ${name.replaceAll("_", " ")} now, twice.` : reply.error, !reply.ok);
  if (reply.ok) setTimeout(() => { touchedSite = ""; hint("Click a site to assign a sensor to it by tapping the sensor."); }, reply.seconds * 1000 + 400);
}

function hint(text, bad = false) { $("site-hint").textContent = text; $("site-hint").classList.toggle("error", bad); }

// Status. A variable that holds a part of it is named for its type in server/status.py (`stream`: StreamStatus), and a
// test compares what is read of it with that type's fields.

const WORDS = { ok: "good", poor: "in part", away: "not connected", failed: "failed", none: "nothing yet" };

function newRow() {
  const row = document.createElement("div");
  row.className = "item";
  row.append(...["i", "span", "span", "small", "small", "button"].map((tag) => document.createElement(tag)));
  row.children[0].setAttribute("role", "img");
  row.children[4].className = "problem";
  row.children[5].className = "quiet";
  return row;
}

// Rows are changed in place: a button keeps the focus, and a click that began before a status comes ends after it.
function showRows(id, rows) {
  const box = $(id);
  while (box.children.length > rows.length) box.lastElementChild.remove();
  rows.forEach(({ state, name, figure = "", about = "", problem = "", button = "", press = null }, k) => {
    const row = box.children[k] || box.appendChild(newRow());
    const [light, title, right, small, wrong, action] = row.children;
    if (light.className !== state) { light.className = state; light.setAttribute("aria-label", WORDS[state]); }
    setText(title, name);
    setText(right, figure);
    setText(small, about);
    setText(wrong, problem);
    setText(action, button);
    wrong.hidden = !problem;
    action.hidden = !button;
    action.onclick = press;
  });
}

function setText(element, text) { if (element.textContent !== text) element.textContent = text; }

const percent = (share) => `${(100 * share).toFixed(1)}%`;

// By the reason, without the first samples of a stream, which are always left out.
const counts = (dropped) => Object.entries(dropped).filter(([reason]) => reason !== "starting").map(([reason, n]) => `${n} ${reason.replaceAll("_", " ")}`).join(", ");

function streamRow(stream) {
  const total = stream.received + stream.lost;
  const about = [
    stream.source,
    total ? `${percent(stream.lost / total)} lost` : "",
    stream.battery_v ? `${stream.battery_v.toFixed(2)} V` : "",
    stream.drift_ppm ? `clock ${stream.drift_ppm.toFixed(0)} ppm` : "",
    counts(stream.dropped) ? `not shown: ${counts(stream.dropped)}` : "",
  ];
  return {
    state: stream.state,
    name: stream.name || stream.device,
    figure: stream.state === "away" ? `silent ${stream.silent_s.toFixed(0)} s` : `${stream.rate_hz.toFixed(0)} Hz`,
    about: about.filter(Boolean).join(" · "),
    problem: stream.problem,
    button: stream.rival ? "Use the other sender" : "",
    press: () => ask("allow", { device: `${stream.source}/${stream.device}`, address: stream.rival }),
  };
}

// A source that nothing comes from; red only once it has been silent for longer than it should, or it knows why.
function sourceRow(component, silences) {
  const silence = silences.find((silence) => silence.source === component.name);
  const causes = silence && !silence.causes.includes(component.problem) ? silence.causes : []; // else it is known
  return {
    state: component.state === "ok" || silence || component.problem ? component.state : "none",
    name: component.name,
    figure: silence ? `silent ${silence.seconds.toFixed(0)} s` : "",
    about: [component.problem ? component.about.replace(`; ${component.problem}`, "") : component.about, counts(component.dropped) ? `left out: ${counts(component.dropped)}` : "", ...causes.map((cause, k) => `${k ? "or" : "Likely:"} ${cause}`)].filter(Boolean).join("\n"),
    problem: component.problem,
  };
}

// A device of the network that was never here.
const waitingRow = (waiting) => ({
  state: "none",
  name: waiting.device,
  figure: "new",
  about: `${waiting.source} · ${waiting.address}`,
  problem: "This device was never here: allow it if it is yours.",
  button: "Allow",
  press: () => ask("allow", { device: `${waiting.source}/${waiting.device}` }),
});

const sinkRow = (component) => ({
  state: component.state,
  name: component.name,
  about: component.about,
  problem: component.problem,
  button: component.can_retry ? "Try again" : "",
  press: () => ask("retry", { sink: component.name }),
});

const electrodeRow = (electrode) => ({
  state: electrode.state,
  name: electrode.name,
  figure: `${electrode.rest_uv.toFixed(0)} µV at rest`,
  about: `${electrode.mains_uv.toFixed(0)} µV of mains hum`,
  problem: electrode.words,
});

const electrodeReport = (problems) => !problems
  ? "Electrodes need no calibration. Check asks for three bites and three blinks."
  : problems.join("; ") || "All electrodes work.";

function show(status) {
  showOutput(status);
  const own = status.sources.filter((component) => counts(component.dropped) || !status.streams.some((stream) => stream.source === component.name && stream.state !== "away"));
  const leftOut = counts(status.dropped) ? [{ state: "poor", name: "left out", about: counts(status.dropped) }] : [];
  showRows("streams", [...status.waiting.map(waitingRow), ...status.streams.map(streamRow), ...own.map((component) => sourceRow(component, status.silent)), ...leftOut]);
  showRows("sinks", [...status.sinks.map(sinkRow), { state: "ok", name: "control page and other clients", figure: `${status.clients}`, about: "WebSocket" }]);
  showNotes(status.notes);
  showCalibration(status);
  showRecording(status.recording);
  for (const g of document.querySelectorAll(".site")) showSite(g, status.sites[g.dataset.site] || { state: "none" });
  showSteps(status);
  announce(status);
}

function showOutput(status) {
  const latency = status.latency_ms, none = status.output === "none";
  setText($("summary"), none ? "no face yet" : `${status.output} ${status.output_hz.toFixed(0)} Hz · ${latency.p50.toFixed(0)} ms latency`);
  setText($("delay"), none ? "" : `delay audio by ${status.delay_ms.toFixed(0)} ms`);
}

function showNotes(notes) {
  const text = notes.join("\n");
  if ($("notes").dataset.text === text) return;
  $("notes").dataset.text = text;
  $("notes").replaceChildren(...notes.slice().reverse().map((note) => { const li = document.createElement("li"); li.textContent = note; return li; }));
}

function showCalibration(status) {
  const board = status.electrodes, alone = board && !status.calibrated && !status.calibration, check = status.check;
  const instruction = check.step ? `${check.step} (${check.left_s.toFixed(0)} s)` : alone ? board.say || electrodeReport(check.electrodes) : status.calibration;
  const busy = Boolean(check.step) || status.calibrating;
  setText($("calibration"), busy || !status.calibrated ? instruction : "Calibrated. Calibrate again if a sensor was removed or has slipped.");
  setText($("calibrate"), busy ? "Watching…" : alone ? "Check" : status.calibrated ? "Calibrate again" : "Calibrate");
  $("calibrate").disabled = busy;
  showRows("electrodes", board ? board.channels.map(electrodeRow) : []);
}

function showRecording(recording) {
  $("record").classList.toggle("on", Boolean(recording));
  setText($("record"), recording ? "Stop" : "Record");
  $("mark").disabled = !recording;
  $("name").disabled = Boolean(recording);
  if (!recording) return;
  const figures = [`${recording.seconds.toFixed(0)} s`, `${(recording.bytes / 1e6).toFixed(1)} MB`, `${recording.rows} rows`];
  if (recording.marks) figures.push(`${recording.marks} marks`);
  if (recording.dropped) figures.push(`${recording.dropped} not saved`);
  setText($("recording"), [figures.join(" · "), recording.problem].filter(Boolean).join(". "));
  $("recording").classList.toggle("error", Boolean(recording.problem || recording.dropped));
}

function showSite(g, site) {
  const words = { ok: "good", poor: `loses ${(100 * site.loss).toFixed(0)}%`, away: "silent", none: "no sensor" }[site.state];
  g.setAttribute("class", `site ${site.state}${touchedSite === g.dataset.site ? " waiting" : ""}`);
  setText(g.querySelector("title"), `${g.dataset.site.replaceAll("_", " ")}: ${words}${site.sensor ? ` (${site.sensor})` : ""}`);
}

function showSteps(status) {
  const receiving = status.streams.some((stream) => stream.state !== "away" && stream.received);
  const steps = [["connect", receiving], ["calibrate", status.calibrated || ["camera", "electrodes"].includes(status.output)], ["record", false]];
  const now = steps.findIndex(([, done]) => !done);
  steps.forEach(([id, done], k) => { $(`step-${id}`).className = done ? "done" : k === now ? "now" : ""; });
}

// What a screen reader says: only what has changed, without figures.
function announce(status) {
  const recording = status.recording;
  const problems = [...status.sources, ...status.sinks].map((component) => component.problem);
  const words = [status.output === "none" ? "no face yet" : `faces from ${status.output}`, ...problems, recording ? recording.problem || "recording" : ""];
  setText($("news"), words.filter(Boolean).join(". "));
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
keepToken();
connect();
requestAnimationFrame(draw);
