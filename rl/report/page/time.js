// Time of layers: the network in the order it runs, or one layer against what bounds it; and what its operands are like.

function timelineFigure(layers) {
  return state.layer < 0 ? networkTimeline(layers) : layerTimeline(layers, state.layer);
}

function timeTraces(names, parts, scale) {
  return parts.map(({ name, colour, starts, lengths }) => ({
    type: "bar", orientation: "h", name, y: names.map((_, i) => i), x: lengths.map((value) => value / scale.divisor),
    base: starts.map((value) => value / scale.divisor), marker: { color: colour, line: { width: 0 } },
    customdata: names.map((text, i) => [plotText(text), lengths[i].toLocaleString("en-US")]),
    hovertemplate: `%{customdata[0]}<br>${name}: %{customdata[1]} cycles<extra></extra>`,
  }));
}

function networkTimeline(layers) {
  let clock = 0;
  const starts = layers.compute.map((compute, i) => {
    const start = clock;
    clock += compute + layers.stall[i];
    return start;
  });
  const scale = siScale(clock, "");
  const behind = starts.map((start, i) => start + layers.compute[i]);
  const stalled = layers.stall.reduce((sum, value) => sum + value, 0);
  byId("timeline-note").textContent = `Layers run one after another, ${clock.toLocaleString("en-US")} cycles in all; `
    + `${threeDigits((100 * stalled) / (clock || 1))} % of them are stalls, drawn behind each layer's computing.`;
  const count = layers.names.length;
  const pitch = count > 40 ? 13 : 19;
  const step = Math.ceil(count / 120);
  return {
    traces: timeTraces(layers.names, [
      { name: "Computing", colour: DATA.styles.compute, starts, lengths: layers.compute },
      { name: "Stalled", colour: DATA.styles.stall, starts: behind, lengths: layers.stall },
    ], scale),
    layout: baseLayout({
      barmode: "overlay", bargap: 0.15, height: 110 + Math.min(1500, pitch * Math.max(count, 5)), margin: { l: 60, r: 24, t: 16, b: 50 },
      xaxis: axisStyle(titled("Cycles since the start", scale.unit), { rangemode: "tozero" }),
      yaxis: axisStyle("", { ...nameTicks(layers.names, step), range: [count - 0.4, -0.6], showgrid: false, ticks: "", tickfont: { size: count > 40 ? 10.5 : 12 } }),
    }),
  };
}

function layerTimeline(layers, i) {
  const [peak, bandwidth] = layers.roofs;
  const rows = [
    ["Time of the layer", layers.compute[i], layers.stall[i]],
    ...(peak && macsOf(layers, i) ? [["Its MACs at the peak rate", Math.round(macsOf(layers, i) / peak), 0]] : []),
    ...(bandwidth ? [["Its DRAM bytes at full bandwidth", Math.round(layers.dram_bytes[i] / bandwidth), 0]] : []),
  ];
  const names = rows.map(([name]) => name);
  const computing = rows.map(([, cycles]) => cycles);
  const scale = siScale(Math.max(...rows.map(([, compute, stall]) => compute + stall)), "");
  const joined = layers.joined[i] ? `, with ${plural(layers.joined[i], "vector-unit operation")}` : "";
  byId("timeline-note").textContent = `${layers.ops[i]} ${shapeText(layers, i)}${tileText(layers.tiles[i])}${joined}.`;
  return {
    traces: timeTraces(names, [
      { name: "Computing", colour: DATA.styles.compute, starts: computing.map(() => 0), lengths: computing },
      { name: "Stalled", colour: DATA.styles.stall, starts: computing, lengths: rows.map(([, , stall]) => stall) },
    ], scale),
    layout: baseLayout({
      barmode: "overlay", bargap: 0.35, height: 130 + 34 * names.length, margin: { l: 60, r: 24, t: 16, b: 50 },
      xaxis: axisStyle(titled("Cycles", scale.unit), { rangemode: "tozero" }),
      yaxis: axisStyle("", { tickmode: "array", tickvals: names.map((_, at) => at), ticktext: names, range: [names.length - 0.4, -0.6], showgrid: false, ticks: "" }),
    }),
  };
}

