// The posterior as a tree: five answers that differ stand for all; each opens the five that its own part is made of.
const BRANCHES = 5, LEAST = 1e-3;

function distance(a, b) {
  let square = 0;
  for (let i = 0; i < D; i++) square += (known[a * D + i] - known[b * D + i]) ** 2;
  return square;
}

// The most probable, then again and again the one that is farthest from those chosen; ties by probability.
function farthest(members, count) {
  const chosen = [members[0]], gap = members.map((k) => distance(k, members[0]));
  while (chosen.length < Math.min(count, members.length)) {
    const next = gap.reduce((best, one, at) => (one > gap[best] ? at : best), 0);
    if (!(gap[next] > 0)) break;
    chosen.push(members[next]);
    members.forEach((k, at) => (gap[at] = Math.min(gap[at], distance(k, members[next]))));
  }
  return chosen;
}

// [{ head, members, p }]: every member stands with the head that it is nearest to, and a branch has all their weight.
function branches(members, p) {
  const heads = farthest(members, BRANCHES), out = heads.map((head) => ({ head, members: [], p: 0 }));
  for (const k of members) {
    const gaps = heads.map((head) => distance(k, head)), own = out[gaps.indexOf(Math.min(...gaps))];
    own.members.push(k);
    own.p += p[k];
  }
  return out.sort((a, b) => b.p - a.p);
}

function plausible({ p, order }) {
  return order.filter((k) => p[k] >= LEAST);
}

function branchLine(branch, now) {
  const line = document.createElement("li"), canvas = document.createElement("canvas");
  const number = document.createElement("span");
  draw(canvas, answer(branch.head, now.measured), H, W);
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", `${given.names[branch.head] || "a known picture"}, for ${percent(branch.p)} of the probability`);
  number.className = "number";
  number.textContent = percent(branch.p);
  line.append(canvas, number);
  if (branch.members.every((k) => distance(k, branch.head) === 0)) return line;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "plain";
  const words = (opened) => (opened ? "Close" : `Open ${branch.members.length}`);
  button.textContent = words(false);
  button.setAttribute("aria-expanded", "false");
  button.addEventListener("click", () => {
    const opened = button.getAttribute("aria-expanded") === "false";
    button.setAttribute("aria-expanded", String(opened));
    button.textContent = words(opened);
    line.classList.toggle("opened", opened);
    if (opened) line.append(branchList(branch.members, now));
    else line.querySelector("ul").remove();
  });
  line.append(button);
  return line;
}

function branchList(members, now) {
  const list = document.createElement("ul");
  list.className = "branches";
  list.append(...branches(members, now.p).map((branch) => branchLine(branch, now)));
  return list;
}

function showTree() {
  const now = shown, members = plausible(now);
  get("tree").replaceChildren(...branchList(members, now).children);
}
