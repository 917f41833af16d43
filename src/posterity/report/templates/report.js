"use strict";
// Sorts and filters tables, hides columns, highlights a sampler everywhere, enlarges figures. Without this script the
// page still shows everything.
(() => {
  function make(tag, attributes, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  }

  // Split cells that span rows, so that each row can move on its own. Works from the right, since positions are
  // counted from the end of a row, where no cell is missing.
  function flatten(table) {
    for (const cell of [...table.querySelectorAll("th[rowspan]")].reverse()) {
      let row = cell.parentElement;
      const place = [...row.children].indexOf(cell) - row.children.length;
      const span = cell.rowSpan;
      cell.removeAttribute("rowspan");
      for (let n = 1; n < span; n++) {
        row = row.nextElementSibling;
        const copy = cell.cloneNode(true);
        copy.classList.add("again");
        row.insertBefore(copy, row.children[row.children.length + place + 1] || null);
      }
    }
  }

  // Sort numbers by size and text alphabetically; cells without a number come last in both directions.
  function compare(one, other, sign) {
    const [a, b] = [one.dataset.value, other.dataset.value];
    if (a !== undefined && b !== undefined) return sign * (Number(a) - Number(b));
    if (a !== undefined || b !== undefined) return a !== undefined ? -1 : 1;
    return sign * one.textContent.trim().localeCompare(other.textContent.trim(), "en", { numeric: true });
  }

  function sort(table, column, header) {
    flatten(table);
    const rising = header.getAttribute("aria-sort") !== "ascending", body = table.tBodies[0];
    for (const one of table.tHead.rows[0].cells) one.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", rising ? "ascending" : "descending");
    const rows = [...body.rows].sort((a, b) => compare(a.cells[column], b.cells[column], rising ? 1 : -1));
    body.append(...rows);
  }

  function filter(table, words, said) {
    const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
    if (wanted.length) flatten(table);
    let shown = 0;
    for (const row of table.tBodies[0].rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !wanted.every((word) => text.includes(word));
      if (!row.hidden) shown++;
    }
    said.textContent = wanted.length ? `${shown} of ${table.tBodies[0].rows.length} rows` : "";
  }

  function hide(table, column, hidden) {
    flatten(table);
    for (const row of table.rows) row.cells[column].hidden = hidden;
  }

  function controls(table) {
    const heads = [...table.tHead.rows[0].cells], name = table.dataset.name;
    heads.forEach((header, column) => {
      const button = make("button", { type: "button", class: "sort" }, ...header.childNodes);
      header.replaceChildren(button);
      button.addEventListener("click", () => sort(table, column, header));
    });
    const input = make("input", { type: "search", "aria-label": `Show rows of ${name} with these words` });
    const said = make("span", { role: "status", class: "said" });
    input.addEventListener("input", () => filter(table, input.value, said));
    const boxes = heads.map((header, column) => {
      const box = make("input", { type: "checkbox", checked: "" });
      box.addEventListener("change", () => hide(table, column, !box.checked));
      return make("label", {}, box, ` ${header.textContent.trim()}`);
    });
    const columns = make("details", { class: "columns" }, make("summary", {}, "Columns"), ...boxes);
    const bar = make("div", { class: "bar" }, make("label", {}, "Rows with ", input), said, columns);
    table.closest(".scroll").before(bar);
  }

  function highlight(key) {
    document.documentElement.classList.toggle("highlighting", key !== "");
    for (const element of document.querySelectorAll("[data-sampler]"))
      element.classList.toggle("lit", element.dataset.sampler.split(" ").includes(key));
  }

  function enlarge(figure) {
    const picture = figure.querySelector(".sheet > *"), title = figure.querySelector("h3").textContent;
    const close = make("button", { type: "button", class: "plain" }, "Close");
    const large = make("div", { class: "large", tabindex: "0", role: "region", "aria-label": title }, picture.cloneNode(true));
    const dialog = make("dialog", { "aria-label": title }, close, large);
    close.addEventListener("click", () => dialog.close());
    dialog.addEventListener("close", () => dialog.remove());
    document.body.append(dialog);
    dialog.showModal();
  }

  for (const table of document.querySelectorAll("table[data-name]")) controls(table);
  for (const figure of document.querySelectorAll("figure")) {
    const button = make("button", { type: "button", class: "plain", "aria-label": `Enlarge: ${figure.querySelector("h3").textContent}` }, "Enlarge");
    button.addEventListener("click", () => enlarge(figure));
    figure.querySelector(".files").prepend(button);
  }
  const choice = document.getElementById("highlight");
  if (choice) {
    choice.closest("p").hidden = false;
    choice.addEventListener("change", () => highlight(choice.value));
  }
})();
