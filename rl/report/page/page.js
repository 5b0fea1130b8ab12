// The overview, the panel of the chosen point, and what the controls do.

const CRITERIA = {
  edp_js: "Least energy-delay product", energy_j: "Least energy", latency_s: "Least latency", area_mm2: "Smallest area",
  tops_per_w: "Most efficient", tops: "Most throughput",
};
const BRIEF = ["latency_s", "energy_j", "edp_js", "average_power_w", "area_mm2", "tops", "tops_per_w", "utilization", "stall_share"];
const MOST_FAILURES = 12;

function showOverview() {
  const failed = DATA.failed.length;
  const versions = DATA.versions.length ? `simulated by Bitgrove ${DATA.versions.join(", ")}, ` : "";
  const models = [...new Set(DATA.models)];
  const what = models.length === 1 ? `${models[0]}: ` : `${plural(models.length, "model")}: `;
  byId("summary").textContent = `${what}${plural(COUNT, "point")}${failed ? ` and ${failed} that failed` : ""}; ${versions}report by Bitgrove ${DATA.bitgrove}`;
  byId("axes").replaceChildren(...AXES.map((axis) => element(
    "tr", {}, element("th", { scope: "row" }, axis.name),
    element("td", {}, axis.distinct.slice(0, 12).map(String).join(", ") + (axis.distinct.length > 12 ? ` … (${axis.distinct.length} values)` : "")),
  )));
  byId("best").replaceChildren(...DATA.best.flatMap(bestRows));
  showFailures();
  const fields = Object.keys(DATA.common).length;
  byId("common").hidden = !fields;
  byId("common").querySelector("summary").textContent = COUNT === 1 ? "The resolved machine" : `The machine: ${fields} fields that are the same in all points`;
  byId("common").querySelector(".fields").replaceWith(fieldList(DATA.common, new Set()));
}

function bestRows({ model, best }) {
  const places = ALL.filter((place) => DATA.models[place] === model);
  const title = DATA.best.length > 1 ? [element("tr", {}, element("th", { colspan: 3 }, model))] : [];
  return [...title, ...Object.entries(best).map(([key, place]) => element(
    "tr", {}, element("td", {}, CRITERIA[key]),
    element("td", { class: "number" }, withUnit(METRICS.get(key), METRICS.get(key).values[place])),
    element("td", {}, element("button", { type: "button", class: "link", onclick: () => choosePoint(place) }, pointName(place, places))),
  ))];
}

function showFailures() {
  if (!DATA.failed.length) return;
  const row = ({ number, axes, message }) => element(
    "tr", {}, element("td", {}, `#${number}`),
    element("td", {}, Object.entries(axes).map(([name, value]) => `${name}=${value}`).join(" ")), element("td", {}, message),
  );
  const table = element("table", { class: "failed" }, DATA.failed.slice(0, MOST_FAILURES).map(row));
  const rest = DATA.failed.slice(MOST_FAILURES);
  const more = rest.length
    ? element("details", {}, element("summary", {}, `${rest.length} more`), element("table", { class: "failed" }, rest.map(row)))
    : null;
  byId("failures").replaceChildren(element("h3", {}, `${plural(DATA.failed.length, "point")} failed`), table, ...(more ? [more] : []));
}

function showBrief() {
  const place = state.point;
  const rows = [...NAMING.map((axis) => [axis.name, axisText(axis, place)]), ...BRIEF.map((key) => METRICS.get(key)).filter(Boolean)
    .map((metric) => [metric.label, withUnit(metric, metric.values[place])])];
  const energies = DATA.styles.components.map((part) => [part, METRICS.get(`energy_pj.${part.key}`)?.values[place] ?? 0]).filter(([, value]) => value);
  const total = energies.reduce((sum, [, value]) => sum + value, 0);
  const largest = Math.max(...energies.map(([, value]) => value));
  const bars = energies.map(([{ label, colour, pattern }, value]) => {
    const fill = pattern ? `repeating-linear-gradient(135deg, ${colour} 0 3px, #fff 3px 4px)` : colour;
    const bar = element("i", { style: `width: ${(100 * value) / largest}%; background: ${fill}` });
    return element("div", { class: "bar" }, element("span", {}, label), bar, element("span", {}, `${((100 * value) / total).toFixed(1)} %`));
  });
  byId("brief").replaceChildren(
    element("h3", {}, `Point #${DATA.numbers[place]}`),
    element("table", {}, rows.map(([name, value]) => element("tr", {}, element("th", { scope: "row" }, name), element("td", { class: "number" }, value)))),
    element("h3", {}, "Energy by component"), ...bars,
    element("p", {}, element("a", { href: "#selected" }, "Layers, roofline and machine ↓")),
  );
  const model = modelAxis() ? "" : `: ${DATA.models[place]}`;
  byId("selected-name").textContent = `${pointName(place)}${model} on ${DATA.machines[place]}`;
}

