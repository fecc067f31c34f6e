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
  document.addEventListener("click", (event) => {  // a link to a row that the filter hides shows it again
    const link = event.target.closest ? event.target.closest("a[href^='#t-']") : null;
    const row = link && document.getElementById(link.getAttribute("href").slice(1));
    if (!row || !row.hidden) return;
    find.value = "";
    find.dispatchEvent(new Event("input"));
  });
})();

const page = JSON.parse(document.getElementById("data").textContent);

async function unpack(id) {
  const text = document.getElementById(id).textContent;
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).text();
}

function once(make) {
  let made;
  return () => made || (made = make());
}

function escaped(text) {  // for HTML, between quotes too
  const span = document.createElement("span");
  span.textContent = text;
  return span.innerHTML.replaceAll('"', "&#34;").replaceAll("'", "&#39;");
}

function short(value) {
  if (value === null || value === undefined) return "–";
  const tiny = value !== 0 && Math.abs(value) < 1e-4;
  return tiny ? value.toExponential(2).replace(/\.?0*e/, "e") : String(+value.toPrecision(3));
}

(function gallery() {
  const MORE = 24;
  const all = page.trainings;
  const selects = Array.from(document.querySelectorAll("#gallery select"));
  if (!selects.length) return;
  const drawings = once(() => unpack("drawings").then(JSON.parse));
  const found = document.getElementById("found");
  const more = document.getElementById("more");
  const chosen = document.querySelectorAll("#gallery .group");
  let matches = [];
  const card = (row, svg) => {
    const figure = document.createElement("figure");
    const key = escaped(all.key[row]);
    const formula = all.formula[row];
    const faithful = all.faithfulness ? `faithfulness ${short(all.faithfulness[row])} · ` : "";
    const link = all.link[row] ? ` <a href="${escaped(all.link[row])}">MLflow</a>` : "";
    const name = escaped(all.title[all.algorithm[row]]);
    figure.innerHTML = `<a href="drawings/${encodeURIComponent(all.key[row])}.svg"><img alt=""></a><figcaption>
      <span class="swatch" style="background:${escaped(all.colour[all.algorithm[row]])}"></span>${name} ·
      n = ${all.dimension[row]} · β = ${short(all.beta[row])} · seed ${all.seed[row]}
      <span class="formula">${formula && !formula.startsWith("no ") ? "f(x) ≈ " : ""}${escaped(formula)}</span>
      ${faithful}error ${short(all.relative_error[row])} · ${short(all.complexity_nats[row])} nats<br>
      <a class="key mono" href="#t-${key}">${key}</a>${link}</figcaption>`;
    figure.querySelector("img").src = "data:image/svg+xml," + encodeURIComponent(svg);
    return figure;
  };
  const add = async () => {
    const texts = await drawings();
    const shown = found.childElementCount;
    found.append(...matches.slice(shown, shown + MORE).map((row) => card(row, texts[row])));
    more.hidden = found.childElementCount >= matches.length;
  };
  const filter = async () => {
    const want = Object.fromEntries(selects.map((one) => [one.name, one.value]));
    const some = Object.values(want).some(Boolean);
    const [low, high] = (want.beta || "0 Infinity").split(" ").map(Number);
    const texts = await drawings();
    matches = !some ? [] : all.key.map((key, row) => row).filter((row) => texts[row]
      && (!want.algorithm || all.algorithm[row] === want.algorithm)
      && (!want.n || all.dimension[row] === Number(want.n))
      && (!want.seed || all.seed[row] === Number(want.seed))
      && all.beta[row] >= low && (all.beta[row] < high || all.beta[row] === low));
    found.replaceChildren();
    found.hidden = !some;
    chosen.forEach((group) => { group.hidden = some; });
    document.getElementById("drawn").textContent = some ? `${matches.length} trainings` : "";
    await add();
  };
  selects.forEach((one) => one.addEventListener("change", filter));
  more.addEventListener("click", add);
})();

// What has a live twin stands in the page as text that is not parsed, which would cost a second at 1,000 trainings.
function still(figure) {
  const kept = figure.querySelector("noscript");
  if (kept) kept.outerHTML = kept.textContent;
}

(function live() {
  const all = page.trainings;
  const figures = document.querySelectorAll("figure[data-chart]");
  const allStill = () => figures.forEach(still);
  const library = once(async () => {
    const script = document.createElement("script");
    script.textContent = await unpack("library");
    document.head.append(script);
    return window.Plotly;
  });
  const tip = (row) => `<b>${escaped(all.title[all.algorithm[row]])}</b> · n = ${all.dimension[row]}, `
    + `β = ${short(all.beta[row])}, seed ${all.seed[row]}<br>error ${short(all.relative_error[row])}, `
    + `${short(all.complexity_nats[row])} nats` + (all.formula[row] ? `<br><i>${escaped(all.formula[row]).slice(0, 90)}</i>` : "");
  const draw = async (figure) => {
    const chart = page.charts[figure.dataset.chart];
    const place = document.createElement("div");
    place.className = "live";
    place.style.height = chart.height + "px";
    const Plotly = await library();
    for (const trace of chart.data) if (trace.customdata) trace.text = trace.customdata.map(tip);
    const font = { family: "system-ui, sans-serif", size: 12, color: "#1d2229" };
    const layout = Object.assign({ font, margin: { l: 14, r: 14, t: 36, b: 10 }, hovermode: "closest", dragmode: "zoom",
      paper_bgcolor: "white", plot_bgcolor: "white", hoverlabel: { align: "left" },
      legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom", itemsizing: "constant" } }, chart.layout);
    figure.querySelector(".still, noscript").after(place);
    figure.classList.add("alive");  // before it is drawn: what is hidden has no width
    await Plotly.newPlot(place, chart.data, layout, { responsive: true, displaylogo: false,
      modeBarButtons: [["zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "resetScale2d"]] });
    figure.classList.add("drawn");
    place.on("plotly_click", (event) => {
      const row = event.points[0].customdata;
      const find = document.getElementById("find");
      if (row === undefined || !find) return;
      find.value = all.key[row];
      find.dispatchEvent(new Event("input"));
      document.getElementById("table").scrollIntoView();
    });
  };
  window.addEventListener("beforeprint", allStill);
  if (!window.DecompressionStream || !window.IntersectionObserver) return allStill();
  for (const figure of figures) {  // so that nothing moves when a chart arrives
    if (figure.querySelector("noscript")) figure.style.minHeight = page.charts[figure.dataset.chart].height + 60 + "px";
  }
  const near = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      near.unobserve(entry.target);
      draw(entry.target).catch((error) => {  // the static chart stays
        still(entry.target);
        entry.target.classList.remove("alive");
        console.warn(error);
      });
    }
  }, { rootMargin: "300px" });
  figures.forEach((figure) => near.observe(figure));
})();
