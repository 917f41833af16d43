"use strict";

const design = JSON.parse(document.getElementById("design").textContent);
const stage = document.getElementById("stage");
/* Sends answers if the page came from a server: served.js. */
let service = null;

const WORDS = {
  paired_diversity: {
    title: "Which set is more varied?",
    ask: "Which of the two sets shows more variety?",
    explain:
      "You will see two sets of pictures. Choose the set whose pictures differ more from one another. " +
      "How good or how likely a picture looks does not matter here.",
    names: ["Set 1", "Set 2"],
  },
  coverage: {
    title: "Is one picture very similar?",
    ask: "Is at least one picture of the set very similar to the target?",
    explain:
      "You will see a target picture and a set of pictures. Say yes if at least one picture of the set is very similar " +
      "to the target; it need not be the same in every detail.",
    names: ["Set"],
  },
  paired_quality: {
    title: "Which picture looks better?",
    ask: "Which of the two pictures has the better quality?",
    explain:
      "You will see two pictures. Choose the one that looks better: natural, sharp, without faults. " +
      "If you find them equally good, follow your first impression.",
    names: ["Picture 1", "Picture 2"],
  },
};
const PAIRED = [
  { value: "left", label: "1", keys: ["1", "arrowleft", "arrowup"] },
  { value: "right", label: "2", keys: ["2", "arrowright", "arrowdown"] },
];
const YES_NO = [
  { value: "yes", label: "Yes", keys: ["y"] },
  { value: "no", label: "No", keys: ["n"] },
];
const choices = (study) => (study === "coverage" ? YES_NO : PAIRED);

/* ---- page elements ---- */

function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "onclick") node.addEventListener("click", value);
    else node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

function picture(index, alt) {
  return make("img", { src: `data:image/png;base64,${design.pictures[index]}`, alt, draggable: "false" });
}

function pictures(indices, name) {
  const row = make("div", { class: "row" });
  row.append(...indices.map((index, k) => picture(index, `${name}, picture ${k + 1} of ${indices.length}`)));
  return row;
}

function keyHint(study) {
  const key = (text) => make("kbd", {}, text);
  if (window.matchMedia("(hover: none)").matches) return make("p", { class: "hint" }, "Tap what you choose");
  if (study === "coverage") return make("p", { class: "hint" }, "Click, or press ", key("Y"), " or ", key("N"));
  return make("p", { class: "hint" }, "Click, or press ", key("1"), " or ", key("2"), " (or an arrow key)");
}

function showProgress(done, total) {
  const bar = document.querySelector(".progress");
  bar.hidden = total === 0;
  bar.setAttribute("aria-valuenow", done);
  bar.setAttribute("aria-valuemax", total);
  bar.querySelector(".bar").style.width = `${(100 * done) / Math.max(total, 1)}%`;
  bar.querySelector(".number").textContent = `${done} of ${total}`;
}

/* ---- the two kinds of trials ---- */

class Screen {
  static info = { name: "screen", version: "1.0.0", parameters: {}, data: {} };

  constructor(jsPsych) {
    this.jsPsych = jsPsych;
  }

  trial(display, { study, rehearsal }) {
    const words = WORDS[study];
    const text = rehearsal
      ? [words.explain, "First come two practice questions, with the right answer shown after each."]
      : ["That was the practice. Now the questions begin; from here on you will not be told what is right."];
    const go = () => {
      this.jsPsych.pluginAPI.cancelAllKeyboardResponses();
      this.jsPsych.finishTrial({ screen: study });
    };
    const button = make("button", { class: "primary", type: "button", onclick: go }, rehearsal ? "Practise" : "Begin");
    display.replaceChildren(
      make("section", { class: "card" },
        make("h1", {}, rehearsal ? words.title : "Ready?"),
        ...text.map((t) => make("p", {}, t)),
        rehearsal ? keyHint(study) : "",
        make("div", { class: "actions" }, button)),
    );
    button.focus();
  }
}

class Choice {
  static info = {
    name: "choice",
    version: "1.0.0",
    parameters: {
      study: { type: jsPsychModule.ParameterType.OBJECT },
      question: { type: jsPsychModule.ParameterType.OBJECT },
    },
    data: {},
  };

  constructor(jsPsych) {
    this.jsPsych = jsPsych;
  }

