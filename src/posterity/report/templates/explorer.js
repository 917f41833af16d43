"use strict";
const given = JSON.parse(document.getElementById("content").textContent);
const [C, H, W] = given.shape;
const D = C * H * W;
const CELLS = 16, SIDE = H / CELLS >= 1 && H % CELLS === 0 ? H / CELLS : 4, ACROSS = H / SIDE;
const TOP = 5;
const get = (id) => document.getElementById(id);

// Bytes to [-1, 1] in single precision, as the library decodes pictures.
function decode(text) {
  const raw = atob(text), out = new Float64Array(raw.length);
  for (let i = 0; i < raw.length; i++) out[i] = Math.fround(Math.fround(raw.charCodeAt(i) / 127.5) - 1);
  return out;
}

const known = decode(given.pictures), N = known.length / D;
const items = given.items.map((one) => ({ name: one.name, x: decode(one.picture) }));

// Uniform random numbers, the same at every visit (mulberry32).
function uniform(seed) {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

// Box and Muller.
function normals(count, seed) {
  const u = uniform(seed), out = new Float64Array(count);
  for (let i = 0; i < count; i++) out[i] = Math.sqrt(-2 * Math.log(1 - u())) * Math.cos(2 * Math.PI * u());
  return out;
}

const state = { item: 0, factor: 1, sigma: 0.14, hidden: new Uint8Array(ACROSS * ACROSS), cursor: null };

function average(x, offset, f) {
  const h = H / f, w = W / f, out = new Float64Array(C * h * w);
  for (let c = 0; c < C; c++)
    for (let i = 0; i < H; i++)
      for (let j = 0; j < W; j++)
        out[(c * h + Math.floor(i / f)) * w + Math.floor(j / f)] += x[offset + (c * H + i) * W + j] / (f * f);
  return out;
}

// y = A x + sigma n: averages over squares of side f; without averaging, the pixels outside the hidden squares.
function measure() {
  const f = state.factor, x = items[state.item].x, y = average(x, 0, f), n = normals(y.length, 1 + state.item);
  const seen = new Uint8Array(y.length).fill(1), h = H / f;
  for (let k = 0; k < y.length; k++) {
    y[k] += state.sigma * n[k];
    const i = Math.floor(k / h) % h, j = k % h;
    // an average is hidden with the square that contains its centre
    const row = Math.floor(((i + 0.5) * f) / SIDE), column = Math.floor(((j + 0.5) * f) / SIDE);
    if (state.hidden[row * ACROSS + column]) seen[k] = 0;
  }
  return { y, seen };
}

const averaged = new Map();
function averages(f) {
  if (!averaged.has(f)) {
    const size = D / (f * f), out = new Float64Array(N * size);
    for (let k = 0; k < N; k++) out.set(average(known, k * D, f), k * size);
    averaged.set(f, out);
  }
  return averaged.get(f);
}

// log w_k N(y; A m_k, (sigma^2 + h^2 / f^2) I), normalised.
function posterior({ y, seen }) {
  const f = state.factor, Am = averages(f), variance = state.sigma ** 2 + given.bandwidth ** 2 / (f * f);
  const p = new Float64Array(N);
  for (let k = 0; k < N; k++) {
    let square = 0;
    for (let i = 0, at = k * y.length; i < y.length; i++, at++) if (seen[i]) square += (y[i] - Am[at]) ** 2;
    p[k] = given.logWeights[k] - square / (2 * variance);
  }
  const most = p.reduce((a, b) => Math.max(a, b), -Infinity);
  let total = 0;
  for (let k = 0; k < N; k++) total += p[k] = Math.exp(p[k] - most);
  for (let k = 0; k < N; k++) p[k] /= total;
  return p;
}

// E[x | y, k] = m_k + h^2 A' (h^2 A A' + sigma^2)^-1 (y - A m_k).
function answer(k, { y, seen }) {
  const f = state.factor, Am = averages(f), out = known.slice(k * D, (k + 1) * D), h = H / f, w = W / f;
  const variance = state.sigma ** 2 + given.bandwidth ** 2 / (f * f), gain = given.bandwidth ** 2 / (f * f) / variance;
  for (let c = 0; c < C; c++)
    for (let i = 0; i < H; i++)
      for (let j = 0; j < W; j++) {
        const at = (c * h + Math.floor(i / f)) * w + Math.floor(j / f);
        if (seen[at]) out[(c * H + i) * W + j] += gain * (y[at] - Am[k * y.length + at]);
      }
  return out;
}

function draw(canvas, x, height, width, hidden) {
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d"), image = context.createImageData(width, height), size = height * width;
  for (let i = 0; i < size; i++) {
    for (let c = 0; c < 3; c++) image.data[4 * i + c] = Math.round((x[(C === 3 ? c : 0) * size + i] + 1) * 127.5);
    image.data[4 * i + 3] = hidden && hidden[i] ? 0 : 255;
  }
  context.putImageData(image, 0, 0);
}

function drawMeasured({ y, seen }) {
  const f = state.factor, h = H / f, scale = 8, canvas = get("measured"), small = document.createElement("canvas");
  const hidden = new Uint8Array(h * h);
  for (let i = 0; i < h * h; i++) hidden[i] = seen[i] ? 0 : 1;
  draw(small, y, h, h, hidden);
  canvas.width = canvas.height = H * scale;
  const context = canvas.getContext("2d");
  context.imageSmoothingEnabled = false;
  // hatching, visible on any colour
  context.strokeStyle = "#888";
  for (let i = -H * scale; i < H * scale; i += 12) {
    context.beginPath();
    context.moveTo(i, 0);
    context.lineTo(i + H * scale, H * scale);
    context.stroke();
  }
  context.drawImage(small, 0, 0, H * scale, H * scale);
  if (state.cursor !== null) {
    const side = SIDE * scale, x = (state.cursor % ACROSS) * side, top = Math.floor(state.cursor / ACROSS) * side;
    context.lineWidth = 4;
    context.strokeStyle = "#000";
    context.strokeRect(x, top, side, side);
    context.lineWidth = 2;
    context.strokeStyle = "#fff";
    context.strokeRect(x, top, side, side);
  }
}

function percent(p) {
  if (p > 0.9995) return "> 99.9 %";
  return p < 0.0005 ? "< 0.1 %" : `${(100 * p).toPrecision(p < 0.01 ? 1 : p < 0.1 ? 2 : 3)} %`;
}

let shown = null;
function show() {
  const measured = measure(), p = posterior(measured);
  const order = [...p.keys()].sort((a, b) => p[b] - p[a]);
  const entropy = p.reduce((s, q) => (q > 0 ? s - q * Math.log(q) : s), 0), effective = Math.exp(entropy);
  shown = { measured, p, order };
  drawMeasured(measured);
  const parts = order.filter((k, place) => place < TOP && p[k] >= 1e-4);
  get("top").replaceChildren(
    ...parts.map((k) => {
      const line = document.createElement("li"), canvas = document.createElement("canvas");
      draw(canvas, answer(k, measured), H, W);
      canvas.setAttribute("role", "img");
      canvas.setAttribute("aria-label", `${given.names[k] || "a known picture"}, probability ${percent(p[k])}`);
      const bar = document.createElement("div"), fill = document.createElement("span"), number = document.createElement("span");
      bar.className = "bar";
      fill.style.width = `${100 * p[k]}%`;
      bar.append(fill);
      number.className = "number";
      number.textContent = percent(p[k]);
      line.append(canvas, bar, number);
      return line;
    }),
  );
  const rest = 1 - parts.reduce((s, k) => s + p[k], 0);
  get("said").textContent =
    effective < 1.05
      ? "One known picture fits; no other has a noticeable probability."
      : `About ${effective < 10 ? effective.toFixed(1) : Math.round(effective)} of ${N} known pictures fit. ` +
        (rest > 0.0005 ? `The ${parts.length} most probable have ${percent(1 - rest)} of the probability.` : "");
  showAverage();
  showTree();
  showRegion();
  showCompared();
  showGuidedSoon();
}

// Frequency of each answer among the first n draws; its probability for all answers.
function shares(n) {
  const { p, order } = shown, out = new Float64Array(N), u = uniform(77 + state.item);
  if (n === Infinity) return p;
  for (let i = 0; i < n; i++) {
    let left = u(), place = 0;
    while (place < N - 1 && (left -= p[order[place]]) > 0) place++;
    out[order[place]] += 1 / n;
  }
  return out;
}

// The average of some draws or of all answers, and the posterior's standard deviation.
function showAverage() {
  const { measured, p, order } = shown, exponent = Number(get("count").value), n = exponent === 7 ? Infinity : 2 ** exponent;
  get("many").textContent = n === Infinity ? "all answers" : n === 1 ? "one draw" : `${n} draws`;
  const weights = shares(n), average = new Float64Array(D), mean = new Float64Array(D), square = new Float64Array(D);
  for (const k of order) {
    if (weights[k] < 1e-9 && p[k] < 1e-9) continue;
    const x = answer(k, measured);
    for (let i = 0; i < D; i++) {
      average[i] += weights[k] * x[i];
      mean[i] += p[k] * x[i];
      square[i] += p[k] * x[i] * x[i];
    }
  }
  draw(get("mean"), average, H, W);
  draw(get("ground"), mean, H, W);
  // a standard deviation of 1/2 is white
  draw(get("spread"), square.map((s, i) => Math.min(1, 4 * Math.sqrt(Math.max(0, s - mean[i] ** 2)) - 1)), H, W);
  draw(get("truth"), items[state.item].x, H, W);
}

// Painting: a stroke hides or shows, depending on where it begins.
let stroke = null;
function cell(event) {
  const box = get("measured").getBoundingClientRect();
  const row = Math.floor(((event.clientY - box.top) / box.height) * ACROSS);
  const column = Math.floor(((event.clientX - box.left) / box.width) * ACROSS);
  return row >= 0 && row < ACROSS && column >= 0 && column < ACROSS ? row * ACROSS + column : null;
}
function paint(event) {
  const at = cell(event);
  if (stroke === null || at === null || state.hidden[at] === stroke) return;
  state.hidden[at] = stroke;
  requestAnimationFrame(show);
}
const measured = get("measured");
measured.addEventListener("pointerdown", (event) => {
  const at = cell(event);
  if (at === null) return;
  measured.setPointerCapture(event.pointerId);
  state.cursor = null;
  stroke = state.hidden[at] ? 0 : 1;
  paint(event);
});
measured.addEventListener("pointermove", paint);
measured.addEventListener("pointerup", () => (stroke = null));
measured.addEventListener("blur", () => { state.cursor = null; show(); });
measured.addEventListener("keydown", (event) => {
  const moves = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -ACROSS, ArrowDown: ACROSS };
  const at = state.cursor ?? (ACROSS / 2) * ACROSS + ACROSS / 2;
  if (event.key in moves) {
    const next = at + moves[event.key], sideways = Math.abs(moves[event.key]) === 1;
    const leaves = sideways && Math.floor(next / ACROSS) !== Math.floor(at / ACROSS);
    state.cursor = next < 0 || next >= ACROSS * ACROSS || leaves ? at : next;
  } else if (event.key === " ") {
    state.cursor = at;
    state.hidden[at] ^= 1;
  } else return;
  event.preventDefault();
  show();
});
get("clear").addEventListener("click", () => { state.hidden.fill(0); show(); });
get("half").addEventListener("click", () => { state.hidden.fill(0).fill(1, state.hidden.length / 2); show(); });
get("noise").addEventListener("input", () => setNoise());
get("count").addEventListener("input", showAverage);
for (const radio of document.getElementsByName("how")) {
  if (H % Number(radio.value)) radio.parentElement.remove();
  else if (Number(radio.value) >= state.factor) {
    state.factor = Number(radio.value);
    radio.checked = true;
  }
  radio.addEventListener("change", () => { state.factor = Number(radio.value); show(); });
}
function setNoise() {
  state.sigma = 10 ** (Number(get("noise").value) / 2.5);
  get("sigma").textContent = state.sigma.toPrecision(2);
  show();
}

items.forEach((item, at) => {
  const button = document.createElement("button"), canvas = document.createElement("canvas");
  draw(canvas, item.x, H, W);
  button.type = "button";
  button.setAttribute("aria-label", item.name);
  button.setAttribute("aria-pressed", String(at === 0));
  button.append(canvas);
  button.addEventListener("click", () => {
    state.item = at;
    [...get("items").children].forEach((one, i) => one.setAttribute("aria-pressed", String(i === at)));
    show();
  });
  get("items").append(button);
});
get("known").textContent = String(N);
// Set up once the elements below exist; exposes what the page computes, for tests.
function begin() {
  window.explorer = { state, measure, posterior, answer, show, branches, regionModes, region: () => [...region, PATCH], guided, normals };
  setNoise();
}
