"use strict";
// Pictures, texts and small tables are readable without scripts; the table of trainings, filters, tips and live charts
// are made here, from data that is packed once into the page.
async function unpack(id) {
  const holder = document.getElementById(id);
  const text = atob(holder.textContent);
  holder.remove();
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i += 1) bytes[i] = text.charCodeAt(i);
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

function short(value) {  // three digits
  if (value === null || value === undefined) return "–";
  if (value !== 0 && Math.abs(value) < 1e-4) return value.toExponential(2).replace(/\.?0*e/, "e");
  return Math.abs(value) >= 1000 ? Math.round(value).toLocaleString("en-US") : String(+value.toPrecision(3));
}

function where(page, row, between) {  // β = 0.001, seed 2
  const all = page.trainings;
  return [...page.axes.map(([name, symbol]) => `${escaped(symbol)} = ${short(all[name][row])}`),
    `seed ${all.seed[row]}`].join(between);
}

const drawings = once(() => unpack("drawings").then(JSON.parse));  // key -> SVG
const asImage = (svg) => "data:image/svg+xml," + encodeURIComponent(svg);

// Drawings lie beside the page; for a page that was sent alone, most are in it too.
for (const image of document.querySelectorAll("img[data-drawing]")) {
  const mend = async () => {
    const svg = window.DecompressionStream && (await drawings())[image.dataset.drawing];
    if (svg) image.src = asImage(svg);
  };
  image.addEventListener("error", mend, { once: true });
  if (image.complete && image.currentSrc && !image.naturalWidth) mend();
}

function showTips(tips) {
  const box = document.getElementById("tip");
  const say = (event) => {
    const place = event.target.closest ? event.target.closest("[data-tips]") : null;
    const found = place && tips[place.dataset.tips];
    let text = "", least = Infinity;
    if (found) {
      const frame = place.getBoundingClientRect();
      const x = 1e4 * (event.clientX - frame.left) / frame.width;
      const y = 1e4 * (event.clientY - frame.top) / frame.height;
      found.texts.forEach((one, i) => {  // the smallest that is hit; of equals the uppermost
        const [left, top, width, height] = found.boxes.slice(4 * i, 4 * i + 4);
        if (x < left || x > left + width || y < top || y > top + height || width * height > least) return;
        [text, least] = [one, width * height];
      });
    }
    box.classList.toggle("on", Boolean(text));
    if (!text) return;
    box.textContent = text;
    const right = Math.min(event.clientX + 14, window.innerWidth - box.offsetWidth - 8);
    const below = event.clientY + 16 + box.offsetHeight < window.innerHeight;
    box.style.left = right + "px";
    box.style.top = (below ? event.clientY + 16 : event.clientY - box.offsetHeight - 10) + "px";
  };
  document.addEventListener("pointermove", say);
}

