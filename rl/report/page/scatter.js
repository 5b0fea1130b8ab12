// Two quantities of all points, the front, and what is brushed or chosen in it.

const FEW = 8;

// How points are coloured: categories with hue and symbol, or a scale of numbers.
function colouring() {
  const axis = AXES.find((one) => `axis ${one.name}` === state.colour);
  const quantity = QUANTITIES.get(state.colour);
  if (axis && (!axis.numeric || axis.distinct.length <= FEW)) {
    const values = [...axis.distinct].sort((a, b) => (axis.numeric ? a - b : 0));
    return { title: axis.name, groups: groupBy(ALL, (place) => axis.values[place]), values };
  }
  return { title: "", groups: new Map([["", ALL]]), values: [""], quantity };
}

function hoverText(place, x, y) {
  const others = [...new Set([x, y, ...["latency_s", "energy_j", "area_mm2"].map((key) => METRICS.get(key))])].filter(Boolean);
  const lines = others.map((quantity) => `${quantity.label}: ${withUnit(quantity, quantity.values[place])}`);
  return [`<b>${plotText(shorten(pointName(place), 90))}</b>`, ...lines.map(plotText)].join("<br>");
}

function scatterFigure() {
  const [x, y] = [QUANTITIES.get(state.x), QUANTITIES.get(state.y)];
  const [across, up] = [commonScale(x, x.values), commonScale(y, y.values)];
  const shown = (places) => ({
    x: places.map((place) => (x.values[place] === null ? null : x.values[place] * across.factor)),
    y: places.map((place) => (y.values[place] === null ? null : y.values[place] * up.factor)),
  });
  const passing = new Set(filtered());
  const colours = colouring();
  const clouds = colours.values.map((value, i) => {
    const places = colours.groups.get(value) ?? [];
    return {
      type: "scatter", mode: "markers", name: plotText(value), ...shown(places), customdata: places, showlegend: !colours.quantity && colours.title !== "",
      text: places.map((place) => hoverText(place, x, y)), hovertemplate: "%{text}<extra></extra>",
      marker: {
        size: 9, opacity: places.map((place) => (passing.has(place) ? 0.9 : 0.07)), line: { color: "#fff", width: 0.7 },
        ...(colours.quantity ? scaleOfNumbers(colours.quantity) : {
          color: HUES[i % HUES.length], symbol: SYMBOLS[(i + Math.floor(i / HUES.length)) % SYMBOLS.length],
        }),
      },
      selected: { marker: { opacity: 0.95 } }, unselected: { marker: { opacity: 0.12 } },
    };
  });
  const chosen = {
    type: "scatter", mode: "markers", ...shown([state.point]), hoverinfo: "skip", showlegend: false,
    marker: { symbol: "circle-open", size: 17, color: "#000", line: { width: 2 } },
    selected: { marker: { opacity: 1 } }, unselected: { marker: { opacity: 1 } },
  };
  const axis = (quantity, unit, isLog) => (isLog && isPositive(quantity) ? logAxis : axisStyle)(titled(quantity.label, unit));
  return {
    traces: [...frontTraces(x, y, [...passing], shown), ...clouds, chosen],
    layout: baseLayout({
      height: 560, dragmode: "select", margin: { l: 70, r: 20, t: 16, b: 56 },
      xaxis: axis(x, across.unit, state.logX), yaxis: axis(y, up.unit, state.logY),
      uirevision: [state.x, state.y, state.logX, state.logY].join(), selectionrevision: [state.x, state.y].join(),
      legend: { ...baseLayout().legend, title: { text: `${plotText(colours.title)} `, side: "left" } },
    }),
  };
}

function scaleOfNumbers(quantity) {
  const { factor, unit } = commonScale(quantity, quantity.values);
  const bar = { title: { text: plotText(titled(quantity.label, unit)), side: "right" }, thickness: 12, outlinewidth: 0 };
  return { color: quantity.values.map((value) => (value === null ? null : value * factor)), colorscale: "Cividis", colorbar: bar };
}

function isPositive(quantity) {
  return quantity.values.every((value) => value === null || value > 0);
}

// Staircases through the points that no other beats. Between two of them the better one that is allowed counts.
function frontTraces(x, y, places, shown) {
  const note = byId("front-note");
  if (!x.better || !y.better) {
    note.textContent = `No front: for ${(x.better ? y : x).label} neither less nor more is better.`;
    return [];
  }
  const axis = AXES.find((one) => one.name === state.front);
  const groups = axis ? groupBy(places, (place) => axis.values[place]) : new Map([["", places]]);
  const fronts = [...groups].map(([value, members]) => [value, frontOf(members, x, y)]).filter(([, members]) => members.length);
  const best = fronts.map(([value, members]) => `${axis ? `${value}: ` : ""}${members.length}`).join(", ");
  const goal = (quantity) => `${quantity.better < 0 ? "less" : "more"} ${quantity.label.toLowerCase()}`;
  note.textContent = `Lines: the front${axis ? "s" : ""} of ${goal(x)} and ${goal(y)} (points on it: ${best}). `
    + "Drag to select points for the table, double-click to end that; click a point to see what it is made of.";
  const dashes = ["solid", "dash", "dot", "dashdot", "longdash"];
  return fronts.map(([value, members], i) => ({
    type: "scatter", mode: "lines", ...shown([...members].sort((a, b) => x.values[a] - x.values[b])),
    line: { color: "#595959", width: 1.3, shape: x.better < 0 ? "hv" : "vh", dash: dashes[i % dashes.length] },
    name: axis ? `Front, ${plotText(value)}` : "Front", hoverinfo: "skip", showlegend: true,
  }));
}

function drawScatter() {
  drawNow("scatter", placed("scatter", scatterFigure()));
}

function connectScatter(plot) {
  plot.on("plotly_click", ({ points }) => {
    if (points[0].customdata !== undefined) choosePoint(points[0].customdata);
  });
  plot.on("plotly_selected", (event) => {
    // Without a box or lasso it is a click, which leaves them as they are.
    if (!event?.range && !event?.lassoPoints) return;
    brushPoints(event.points.map((point) => point.customdata).filter((place) => place !== undefined));
  });
  plot.on("plotly_deselect", () => brushPoints(null));
}

function brushPoints(places) {
  state.brush = places && new Set(places);
  state.page = 0;
  showTable();
}

// Forget what was brushed, in the figure, too.
function forgetBrush() {
  state.brush = null;
  const plot = byId("scatter");
  Plotly.update(plot, { selectedpoints: [null] }, { selections: [] });
}
