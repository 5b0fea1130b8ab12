// Plotly figures in one style; each is drawn when it comes near the window, the latest wish of each place winning.

const FONT = { family: getComputedStyle(document.body).fontFamily, size: 12.5, color: "#1a1a1a" };
const HUES = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#B8A800"];
const SYMBOLS = ["circle", "square", "diamond", "triangle-up", "cross", "star", "pentagon", "triangle-down"];
const BUTTONS = ["toImage", "zoom2d", "pan2d", "resetScale2d"];
const BRUSH_BUTTONS = ["select2d", "lasso2d"];
const LONG_NAME = 28;

function axisStyle(title, more = {}) {
  return {
    title: { text: plotText(title), standoff: 10 }, gridcolor: "#e6e6e6", linecolor: "#8c8c8c", showline: true, zeroline: false,
    ticks: "outside", tickcolor: "#8c8c8c", ticklen: 4, automargin: true, ...more,
  };
}

// A logarithmic axis whose ticks are plain numbers.
function logAxis(title, more = {}) {
  return axisStyle(title, { type: "log", dtick: "D2", tickformat: ",~r", exponentformat: "none", ...more });
}

function baseLayout(more = {}) {
  return {
    font: FONT, paper_bgcolor: "#fff", plot_bgcolor: "#fff", margin: { l: 60, r: 20, t: 16, b: 50 }, hovermode: "closest",
    hoverlabel: { bgcolor: "#fff", bordercolor: "#8c8c8c", font: FONT, align: "left" },
    legend: { orientation: "h", x: 0, y: 1, yanchor: "bottom", xanchor: "left", font: { size: 12 } },
    ...more,
  };
}

// What a figure's clicks do, by its place; connected when it is drawn first.
const listeners = new Map();
const waiting = new Map();
// Places within reach of the window, and those that are looked after.
const near = new Set();
const observed = new Set();
const observer = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) {
    const { id } = target.querySelector(".chart");
    if (isIntersecting) near.add(id);
    else near.delete(id);
  }
  wake();
}, { rootMargin: "300px 0px" });
// Until the page is read to its end, where Plotly is, figures wait; text and tables do not.
let isDrawing = true;

// `figure`: traces and layout, or null for no figure at all. It takes its room at once, so that nothing moves later.
function drawSoon(id, figure) {
  waiting.set(id, placed(id, figure));
  // What is observed is around the place, for a place without anything to draw is hidden.
  if (!observed.has(id)) observer.observe(byId(id).closest("figure"));
  observed.add(id);
  wake();
}

function placed(id, figure) {
  const place = byId(id);
  place.hidden = !figure;
  if (figure) place.style.height = `${figure.layout.height}px`;
  return figure;
}

function wake() {
  if (isDrawing) return;
  isDrawing = true;
  delete document.body.dataset.drawn;
  setTimeout(drawNext);
}

function drawNext() {
  const next = [...waiting.keys()].find((id) => near.has(id));
  if (next === undefined) {
    isDrawing = false;
    document.body.dataset.drawn = "yes";
    return;
  }
  drawWaiting(next);
  setTimeout(drawNext);
}

function drawWaiting(id) {
  const figure = waiting.get(id);
  waiting.delete(id);
  drawNow(id, figure);
}

// Paper has no window: everything is drawn.
addEventListener("beforeprint", () => [...waiting.keys()].forEach(drawWaiting));

function drawNow(id, figure) {
  if (!figure) return;
  const place = byId(id);
  const buttons = figure.layout.dragmode === "select" ? [...BRUSH_BUTTONS, ...BUTTONS] : BUTTONS;
  Plotly.react(place, figure.traces, figure.layout, {
    displaylogo: false, responsive: true, modeBarButtons: [buttons], toImageButtonOptions: { format: "svg", filename: id },
  });
  listeners.get(id)?.(place);
  listeners.delete(id);
}

// Stacked bars over the energy's components, of those that are not zero. `energies`: component -> stored pJ per bar.
function componentTraces(energies, names, toShown, isHorizontal, unit, more = {}) {
  return DATA.styles.components.filter(({ key }) => energies[key]?.some(Boolean)).map(({ key, label, colour, pattern }) => {
    const shown = energies[key].map(toShown);
    return {
      type: "bar", name: label, orientation: isHorizontal ? "h" : "v",
      [isHorizontal ? "x" : "y"]: shown, [isHorizontal ? "y" : "x"]: names,
      marker: { color: colour, line: { width: 0 }, pattern: { shape: pattern, fgcolor: "#fff", bgcolor: colour, size: 5, solidity: 0.35 } },
      hovertemplate: `%{customdata}<br>${plotText(label)}: %{${isHorizontal ? "x" : "y"}:.4~g} ${unit}<extra></extra>`,
      ...more,
    };
  });
}

// Ticks at 0, 1, 2, ... that carry names; every second, third, ... one where there is no room for all.
function nameTicks(names, step = 1) {
  const places = names.map((_, i) => i).filter((i) => i % step === 0);
  return { tickmode: "array", tickvals: places, ticktext: places.map((i) => plotText(shorten(names[i], LONG_NAME))) };
}
