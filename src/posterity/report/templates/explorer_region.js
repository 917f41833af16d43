// One region: what it shows in each answer, answers that agree there counted together.
const PATCH = Math.max(2, Math.min(H, Math.round(H / 4))), ALIKE = 0.15, MOST = 5;
let region = [Math.round((H - PATCH) / 2), Math.round((W - PATCH) / 2)];

// Root mean square of the difference of two pictures within the region.
function apart(a, b) {
  let square = 0;
  for (let c = 0; c < C; c++)
    for (let i = 0; i < PATCH; i++)
      for (let j = 0; j < PATCH; j++) {
        const at = (c * H + region[0] + i) * W + region[1] + j;
        square += (known[a * D + at] - known[b * D + at]) ** 2;
      }
  return Math.sqrt(square / (C * PATCH * PATCH));
}

// [{ head, p }], the weightiest first: each answer goes with the first more probable one that looks alike there.
function regionModes() {
  const modes = [];
  for (const k of plausible(shown)) {
    const own = modes.find((mode) => apart(mode.head, k) < ALIKE);
    if (own) own.p += shown.p[k];
    else modes.push({ head: k, p: shown.p[k] });
  }
  return modes.sort((a, b) => b.p - a.p);
}

function patch(k) {
  const x = answer(k, shown.measured), out = new Float64Array(C * PATCH * PATCH);
  for (let c = 0; c < C; c++)
    for (let i = 0; i < PATCH; i++)
      for (let j = 0; j < PATCH; j++)
        out[(c * PATCH + i) * PATCH + j] = x[(c * H + region[0] + i) * W + region[1] + j];
  return out;
}

function showRegion() {
  const modes = regionModes(), box = get("region-box").style;
  box.top = `${(100 * region[0]) / H}%`;
  box.left = `${(100 * region[1]) / W}%`;
  box.width = box.height = `${(100 * PATCH) / H}%`;
  get("modes").replaceChildren(
    ...modes.slice(0, MOST).map((mode) => {
      const line = document.createElement("li"), canvas = document.createElement("canvas"), number = document.createElement("span");
      draw(canvas, patch(mode.head), PATCH, PATCH);
      canvas.setAttribute("role", "img");
      canvas.setAttribute("aria-label", `the region, probability ${percent(mode.p)}`);
      number.className = "number";
      number.textContent = percent(mode.p);
      line.append(canvas, number);
      return line;
    }),
  );
  get("region-said").textContent =
    modes.length === 1 ? "All answers agree here." : `${modes.length} different contents${modes.length > MOST ? `, the first ${MOST} of them` : ""}.`;
}

function moveRegion(row, column) {
  const inside = (at, size) => Math.max(0, Math.min(size - PATCH, Math.round(at)));
  const next = [inside(row, H), inside(column, W)];
  if (next[0] === region[0] && next[1] === region[1]) return;
  region = next;
  showRegion();
}
function pointRegion(event) {
  const box = get("regional").getBoundingClientRect();
  moveRegion(((event.clientY - box.top) / box.height) * H - PATCH / 2, ((event.clientX - box.left) / box.width) * W - PATCH / 2);
}
get("regional").addEventListener("pointermove", pointRegion);
get("regional").addEventListener("pointerdown", pointRegion);
get("regional").addEventListener("keydown", (event) => {
  const step = Math.max(1, PATCH / 4);
  const [down, right] = { ArrowLeft: [0, -step], ArrowRight: [0, step], ArrowUp: [-step, 0], ArrowDown: [step, 0] }[event.key] ?? [];
  if (down === undefined) return;
  event.preventDefault();
  moveRegion(region[0] + down, region[1] + right);
});
