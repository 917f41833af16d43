// Draws of a diffusion sampler with the posterior's own denoiser, pushed apart (Cohen et al. 2024, Eq. 1 and 2).
const DRAWS = 5, FITS = 1e-6, RULED_OUT = 1e-3, PATIENCE = 300;

// The posterior's components that can fit, Σ_k p_k N(m_k, C). C is h^2, and less along the averages that were seen.
function components({ measured, p, order }) {
  const kept = order.filter((k) => p[k] >= FITS), f = state.factor, h2 = given.bandwidth ** 2;
  const s2 = state.sigma ** 2, seen = (h2 * s2) / (s2 + h2 / (f * f));
  const means = kept.map((k) => answer(k, measured)), averaged = means.map((m) => average(m, 0, f));
  return { kept, p, seenAt: measured.seen, means, averaged, h2, seen };
}

// Responsibilities of the components for x_t, and E[x0 | x_t, y]; along the averages that were seen by themselves.
function denoise(x, alpha, { kept, p, seenAt, means, averaged, h2, seen }) {
  const f = state.factor, w = W / f, root = Math.sqrt(alpha), open = alpha * h2 + 1 - alpha, shut = alpha * seen + 1 - alpha;
  const ax = average(x, 0, f);
  const r = means.map((m, at) => {
    let square = 0, along = 0;
    for (let i = 0; i < D; i++) square += (x[i] - root * m[i]) ** 2;
    for (let i = 0; i < ax.length; i++) if (seenAt[i]) along += f * f * (ax[i] - root * averaged[at][i]) ** 2;
    return Math.log(p[kept[at]]) - (square - along) / (2 * open) - along / (2 * shut);
  });
  const most = Math.max(...r), total = r.reduce((s, one) => s + Math.exp(one - most), 0);
  const mean = new Float64Array(D);
  r.forEach((one, at) => {
    r[at] = Math.exp(one - most) / total;
    if (r[at] > 1e-12) for (let i = 0; i < D; i++) mean[i] += r[at] * means[at][i];
  });
  const gap = x.map((one, i) => one - root * mean[i]), along = average(gap, 0, f);
  const gain = (root * h2) / open, less = (root * seen) / shut - gain;
  for (let c = 0; c < C; c++)
    for (let i = 0; i < H; i++)
      for (let j = 0; j < W; j++) {
        const at = (c * H + i) * W + j, where = (c * (H / f) + Math.floor(i / f)) * w + Math.floor(j / f);
        mean[at] += gain * gap[at] + (seenAt[where] ? less * along[where] : 0);
      }
  return { r, x0: mean };
}

// x0_i + eta t/T (x0_i - its nearest x0_j), all at once; the reach is unlimited.
function apartness(predictions, weight) {
  return predictions.map((one, at) => {
    let nearest = one, least = Infinity;
    predictions.forEach((other, to) => {
      let square = to === at ? Infinity : 0;
      for (let i = 0; i < D; i++) square += (other[i] - one[i]) ** 2;
      if (square < least) [nearest, least] = [other, square];
    });
    return one.map((v, i) => v + weight * (v - nearest[i]));
  });
}

// Ancestral steps from noise to five pictures: [{ x, mode }]. The noise is the same at every strength.
function guided(eta) {
  const about = components(shown), levels = given.levels, seed = (draw, step) => 1 + state.item + 1000 * (1 + draw) + 10 * step;
  let states = Array.from({ length: DRAWS }, (_, draw) => normals(D, seed(draw, 0)));
  for (let step = 0; step < levels.length; step++) {
    const [alpha, fraction] = levels[step], next = step + 1 < levels.length ? levels[step + 1][0] : 1;
    const found = states.map((x) => denoise(x, alpha, about));
    if (next === 1) return found.map(({ x0, r }) => ({ x: x0, mode: about.kept[r.indexOf(Math.max(...r))] }));
    const moved = apartness(found.map((one) => one.x0), eta * fraction), beta = 1 - alpha / next;
    const clean = (Math.sqrt(next) * beta) / (1 - alpha), kept = (Math.sqrt(1 - beta) * (1 - next)) / (1 - alpha);
    const std = Math.sqrt((beta * (1 - next)) / (1 - alpha));
    states = states.map((x, draw) => {
      const z = normals(D, seed(draw, step + 1));
      return x.map((v, i) => clean * moved[draw][i] + kept * v + std * z[i]);
    });
  }
}

// Root mean square difference between two of the draws, on average.
function spreadOf(draws) {
  const gaps = draws.flatMap((a, at) => draws.slice(at + 1).map((b) => Math.sqrt(a.x.reduce((s, v, i) => s + (v - b.x[i]) ** 2, 0) / D)));
  return gaps.reduce((s, one) => s + one, 0) / gaps.length;
}

let unguided = null;
function showGuided() {
  if (unguided?.of !== shown) unguided = { of: shown, draws: guided(0) };
  const eta = Number(get("eta").value), plain = unguided.draws, now = eta ? guided(eta) : plain, { p } = shown;
  const different = (draws) => new Set(draws.map((one) => one.mode)).size;
  const out = now.filter((one) => p[one.mode] < RULED_OUT).length;
  get("guided").replaceChildren(
    ...now.map(({ x, mode }) => {
      const line = document.createElement("li"), canvas = document.createElement("canvas"), number = document.createElement("span");
      const words = percent(p[mode]) + (p[mode] < RULED_OUT ? ", ruled out" : "");
      draw(canvas, x.map((v) => Math.max(-1, Math.min(1, v))), H, W);
      canvas.setAttribute("role", "img");
      canvas.setAttribute("aria-label", `a draw of ${given.names[mode] || "a known picture"}, probability ${words}`);
      number.className = "number";
      number.textContent = words;
      line.append(canvas, number);
      return line;
    }),
  );
  const times = spreadOf(now) / spreadOf(plain);
  get("guided-said").textContent =
    `${different(now)} different picture${different(now) === 1 ? "" : "s"}, ${out || "none"} that the measurement rules out` +
    (eta ? `. Without guidance ${different(plain)}; the draws are ${times.toFixed(2)} times as far apart.` : ".");
}
let waiting = null;
function showGuidedSoon() {
  get("strength").textContent = Number(get("eta").value).toFixed(1);
  clearTimeout(waiting);
  waiting = setTimeout(showGuided, PATIENCE);
}
get("eta").addEventListener("input", showGuidedSoon);
