
/* ---- the page on a server: answers are sent immediately, and kept here until the server has them ---- */

class Service {
  constructor() {
    this.sending = false;
    this.arrived = new Set();
    this.note = make("p", { class: "note", role: "status" });
    this.note.hidden = true;
    document.querySelector("header").after(this.note);
  }

  /* The consent text and its checkbox. */
  consent() {
    const paragraphs = design.served.consent.split(/\n\s*\n/).map((text) => make("p", {}, text));
    const box = make("input", { id: "consent", type: "checkbox", required: "" });
    const about = { class: "consent", tabindex: "0", role: "region", "aria-label": "What you agree to" };
    return [make("div", about, ...paragraphs), make("label", { class: "agree" }, box, " I agree to take part.")];
  }

  /* Send a message until it is answered; a refusal by the server is shown and ends the study. */
  async post(what, message) {
    for (let wait = 500; ; wait = Math.min(2 * wait, 8000)) {
      try {
        const reply = await fetch(what, {
          method: "POST",
          headers: { "Content-Type": "application/json" },
          body: JSON.stringify(message),
          cache: "no-store",
        });
        const content = await reply.json();
        if (reply.ok) {
          this.tell("");
          return content;
        }
        if (reply.status !== 429 && reply.status < 500) throw new Refusal(content.error);
      } catch (error) {
        if (error instanceof Refusal) throw error;
      }
      this.tell("There is no connection. Your answers are kept in this browser and sent as soon as there is one.");
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }

  tell(text) {
    this.note.textContent = text;
    this.note.hidden = text === "";
  }

  stop(error) {
    document.querySelector(".progress").hidden = true;
    stage.replaceChildren(make("section", { class: "card end", role: "alert" }, make("h1", {}, "The study cannot continue"),
      make("p", {}, error.message)));
  }

  async begin(session) {
    session.key ??= [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, "0")).join("");
    keep(session);
    document.querySelector("button[type=submit]").disabled = true;
    try {
      const { asked, responses, finished } = await this.post("begin", {
        participant: session.participant, key: session.key, consent: true, design: design.fingerprint,
      });
      this.arrived = new Set(responses.map((r) => r.question));
      session.asked = asked;
      session.responses = [...responses, ...session.responses.filter((r) => !this.arrived.has(r.question))];
      keep(session);
      if (finished) await this.finish(session);
      else await run(session);
    } catch (error) {
      this.stop(error);
    }
  }

  assigned(session) {
    const known = new Map(design.blocks.flatMap((block) =>
      [...block.questions, ...block.checks].map((question) => [question.id, { study: block.study, question }])));
    return session.asked.filter((id) => known.has(id)).map((id) => known.get(id));
  }

  /* Send the answers that have not arrived yet, one after another. */
  async deliver(session) {
    if (this.sending) return;
    this.sending = true;
    try {
      for (let next; (next = session.responses.find((r) => !this.arrived.has(r.question))); ) {
        await this.post("answer", { key: session.key, ...next });
        this.arrived.add(next.question);
      }
    } catch (error) {
      this.stop(error);
    } finally {
      this.sending = false;
    }
  }

  async finish(session) {
    document.querySelector(".progress").hidden = true;
    stage.replaceChildren(make("section", { class: "card end" }, make("h1", {}, "Sending your last answers …")));
    while (session.responses.some((r) => !this.arrived.has(r.question))) {
      if (this.sending) await new Promise((resolve) => setTimeout(resolve, 50));
      else await this.deliver(session);
    }
    const { code, completion_url } = await this.post("finish", { key: session.key });
    const link = completion_url && make("a", { class: "primary", id: "complete", href: completion_url }, "Complete the study");
    stage.replaceChildren(
      make("section", { class: "card end" },
        make("div", { class: "tick", "aria-hidden": "true" }, "✓"),
        make("h1", {}, "All done, thank you!"),
        make("p", {}, "All of your answers have arrived. Your completion code is ", make("strong", { id: "code" }, code), "."),
        link ? make("div", { class: "actions" }, link) : make("p", {}, "You may close this page.")));
    stage.querySelector("#complete")?.focus();
  }
}

class Refusal extends Error {}

service = new Service();
