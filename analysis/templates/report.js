"use strict";
// Everything on this page is readable without scripts; they add quick tooltips, sorting and filters.
(function tooltips() {
  const box = document.getElementById("tip");
  document.querySelectorAll(".chart title").forEach((title) => {
    title.parentNode.setAttribute("data-tip", title.textContent);
    title.remove();
  });
  document.addEventListener("pointermove", (event) => {
    const mark = event.target.closest ? event.target.closest("[data-tip]") : null;
    box.classList.toggle("on", Boolean(mark));
    if (!mark) return;
    box.textContent = mark.getAttribute("data-tip");
    const right = Math.min(event.clientX + 14, window.innerWidth - box.offsetWidth - 8);
    const below = event.clientY + 16 + box.offsetHeight < window.innerHeight;
    box.style.left = right + "px";
    box.style.top = (below ? event.clientY + 16 : event.clientY - box.offsetHeight - 10) + "px";
  });
})();

(function sortable() {
  const table = document.getElementById("trainings");
  if (!table) return;
  const body = table.tBodies[0];
  const value = (row, column) => {
    const cell = row.cells[column];
    const text = cell.dataset.v === undefined ? cell.textContent : cell.dataset.v;
    const number = parseFloat(text);
    return Number.isNaN(number) || cell.classList.contains("t") ? text : number;
  };
  const compare = (a, b, up) => {
    if (a === b) return 0;
    if (a === "" || b === "") return a === "" ? 1 : -1;  // gaps last, whichever way
    return (a < b) === up ? -1 : 1;
  };
  const sort = (head) => {
    const up = head.getAttribute("aria-sort") !== "ascending";
    table.querySelectorAll("th").forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    const rows = Array.from(body.rows, (row) => [value(row, head.cellIndex), row]);
    rows.sort((a, b) => compare(a[0], b[0], up));
    body.append(...rows.map((pair) => pair[1]));
  };
  table.querySelectorAll("th").forEach((head) => {
    head.tabIndex = 0;
    head.addEventListener("click", () => sort(head));
    head.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      sort(head);
    });
  });
  const find = document.getElementById("find");
  const shown = document.getElementById("shown");
  find.addEventListener("input", () => {
    const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const row of body.rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
      count += row.hidden ? 0 : 1;
    }
    shown.textContent = count + " of " + body.rows.length;
  });
})();

(function gallery() {
  const selects = document.querySelectorAll("#gallery select");
  const cards = document.querySelectorAll("#gallery [data-algorithm]");
  const filter = () => {
    cards.forEach((card) => {
      card.hidden = Array.from(selects).some((one) => one.value && card.dataset[one.name] !== one.value);
    });
    document.querySelectorAll("#gallery .group").forEach((group) => {
      group.hidden = !group.querySelector("[data-algorithm]:not([hidden])");
    });
  };
  selects.forEach((one) => one.addEventListener("change", filter));
})();