  trial(display, { study, question }) {
    const section = this.draw(study, question);
    let shown = performance.now();
    let answered = false;
    display.replaceChildren(section);
    window.scrollTo(0, 0);
    const images = [...section.querySelectorAll("img")];
    Promise.allSettled(images.map((image) => image.decode())).then(() => (shown = performance.now()));

    const answer = (value) => {
      if (answered) return;
      answered = true;
      this.jsPsych.pluginAPI.cancelAllKeyboardResponses();
      const milliseconds = Math.max(0, Math.round(performance.now() - shown));
      const data = { question: question.id, study, answer: value, milliseconds };
      if (question.correct) this.explain(section, question, data);
      else this.jsPsych.finishTrial(data);
    };
    for (const button of section.querySelectorAll("[data-answer]")) {
      button.addEventListener("click", () => answer(button.dataset.answer));
    }
    const options = choices(study);
    this.jsPsych.pluginAPI.getKeyboardResponse({
      callback_function: ({ key }) => answer(options.find((o) => o.keys.includes(key.toLowerCase())).value),
      valid_responses: options.flatMap((o) => o.keys),
      rt_method: "performance",
      persist: false,
      allow_held_key: false,
    });
  }

  draw(study, question) {
    const words = WORDS[study];
    const section = make("section", { class: `question ${study}`, "data-question": question.id });
    if (question.correct) section.append(make("p", { class: "badge" }, "Practice"));
    section.append(make("h1", {}, words.ask));
    if (study === "coverage") {
      section.append(
        make("div", { class: "panel target" }, make("h2", {}, "Target"), pictures([question.target], "Target")),
        make("div", { class: "panel" }, make("h2", {}, words.names[0]), pictures(question.sets[0], words.names[0])));
      const buttons = YES_NO.map((o) =>
        make("button", { type: "button", class: "choice", "data-answer": o.value }, o.label));
      section.append(make("div", { class: "actions" }, ...buttons));
    } else {
      const panels = question.sets.map((set, k) =>
        make("button", { type: "button", class: "panel", "data-answer": PAIRED[k].value, "aria-label": words.names[k] },
          make("h2", {}, words.names[k]), pictures(set, words.names[k])));
      section.append(make("div", { class: "pair" }, ...panels));
    }
    section.append(keyHint(study));
    return section;
  }

  explain(section, question, data) {
    const right = data.answer === question.correct;
    for (const button of section.querySelectorAll("[data-answer]")) {
      button.disabled = true;
      if (button.dataset.answer === question.correct) button.classList.add("correct");
      else if (button.dataset.answer === data.answer) button.classList.add("wrong");
    }
    const next = make("button", { class: "primary", type: "button", onclick: () => this.jsPsych.finishTrial(data) }, "Continue");
    section.querySelector(".hint").replaceWith(
      make("div", { class: `feedback ${right ? "good" : "bad"}`, role: "status" },
        make("p", {}, make("strong", {}, right ? "Correct. " : "Not quite. "), question.because),
        next));
    next.focus();
  }
}

/* ---- assignment and order of the questions ---- */

/* "P07", "P07 " and "p07" are one person. */
function person(participant) {
  return participant.normalize("NFKC").trim().replace(/\s+/g, " ").toLowerCase();
}