// '448,16,147,mnk' in words.
function tileText(tiles) {
  if (!tiles) return "";
  const [m, n, k, loops] = tiles.split(",");
  return `; tiles of M ${m}, N ${n}, K ${k}, loops ${loops}`;
}

// Which multiplications were done, and which zeros saved.
function macsFigure(layers) {
  const places = arrayLayers(layers);
  const widths = new Set(places.map((i) => layers.shapes[i].slice(4).join(" × ")));
  const bits = widths.size > 1 ? "Widths differ between layers; they stand in the hover text." : `All layers multiply ${[...widths][0]} bit.`;
  const saved = ["gated", "skipped"].filter((key) => layers[key]);
  const none = saved.length ? "" : " No multiplication is gated or skipped as a whole.";
  const statistics = layers["activations.zeros"] ? "" : " The results hold no statistics of the operands (`simulate --operands --json` writes them).";
  byId("operands-note").textContent = places.length ? bits + none + statistics : "No layer multiplies.";
  if (!saved.length && widths.size < 2) return null;
  const share = (key) => layers.names.map((_, i) => (100 * (layers[key]?.[i] ?? 0)) / (macsOf(layers, i) || 1));
  const [gated, skipped] = [share("gated"), share("skipped")];
  const done = layers.names.map((_, i) => (macsOf(layers, i) ? 100 - gated[i] - skipped[i] : 0));
  const parts = [["Done", DATA.styles.compute, done], ["Gated", "#E69F00", gated], ["Skipped", "#B3B3B3", skipped]];
  return {
    traces: parts.filter(([, , shown]) => shown.some(Boolean)).map(([name, colour, shown]) => ({
      type: "bar", name, x: shown.map((_, i) => i), y: shown, marker: { color: colour, line: { width: 0 } },
      customdata: layers.names.map((text, i) => `${plotText(text)} (${layers.shapes[i].slice(4).join(" × ")} bit)`),
      hovertemplate: `%{customdata}<br>${name}: %{y:.3~g} %<extra></extra>`,
    })),
    layout: baseLayout({
      barmode: "stack", bargap: 0.15, height: 160, margin: { l: 70, r: 20, t: 16, b: 60 },
      xaxis: layerAxis(layers), yaxis: axisStyle("Multiplications (%)", { range: [0, 100] }),
      legend: { ...baseLayout().legend, traceorder: "normal" },
    }),
  };
}

// Zeros and effectual bits of both operands.
function operandsFigure(layers) {
  if (!layers["activations.zeros"]) return null;
  const bars = layers.names.map((_, i) => i);
  const panels = [["zeros", "Zeros (%)", 100, "y"], ["effectual_bits", "Ones per value (bit)", 1, "y2"], ["width_bits", "Width per value (bit)", 1, "y3"]];
  const operands = [["activations", "Activations", "#56B4E9"], ["weights", "Weights", "#009E73"]];
  const traces = panels.flatMap(([field, , factor, axis], row) => operands.map(([operand, name, colour]) => ({
    type: "bar", name, x: bars, y: layers[`${operand}.${field}`].map((value) => (value === null ? null : value * factor)), yaxis: axis,
    marker: { color: colour, line: { width: 0 } }, showlegend: row === 0, customdata: layers.names.map(plotText),
    legendgroup: operand, hovertemplate: `%{customdata}<br>${name}: %{y:.3~g}<extra></extra>`,
  })));
  return {
    traces,
    layout: baseLayout({
      barmode: "group", bargap: 0.2, height: 640, margin: { l: 70, r: 20, t: 16, b: 60 },
      xaxis: { ...layerAxis(layers), anchor: "y3" },
      yaxis: axisStyle(panels[0][1], { domain: [0.7, 1], rangemode: "tozero" }),
      yaxis2: axisStyle(panels[1][1], { domain: [0.35, 0.65], rangemode: "tozero" }),
      yaxis3: axisStyle(panels[2][1], { domain: [0, 0.3], rangemode: "tozero" }),
    }),
  };
}