function choosePoint(place) {
  state.point = place;
  drawScatter();
  markRow();
  showPoint();
}

function showPoint() {
  showBrief();
  showLayers();
  showMachine();
}

function fillMenu(id, groups, chosen) {
  byId(id).replaceChildren(...groups.map(([title, options]) => {
    const made = options.map(([value, label]) => element("option", { value }, label));
    return title ? element("optgroup", { label: title }, made) : made;
  }).flat());
  byId(id).value = chosen;
}

function fillMenus() {
  const quantities = [...groupBy([...QUANTITIES.values()], (one) => one.group)].map(([group, members]) => [group, members.map((one) => [one.key, one.label])]);
  const axes = VARYING.map((axis) => [`axis ${axis.name}`, axis.name]);
  const metrics = quantities.filter(([group]) => group !== "Axes");
  fillMenu("x", quantities, state.x);
  fillMenu("y", quantities, state.y);
  fillMenu("colour", [["", [["", "nothing"]]], ["Axes", axes], ...metrics], state.colour);
  fillMenu("front", [["", [["", "whole figure"], ...VARYING.filter((axis) => axis.distinct.length <= 12).map((axis) => [axis.name, axis.name])]]], state.front);
  byId("log-x").checked = state.logX;
  byId("log-y").checked = state.logY;
}

// Choices to begin with: models have fronts of their own, and a colour where there is only one model is the next axis.
function chooseAtFirst() {
  const keys = [...QUANTITIES.keys()];
  if (!QUANTITIES.has(state.x)) [state.x] = keys;
  if (!QUANTITIES.has(state.y)) state.y = keys[1] ?? keys[0];
  const models = modelAxis();
  state.front = models?.name ?? "";
  const colour = VARYING.find((axis) => axis !== models && !axis.numeric && axis.distinct.length <= FEW) ?? VARYING.find((axis) => axis.distinct.length <= FEW);
  state.colour = colour ? `axis ${colour.name}` : "";
  state.point = DATA.best[0]?.best.edp_js ?? 0;
  const spread = (key) => {
    const values = QUANTITIES.get(key).values.filter((value) => value > 0);
    return Math.max(...values) > 8 * Math.min(...values);
  };
  state.logX = spread(state.x);
  state.logY = spread(state.y);
}

function connectControls() {
  const onChange = (id, event, act) => byId(id).addEventListener(event, (change) => act(change.target));
  for (const key of ["x", "y"]) {
    onChange(key, "change", ({ value }) => {
      state[key] = value;
      state.brush = null;
      drawScatter();
      showTable();
    });
  }
  for (const key of ["colour", "front"]) {
    onChange(key, "change", ({ value }) => {
      state[key] = value;
      drawScatter();
    });
  }
  for (const [id, key] of [["log-x", "logX"], ["log-y", "logY"]]) {
    onChange(id, "change", ({ checked }) => {
      state[key] = checked;
      drawScatter();
    });
  }
  onChange("filter", "input", ({ value }) => {
    state.filter = value;
    state.page = 0;
    showTable();
    drawScatter();
  });
  onChange("shares", "change", ({ checked }) => {
    state.shares = checked;
    drawSoon("machines-chart", machinesFigure(listed()));
  });
  onChange("layer", "change", ({ value }) => chooseLayer(Number(value)));
  byId("clear").addEventListener("click", () => {
    state.filter = "";
    byId("filter").value = "";
    forgetBrush();
    showTable();
    drawScatter();
  });
}

function chooseLayer(layer) {
  state.layer = layer;
  byId("layer").value = layer;
  const layers = layersOf(state.point);
  drawSoon("timeline", timelineFigure(layers));
}

function start() {
  const example = VARYING.find((axis) => axis.numeric) ?? null;
  byId("filter-note").textContent = "Words that a point must contain, or comparisons by the name of a column, such as "
    + `${example ? `${example.label}>=${example.distinct[Math.floor(example.distinct.length / 2)]} ` : ""}latency_s<0.01 (in s). Click a row to see what the point is made of.`;
  chooseAtFirst();
  showOverview();
  fillMenus();
  connectControls();
  listeners.set("scatter", connectScatter);
  listeners.set("layer-energy", (plot) => plot.on("plotly_click", ({ points }) => chooseLayer(points[0].x)));
  showTable();
  showPoint();
  document.addEventListener("DOMContentLoaded", () => {
    drawScatter();
    drawNext();
  });
}

start();