// The table: only the rows in sight are in the document. Returns what leads to a training's row.
function showTable(page) {
  const MARGIN = 15;  // rows above and below those in sight
  const all = page.trainings, total = all.key.length;
  const frame = document.getElementById("rows"), table = document.getElementById("trainings");
  if (!frame) return () => {};
  const body = table.tBodies[0], head = table.tHead.rows[0];
  const find = document.getElementById("find"), listed = document.getElementById("listed");
  const shownAs = { number: short, beta: short, key: String, text: (value) => value ?? "", label: (value) => page.title[value] ?? "" };
  const text = (column, row) => {
    const value = all[column.name][row];
    return value === null ? "" : shownAs[column.kind](value);
  };
  const cell = (column, row) => {
    const words = escaped(text(column, row));
    if (column.kind === "label" && words) {
      return `<td><span class="swatch" style="background:${escaped(page.colour[all[column.name][row]])}"></span>${words}</td>`;
    }
    if (column.kind === "key") {
      return `<td class="mono">${all.link[row] ? `<a href="${escaped(all.link[row])}">${words}</a>` : words}</td>`;
    }
    return column.kind === "text" ? `<td>${words}</td>` : `<td class="n">${words}</td>`;
  };
  let order = Array.from({ length: total }, (_, row) => row), rows = order, marked = -1, height = 25, drawn = "";
  const draw = () => {
    const first = Math.max(0, Math.floor(frame.scrollTop / height) - MARGIN);
    const last = Math.min(rows.length, first + Math.ceil(frame.clientHeight / height) + 2 * MARGIN);
    const state = [first, last, marked].join();
    if (state === drawn) return;
    drawn = state;
    const room = (count) => `<tr class="room" style="height:${count * height}px"></tr>`;
    body.innerHTML = room(first) + rows.slice(first, last).map((row) =>
      `<tr${row === marked ? ' class="marked"' : ""}>${page.columns.map((column) => cell(column, row)).join("")}</tr>`).join("")
      + room(rows.length - last);
  };
  const refresh = () => { drawn = ""; frame.scrollTop = 0; draw(); };
  const whole = once(() => order.slice().sort((a, b) => a - b).map((row) =>
    page.columns.map((column) => text(column, row)).join(" ").toLowerCase()));
  const filter = () => {
    const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
    const texts = words.length ? whole() : [];
    rows = words.length ? order.filter((row) => words.every((word) => texts[row].includes(word))) : order;
    listed.textContent = `${rows.length.toLocaleString("en-US")} of ${total.toLocaleString("en-US")}`;
    refresh();
  };
  const sort = (column, cellOfHead) => {
    const up = cellOfHead.getAttribute("aria-sort") !== "ascending";
    for (const other of head.cells) other.removeAttribute("aria-sort");
    cellOfHead.setAttribute("aria-sort", up ? "ascending" : "descending");
    const values = column.kind === "label" ? all[column.name].map((one) => page.title[one] ?? null) : all[column.name];
    order = order.slice().sort((a, b) => {
      const one = values[a], other = values[b];
      if (one === other) return a - b;
      if (one === null || other === null) return one === null ? 1 : -1;  // gaps last, whichever way
      return (one < other) === up ? -1 : 1;
    });
    filter();
  };
  for (const column of page.columns) {
    const cellOfHead = document.createElement("th");
    cellOfHead.textContent = column.heading;
    cellOfHead.className = column.kind === "number" || column.kind === "beta" ? "n" : "";
    // as wide as its longest text, so that nothing moves on scrolling
    let longest = 0;
    for (let row = 0; row < total; row += Math.ceil(total / 500)) longest = Math.max(longest, text(column, row).length);
    cellOfHead.style.minWidth = Math.min(longest, 40) + "ch";
    cellOfHead.tabIndex = 0;
    cellOfHead.addEventListener("click", () => sort(column, cellOfHead));
    cellOfHead.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      sort(column, cellOfHead);
    });
    head.append(cellOfHead);
  }
  find.addEventListener("input", filter);
  frame.addEventListener("scroll", draw, { passive: true });
  filter();
  const measure = () => {  // what is not laid out has no height
    const [, some] = body.rows;
    if (some && some.offsetHeight && some.offsetHeight !== height) { height = some.offsetHeight; drawn = ""; draw(); }
  };
  new ResizeObserver(() => { measure(); draw(); }).observe(frame);
  return (key) => {
    if (find.value) { find.value = ""; filter(); }
    marked = all.key.indexOf(key);
    document.getElementById("table").scrollIntoView();
    measure();
    frame.scrollTop = Math.max(0, rows.indexOf(marked) * height - frame.clientHeight / 3);
    drawn = "";
    draw();
  };
}

