// The table of points: sorted, filtered, brushed, in pages.

const PAGE_ROWS = 25;
const MOST_MACHINES = 30;

function tableColumns() {
  const keys = [...METRICS.values()].filter((metric) => metric.group === "Result").map((metric) => metric.key);
  const metrics = [...new Set([...keys, state.x, state.y])].map((key) => METRICS.get(key)).filter(Boolean);
  return [
    { key: "number", title: "Point", unit: "", cell: (place) => `#${DATA.numbers[place]}`, isNumber: true },
    ...AXES.filter((axis) => axis.names).map(axisColumn),
    ...metrics.map((metric) => {
      const { factor, unit } = commonScale(metric, metric.values);
      const cell = (place) => (metric.values[place] === null ? "–" : threeDigits(metric.values[place] * factor));
      return { key: metric.key, title: metric.label, unit, cell, isNumber: true, hint: metric.key };
    }),
    ...AXES.filter((axis) => !axis.names).map(axisColumn),
  ];
}

function axisColumn(axis) {
  return { key: axis.name, title: axis.label, unit: "", cell: (place) => axisText(axis, place), isNumber: axis.numeric, hint: axis.name };
}

function showTable() {
  const columns = tableColumns();
  const places = listed();
  const pages = Math.max(1, Math.ceil(places.length / PAGE_ROWS));
  state.page = Math.min(state.page, pages - 1);
  const start = state.page * PAGE_ROWS;
  byId("table").tHead.replaceChildren(element("tr", {}, columns.map(headCell)));
  byId("table").tBodies[0].replaceChildren(...places.slice(start, start + PAGE_ROWS).map((place) => tableRow(place, columns)));
  const picked = state.brush ? ", selected in the figure above" : "";
  byId("count").textContent = `${places.length} of ${plural(COUNT, "point")}${picked}`;
  byId("clear").disabled = places.length === COUNT && !state.brush && !state.filter;
  showPages(pages, start, places.length);
  drawSoon("machines-chart", machinesFigure(places));
}

function headCell(column) {
  const { key, falls } = state.sort;
  const isSorted = key === column.key;
  const order = isSorted ? (falls ? "descending" : "ascending") : null;
  const mark = isSorted ? (falls ? "\u00a0▾" : "\u00a0▴") : "";
  const sort = () => {
    state.sort = { key: column.key, falls: isSorted && !falls };
    state.page = 0;
    showTable();
  };
  const button = element("button", { type: "button", onclick: sort, title: column.hint }, column.title + mark, element("span", { class: "unit" }, column.unit || " "));
  return element("th", { scope: "col", class: column.isNumber ? "number" : null, "aria-sort": order }, button);
}

function tableRow(place, columns) {
  const choose = () => choosePoint(place);
  const onkeydown = (event) => {
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      choose();
    }
  };
  const cells = columns.map((column) => element("td", { class: column.isNumber ? "number" : null }, column.cell(place)));
  return element("tr", { tabindex: 0, "data-place": place, "aria-selected": String(place === state.point), onclick: choose, onkeydown }, cells);
}

function markRow() {
  for (const row of byId("table").tBodies[0].rows) row.setAttribute("aria-selected", String(Number(row.dataset.place) === state.point));
}

function showPages(pages, start, total) {
  const turn = (by) => () => {
    state.page += by;
    showTable();
  };
  const range = total ? `${start + 1} to ${Math.min(start + PAGE_ROWS, total)} of ${total}` : "No point fits.";
  byId("pages").replaceChildren(
    element("button", { type: "button", disabled: state.page === 0, onclick: turn(-1) }, "Previous"),
    element("button", { type: "button", disabled: state.page >= pages - 1, onclick: turn(1) }, "Next"),
    element("span", { class: "quiet" }, range),
  );
}

// Energy of the first points of the table, one bar each.
function machinesFigure(places) {
  const shown = places.slice(0, MOST_MACHINES);
  const rest = places.length - shown.length;
  byId("machines-note").textContent = `The ${rest ? `first ${shown.length} of ${places.length}` : shown.length} points of the table, in its order.`;
  const energies = Object.fromEntries(DATA.styles.components.map(({ key }) => {
    const metric = METRICS.get(`energy_pj.${key}`);
    return [key, metric && shown.map((place) => metric.values[place] ?? 0)];
  }));
  const totals = shown.map((_, i) => Object.values(energies).reduce((sum, column) => sum + (column?.[i] ?? 0), 0));
  const { divisor, unit } = siScale(Math.max(...totals) * 1e-12, "J");
  const toShown = state.shares ? (value, i) => (100 * value) / (totals[i] || 1) : (value) => (value * 1e-12) / divisor;
  const names = shown.map((place) => pointName(place, shown.length > 1 ? shown : ALL));
  const bars = shown.map((_, i) => i);
  const traces = componentTraces(energies, bars, toShown, true, state.shares ? "%" : unit, { customdata: names.map(plotText) });
  if (!traces.length) return null;
  return {
    traces,
    layout: baseLayout({
      barmode: "stack", bargap: 0.25, height: 130 + 24 * Math.max(shown.length, 2), margin: { l: 60, r: 24, t: 16, b: 50 },
      xaxis: axisStyle(state.shares ? "Share of the energy (%)" : `Energy (${unit})`, state.shares ? { range: [0, 100] } : {}),
      yaxis: axisStyle("", {
        tickmode: "array", tickvals: bars, ticktext: names.map((name) => plotText(shortEnd(name, 64))), autorange: "reversed", showgrid: false, ticks: "",
      }),
      legend: { ...baseLayout().legend, traceorder: "normal" },
    }),
  };
}

function shortEnd(text, width) {
  return text.length <= width ? text : `${text.slice(0, width - 1)}…`;
}
