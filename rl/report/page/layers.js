// What one point is made of: energy and time of its layers, the roofline, operands, the machine.

function showLayers() {
  const layers = layersOf(state.point);
  byId("layer-views").hidden = !layers;
  const held = Object.keys(DATA.layers).length;
  byId("no-layers").textContent = layers ? "" : `The page holds the layers of ${held} of ${plural(COUNT, "point")}: those on a front `
    + "of latency, energy and area first, then by energy-delay product. This point is not among them.";
  if (!layers) return;
  byId("layer").replaceChildren(
    element("option", { value: -1 }, "the whole network"),
    ...layers.names.map((name, i) => element("option", { value: i }, name)),
  );
  state.layer = Math.min(state.layer, layers.names.length - 1);
  byId("layer").value = state.layer;
  drawSoon("layer-energy", layerEnergyFigure(layers));
  drawSoon("roofline", rooflineFigure(layers));
  drawSoon("timeline", timelineFigure(layers));
  drawSoon("macs", macsFigure(layers));
  drawSoon("operands", operandsFigure(layers));
}

function layerAxis(layers) {
  const step = Math.ceil(layers.names.length / 70);
  const title = step === 1 ? "Layer" : `Layer (one of ${step} is named)`;
  return axisStyle(title, {
    ...nameTicks(layers.names, step), tickangle: layers.names.length > 5 ? -90 : 0, showgrid: false, range: [-0.7, layers.names.length - 0.3],
    tickfont: { size: layers.names.length > 40 ? 10 : 12 },
  });
}

function layerEnergyFigure(layers) {
  const energies = Object.fromEntries(DATA.styles.components.map(({ key }) => [key, layers[`energy.${key}`]]));
  const totals = layers.names.map((_, i) => Object.values(energies).reduce((sum, column) => sum + (column?.[i] ?? 0), 0));
  const { divisor, unit } = siScale(Math.max(...totals) * 1e-12, "J");
  const joined = layers.joined.reduce((sum, count) => sum + count, 0);
  byId("layer-energy-note").textContent = joined ? `${plural(joined, "vector-unit operation")} count with the array layer before them. `
    + "Click a bar for the layer's time." : "Click a bar for the layer's time.";
  const bars = layers.names.map((_, i) => i);
  return {
    traces: componentTraces(energies, bars, (value) => (value * 1e-12) / divisor, false, unit, { customdata: layers.names.map(plotText) }),
    layout: baseLayout({
      barmode: "stack", bargap: 0.15, height: 450, margin: { l: 70, r: 20, t: 16, b: 60 },
      xaxis: layerAxis(layers), yaxis: axisStyle(`Energy per layer (${unit})`), legend: { ...baseLayout().legend, traceorder: "normal" },
    }),
  };
}

function macsOf(layers, i) {
  const [groups, m, n, k] = layers.shapes[i];
  return groups * m * n * k;
}

function arrayLayers(layers) {
  return layers.names.map((_, i) => i).filter((i) => macsOf(layers, i) && layers.array_cycles[i]);
}

function rooflineFigure(layers) {
  const [peak, bandwidth] = layers.roofs;
  const places = arrayLayers(layers);
  if (!places.length) return null;
  const intensities = places.map((i) => (layers.dram_bytes[i] ? macsOf(layers, i) / layers.dram_bytes[i] : null));
  const rates = places.map((i) => macsOf(layers, i) / layers.array_cycles[i]);
  const known = intensities.filter((value) => value !== null);
  const balance = peak && bandwidth ? peak / bandwidth : null;
  const left = Math.min(...known, (balance ?? known[0] ?? 1) / 5) / 3;
  const right = Math.max(...known, (balance ?? known[0] ?? 1) * 3) * 4;
  const bottom = Math.min(...rates, (peak ?? rates[0]) / 20) / 2.5;
  const top = Math.max(...rates, peak ?? 0) * 2.5;
  const busy = places.reduce((sum, i) => sum + layers.array_cycles[i], 0);
  const largest = Math.max(...places.map((i) => layers.array_cycles[i]));
  const clouds = [...groupBy(places.map((_, at) => at), (at) => layers.kinds[places[at]])].map(([kind, members]) => ({
    type: "scatter", mode: "markers", name: kind,
    x: members.map((at) => intensities[at] ?? right / 1.3), y: members.map((at) => rates[at]),
    text: members.map((at) => rooflineText(layers, places[at], intensities[at], rates[at], busy)), hovertemplate: "%{text}<extra></extra>",
    marker: {
      symbol: members.map((at) => DATA.styles.kinds[kind].symbol + (intensities[at] === null ? "-open" : "")),
      color: DATA.styles.kinds[kind].colour, opacity: 0.85, line: { color: "#fff", width: 0.8 },
      size: members.map((at) => Math.max(6, 24 * Math.sqrt(layers.array_cycles[places[at]] / largest))),
    },
  }));
  const hidden = intensities.length - known.length;
  byId("roofline-note").textContent = "A layer's area is its share of the time."
    + (hidden ? " Hollow, at the right edge: layers without DRAM traffic." : "")
    + (peak && rates.some((rate) => rate > peak) ? " Above the peak: layers whose zeros save time; the peak is that of full operands." : "")
    + (peak ? "" : " The roofs are not known: this version cannot read the point's machine.")
    + (peak && !bandwidth ? " The memory is ideal: there is no roof of bandwidth." : "");
  const roofs = peak ? roofTraces(peak, bandwidth, balance, left, right, bottom) : { traces: [], notes: [] };
  return {
    traces: [...roofs.traces, ...clouds],
    layout: baseLayout({
      height: 540, margin: { l: 70, r: 20, t: 16, b: 56 }, annotations: roofs.notes,
      xaxis: logAxis("Operational intensity (MAC per DRAM byte)", { range: [Math.log10(left), Math.log10(right)] }),
      yaxis: logAxis("Throughput (MAC/cycle)", { range: [Math.log10(bottom), Math.log10(top)] }),
      legend: { ...baseLayout().legend, itemsizing: "constant" },
    }),
  };
}