function showGallery(page) {
  const MORE = 24;
  const all = page.trainings;
  const selects = Array.from(document.querySelectorAll("#gallery select"));
  if (!selects.length) return;
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
    const name = escaped(page.title[all.algorithm[row]]);
    const file = `drawings/${encodeURIComponent(all.key[row])}.svg`;
    figure.innerHTML = `<a href="${file}"><img alt="Drawing of a network"></a><figcaption>
      <span class="swatch" style="background:${escaped(page.colour[all.algorithm[row]])}"></span>${name} ·
      ${where(page, row, " · ")}
      <span class="formula">${formula && !formula.startsWith("no ") ? "f(x) ≈ " : ""}${escaped(formula)}</span>
      ${faithful}error ${short(all.relative_error[row])} · ${short(all.complexity_nats[row])} nats<br>
      <a class="key mono" href="#table" data-key="${key}">${key}</a>${link}</figcaption>`;
    const image = figure.querySelector("img");
    image.addEventListener("error", () => {
      const words = document.createElement("p");
      words.className = "undrawn";
      words.innerHTML = `Not drawn yet. In the sweep’s folder: <code>hyperphase draw networks/${key}.npz --out report/${file}</code>`;
      image.parentElement.replaceWith(words);
    }, { once: true });
    image.src = svg ? asImage(svg) : file;
    return figure;
  };
  const add = async () => {
    const texts = await drawings();
    const shown = found.childElementCount;
    found.append(...matches.slice(shown, shown + MORE).map((row) => card(row, texts[all.key[row]])));
    more.hidden = found.childElementCount >= matches.length;
  };
  const filter = async () => {
    const want = Object.fromEntries(selects.map((one) => [one.name, one.value]));
    const some = Object.values(want).some(Boolean);
    const [low, high] = (want.beta || "0 Infinity").split(" ").map(Number);
    const little = 1 + 1e-5;  // β is kept in six digits
    const texts = await drawings();
    matches = !some ? [] : all.key.map((key, row) => row).filter((row) => all.algorithm[row] !== null
      && (!want.algorithm || all.algorithm[row] === want.algorithm)
      && (!want.n || all.dimension[row] === Number(want.n))
      && (!want.seed || all.seed[row] === Number(want.seed))
      && all.beta[row] * little >= low && (all.beta[row] * little < high || all.beta[row] <= low * little));
    matches.sort((a, b) => (all.key[b] in texts) - (all.key[a] in texts) || a - b);  // those that are at hand first
    found.replaceChildren();
    found.hidden = !some;
    chosen.forEach((group) => { group.hidden = some; });
    document.getElementById("drawn").textContent = some ? `${matches.length.toLocaleString("en-US")} training${matches.length === 1 ? "" : "s"}` : "";
    await add();
  };
  selects.forEach((one) => one.addEventListener("change", filter));
  more.addEventListener("click", add);
}

// A picture that has a live twin stands in the page as text that is not parsed, so that it costs nothing.
function still(figure) {
  const kept = figure.querySelector("noscript");
  if (kept) kept.outerHTML = kept.textContent;
}

function showCharts(page, figures, lead) {
  const all = page.trainings;
  const library = once(async () => {
    const script = document.createElement("script");
    script.textContent = await unpack("library");
    document.head.append(script);
    return window.Plotly;
  });
  const measures = (row) => !all.complexity_nats ? "" : `<br>error ${short(all.relative_error[row])}, `
    + `${short(all.complexity_nats[row])} nats`;
  const formula = (row) => all.formula[row] ? `<br><i>${escaped(all.formula[row]).slice(0, 90)}</i>` : "";
  const tip = (row) => `<b>${escaped(page.title[all.algorithm[row]])}</b> · ${where(page, row, ", ")}`
    + measures(row) + formula(row);
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
      if (row !== undefined) lead(all.key[row]);
    });
  };
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
}

(async function main() {
  const figures = document.querySelectorAll("figure[data-chart]");
  const allStill = () => figures.forEach(still);
  window.addEventListener("beforeprint", allStill);
  if (!window.DecompressionStream || !window.IntersectionObserver) return allStill();
  const page = JSON.parse(await unpack("data"));
  showTips(page.tips);
  const lead = showTable(page);
  document.addEventListener("click", (event) => {  // on a training's key
    const link = event.target.closest ? event.target.closest("a[data-key]") : null;
    if (!link) return;
    event.preventDefault();
    lead(link.dataset.key);
  });
  showGallery(page);
  showCharts(page, figures, lead);
})();