function generator(text) {
  let state = 2166136261;
  for (const letter of text) state = Math.imul(state ^ letter.codePointAt(0), 16777619);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

function shuffled(list, random) {
  const out = [...list];
  for (let i = out.length - 1; i > 0; i -= 1) {
    const j = Math.floor(random() * (i + 1));
    [out[i], out[j]] = [out[j], out[i]];
  }
  return out;
}

/* Up to the limit, no item twice per study, in an order specific to the participant. */
function drawn(participant) {
  const random = generator(`${design.seed}/${person(participant)}`);
  const every = design.blocks.flatMap((block) => block.questions.map((question) => ({ study: block.study, question })));
  const met = new Set();
  const out = [];
  for (const one of shuffled(every, random)) {
    if (out.length < design.limit && !met.has(one.question.group)) {
      met.add(one.question.group);
      out.push(one);
    }
  }
  return out;
}

function timeline(session) {
  const answered = new Set(session.responses.map((r) => r.question));
  const mine = service ? service.assigned(session) : drawn(session.participant);
  const done = () => session.responses.filter((r) => !r.question.startsWith("practice-")).length;
  const record = (data) => {
    const { question, study, answer, milliseconds } = data;
    session.responses.push({ question, study, answer, milliseconds });
    keep(session);
    if (service) service.deliver(session);
    showProgress(done(), mine.length);
  };
  const out = [];
  for (const block of design.blocks) {
    const asked = mine.filter((one) => one.study === block.study && !answered.has(one.question.id));
    if (asked.length === 0) continue;
    const tried = block.practice.filter((question) => !answered.has(question.id));
    out.push({ type: Screen, study: block.study, rehearsal: tried.length > 0 });
    for (const question of tried) out.push({ type: Choice, study: block.study, question, on_finish: record });
    if (tried.length > 0) out.push({ type: Screen, study: block.study, rehearsal: false });
    for (const { question } of asked) out.push({ type: Choice, study: block.study, question, on_finish: record });
  }
  showProgress(done(), mine.length);
  return out;
}

/* ---- the session, kept in the browser so that a reload loses nothing ---- */

const STORE = `posterity-study/${design.experiment}/${design.fingerprint}`;

function keep(session) {
  try {
    localStorage.setItem(STORE, session.participant);
    localStorage.setItem(`${STORE}/${person(session.participant)}`, JSON.stringify(session));
  } catch {
    /* private windows may refuse; the answers are still saved at the end */
  }
}

function kept(participant) {
  try {
    return JSON.parse(localStorage.getItem(`${STORE}/${person(participant)}`));
  } catch {
    return null;
  }
}

function lastParticipant() {
  try {
    return localStorage.getItem(STORE) || "";
  } catch {
    return "";
  }
}

function save(session) {
  const content = JSON.stringify({ format: "posterity-responses", version: 1, ...session }, null, 1);
  const url = URL.createObjectURL(new Blob([content], { type: "application/json" }));
  const file = `answers-${design.experiment}-${session.participant.replace(/[^\w.-]/g, "_")}.json`;
  make("a", { href: url, download: file }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60000);
}

/* ---- first page, trials, last page ---- */

function welcome() {
  const total = Math.min(design.limit, new Set(design.blocks.flatMap((b) => b.questions.map((q) => q.group))).size);
  const address = new URLSearchParams(location.search);
  const given = address.get("participant") || address.get("PROLIFIC_PID") || address.get("workerId");
  const expected = given || lastParticipant();
  const field = make("input", {
    id: "participant", type: "text", value: expected, required: "", maxlength: "64",
    autocomplete: "off", spellcheck: "false", placeholder: "for example P07",
  });
  const form = make("form", { class: "card" },
    make("h1", {}, "Thank you for taking part"),
    make("p", {}, `You will compare pictures and answer up to ${total} short questions. This takes about ` +
      `${Math.max(2, Math.ceil((total * 8) / 60))} minutes. There is no time limit; your first impression is fine.`),
    make("p", {}, service ? "Every answer is sent as you give it. If you have to stop, open this page again later in this " +
      "browser and continue." : "Your answers stay in this browser until the end, where you save them as a file. " +
      "If you have to stop, open this page again later and continue."),
    ...(service ? service.consent() : []),
    make("label", { for: "participant" }, "Your participant number"),
    field,
    make("div", { class: "actions" }, make("button", { class: "primary", type: "submit" }, kept(expected) ? "Continue" : "Start")));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const participant = field.value.trim();
    if (!participant) return;
    const fresh = { experiment: design.experiment, design: design.fingerprint, participant, responses: [] };
    const session = kept(participant) ?? fresh;
    if (service) service.begin(session);
    else run(session);
  });
  stage.replaceChildren(form);
  // what one agrees to is read before anything is typed
  if (!service) field.focus();
}

async function run(session) {
  keep(session);
  stage.replaceChildren();
  const trials = timeline(session);
  if (trials.length > 0) await initJsPsych({ display_element: "stage" }).run(trials);
  if (service) service.finish(session);
  else farewell(session);
}

function farewell(session) {
  const another = () => {
    try {
      localStorage.removeItem(STORE);
    } finally {
      location.reload();
    }
  };
  document.querySelector(".progress").hidden = true;
  stage.replaceChildren(
    make("section", { class: "card end" },
      make("div", { class: "tick", "aria-hidden": "true" }, "✓"),
      make("h1", {}, "All done, thank you!"),
      make("p", {}, "Your answers have been saved to your downloads as one file. Please send this file to the person " +
        "who invited you."),
      make("div", { class: "actions" },
        make("button", { class: "primary", type: "button", id: "save", onclick: () => save(session) }, "Save again"),
        make("button", { type: "button", id: "another", onclick: another }, "Next participant"))));
  save(session);
}