function rooflineText(layers, i, intensity, rate, busy) {
  const lines = [
    `${layers.ops[i]} ${shapeText(layers, i)}`,
    intensity === null ? "no DRAM traffic" : `${threeDigits(intensity)} MAC per DRAM byte`,
    `${threeDigits(rate)} MAC/cycle, ${threeDigits(100 * layers.utilization[i])} % of the multipliers`,
    `${threeDigits((100 * layers.array_cycles[i]) / busy)} % of the time`,
  ];
  return [`<b>${plotText(layers.names[i])}</b>`, ...lines.map(plotText)].join("<br>");
}

function shapeText(layers, i) {
  const [groups, m, n, k] = layers.shapes[i];
  return `${groups > 1 ? `${groups} × ` : ""}M ${m}, N ${n}, K ${k}`;
}

function roofTraces(peak, bandwidth, balance, left, right, bottom) {
  const line = { type: "scatter", mode: "lines", hoverinfo: "skip", showlegend: false };
  const traces = [{ ...line, x: [Math.max(left, balance ?? left), right], y: [peak, peak], line: { color: "#000", width: 1.8 } }];
  const note = (x, y, text, more) => ({ x: Math.log10(x), y: Math.log10(y), text, showarrow: false, font: { size: 12 }, ...more });
  const notes = [note(right, peak, `Peak ${threeDigits(peak)} MAC/cycle`, { xanchor: "right", yanchor: "bottom" })];
  if (balance) {
    traces.push({ ...line, x: [left, balance], y: [left * bandwidth, peak], line: { color: "#000", width: 1.8 } });
    traces.push({ ...line, x: [balance, balance], y: [bottom, peak], line: { color: "#8c8c8c", width: 1, dash: "dash" } });
    notes.push(note(balance, bottom, `Balance ${threeDigits(balance)} MAC/byte`, { xanchor: "left", yanchor: "bottom", xshift: 4, font: { size: 12, color: "#595959" } }));
    const low = Math.max(left, bottom / bandwidth);
    const middle = Math.sqrt(low * balance);
    notes.push(note(middle, middle * bandwidth, `DRAM ${threeDigits(bandwidth)} byte/cycle`, { xanchor: "right", yanchor: "bottom", xshift: -6 }));
  }
  return { traces, notes };
}

function showMachine() {
  const facts = DATA.facts[state.point];
  const resolved = DATA.resolved[state.point];
  if (!resolved) {
    byId("configuration").replaceChildren(element("p", { class: "note" }, "The folder does not hold the resolved machine of this point."));
    return;
  }
  const names = {
    bitgrove: "Bitgrove", engine: "Engine", hardware_hash: "Hash of the machine", seed: "Seed", operands: "Operands",
  };
  const lines = Object.entries(facts).filter(([, value]) => value !== "").map(([key, value]) => `${names[key]} ${value}`);
  const varying = Object.fromEntries(DATA.fields.map((name, i) => [name, resolved[i]]).filter(([, value]) => value !== null));
  byId("configuration").replaceChildren(
    element("p", { class: "note" }, `${lines.join(" · ")}. Bold: fields that differ between the points.`),
    fieldList({ ...DATA.common, ...varying }, new Set(DATA.fields)),
  );
}

// Fields of a machine, a block for each section.
function fieldList(fields, varying) {
  const sections = groupBy(Object.keys(fields).sort(), (name) => (name.includes(".") ? name.slice(0, name.lastIndexOf(".")) : "machine"));
  const blocks = [...sections].map(([section, names]) => element("div", {}, element("h4", {}, section), element("table", {}, names.map((name) => element(
    "tr", { class: varying.has(name) ? "varies" : null },
    element("th", { scope: "row" }, name.slice(name.lastIndexOf(".") + 1)), element("td", {}, fields[name]),
  )))));
  return element("div", { class: "fields" }, blocks);
}
