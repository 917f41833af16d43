// Left of the line what was measured, right of it an answer.
function showWipe() {
  const share = Number(get("wipe").value);
  get("before").style.clipPath = `inset(0 ${100 - share}% 0 0)`;
  get("line").style.left = `${share}%`;
  get("wipe").setAttribute("aria-valuetext", `${share} % measured, ${100 - share} % answer`);
}
function showCompared() {
  const canvas = get("before"), source = get("measured");
  canvas.width = source.width;
  canvas.height = source.height;
  const context = canvas.getContext("2d");
  context.fillStyle = "#fff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(source, 0, 0);
  draw(get("after"), answer(shown.order[0], shown.measured), H, W);
  showWipe();
}
get("wipe").addEventListener("input", showWipe);
