// The data of the page, what is chosen in it, and what follows from both.

const DATA = JSON.parse(byId("data").textContent);
const COUNT = DATA.numbers.length;
const ALL = [...Array(COUNT).keys()];
const AXES = DATA.axes.map((axis) => ({ ...axis, distinct: [...new Set(axis.values)] }));
const VARYING = AXES.filter((axis) => axis.distinct.length > 1);
const NAMING = VARYING.filter((axis) => axis.names);
const METRICS = new Map(DATA.metrics.map((metric) => [metric.key, { ...metric, values: DATA.values[metric.key] }]));
const NUMERIC_AXES = VARYING.filter((axis) => axis.numeric).map((axis) => ({
  key: `axis ${axis.name}`, label: axis.name, unit: "", factor: 1, prefixed: false, better: 0, group: "Axes", values: axis.values,
}));
const QUANTITIES = new Map([...METRICS, ...NUMERIC_AXES.map((axis) => [axis.key, axis])]);

// `brush`: places of the points in the box or lasso, or null; `sort`: a column's key and whether it falls.
const state = {
  point: 0, brush: null, filter: "", sort: { key: "number", falls: false }, page: 0,
  x: "latency_s", y: "energy_j", colour: "", front: "", logX: true, logY: true, shares: false, layer: -1,
};

// Axes whose values say by themselves what they are; 'none' or '32' does not.
const SPEAKING = new Set(["model", "hardware", "file", "policy", "array.dataflow"]);

function axisText(axis, place) {
  return String(axis.values[place]);
}

// The axis that says which model ran, where there are several.
function modelAxis() {
  return VARYING.find((axis) => axis.values.every((value, place) => value === DATA.models[place]));
}

// Name of a point by the axes that differ among `others`; its number alone if none does.
function pointName(place, others = ALL) {
  const told = NAMING.filter((axis) => others.some((other) => axis.values[other] !== axis.values[others[0]]));
  const words = told.map((axis) => (SPEAKING.has(axis.name)
    ? axisText(axis, place).replace(/\.json$/, "")
    : `${axis.label} ${axisText(axis, place)}`));
  return [`#${DATA.numbers[place]}`, ...words].join(" · ");
}

const HAYSTACKS = ALL.map((place) => [
  `#${DATA.numbers[place]}`, DATA.models[place], DATA.machines[place], ...AXES.map((axis) => `${axis.name}=${axisText(axis, place)}`),
].join("\n").toLowerCase());

// What a word of the filter compares: an axis or metric by its key, its label's short form, or the end of its name.
function comparable(name) {
  const wanted = name.toLowerCase();
  const axis = AXES.find((one) => one.name.toLowerCase() === wanted || one.label.toLowerCase() === wanted);
  if (axis) return axis.values;
  const metric = [...METRICS.values()].find((one) => one.key.toLowerCase() === wanted);
  return metric ? metric.values : null;
}

// A test of places for one word: 'rows<=32', 'latency_s<0.01', 'dataflow=ws', or text that a point must contain.
function wordTest(word) {
  const parts = /^([\w.]+)(<=|>=|!=|=|<|>)(.+)$/.exec(word);
  const values = parts && comparable(parts[1]);
  if (!values) return (place) => HAYSTACKS[place].includes(word.toLowerCase());
  const [, , sign, text] = parts;
  const number = Number(text);
  const same = (place) => String(values[place]).toLowerCase() === text.toLowerCase() || values[place] === number;
  const known = (place) => values[place] ?? NaN; // neither less nor more than any number
  const tests = {
    "=": same, "!=": (place) => !same(place),
    "<": (place) => known(place) < number, ">": (place) => known(place) > number,
    "<=": (place) => known(place) <= number, ">=": (place) => known(place) >= number,
  };
  return tests[sign];
}

// Places that the filter lets through.
function filtered() {
  const tests = state.filter.trim().split(/\s+/).filter(Boolean).map(wordTest);
  return ALL.filter((place) => tests.every((test) => test(place)));
}

// Places in the table, in its order.
function listed() {
  const places = filtered().filter((place) => !state.brush || state.brush.has(place));
  const { key, falls } = state.sort;
  const column = key === "number" ? DATA.numbers : QUANTITIES.get(key)?.values ?? AXES.find((axis) => axis.name === key)?.values;
  const sign = falls ? -1 : 1;
  return places.sort((a, b) => {
    const [one, other] = [column[a], column[b]];
    if (one === other) return a - b;
    if (one === null || one === undefined) return 1;
    if (other === null || other === undefined) return -1;
    if (typeof one === "string") return sign * one.localeCompare(other, "en", { numeric: true });
    return sign * (one - other);
  });
}

// Places of the points that no other of `places` beats in both quantities; of equal ones the first.
function frontOf(places, x, y) {
  const known = places.filter((place) => Number.isFinite(x.values[place]) && Number.isFinite(y.values[place]));
  const cost = (quantity, place) => -quantity.better * quantity.values[place];
  known.sort((a, b) => cost(x, a) - cost(x, b) || cost(y, a) - cost(y, b) || a - b);
  let least = Infinity;
  return known.filter((place) => cost(y, place) < least && ((least = cost(y, place)), true));
}

function groupBy(places, keyOf) {
  const groups = new Map();
  for (const place of places) {
    const key = keyOf(place);
    if (!groups.has(key)) groups.set(key, []);
    groups.get(key).push(place);
  }
  return groups;
}

// Layers of a point with their shapes, or null where the page does not hold them.
function layersOf(place) {
  const layers = DATA.layers[place];
  return layers ? { ...layers, ...DATA.networks[layers.network] } : null;
}
