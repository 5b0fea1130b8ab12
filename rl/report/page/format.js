// Numbers and units as people read them.

const PREFIXES = [
  [1e15, "P"], [1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"], [1, ""],
  [1e-3, "m"], [1e-6, "µ"], [1e-9, "n"], [1e-12, "p"], [1e-15, "f"], [1e-18, "a"],
];
const POWERS = {
  P: "10¹⁵", T: "10¹²", G: "10⁹", M: "10⁶", k: "10³", m: "10⁻³", µ: "10⁻⁶", n: "10⁻⁹", p: "10⁻¹²", f: "10⁻¹⁵", a: "10⁻¹⁸",
};

// The prefix under which `value`, in `unit`, reads as 1 to 999; shown = value / divisor.
function siScale(value, unit) {
  const size = Math.abs(value);
  if (!size) return { divisor: 1, unit, prefix: "" };
  // 0.9995 rounds to 1.00 with three digits: '1.00 mJ' reads better than '1000 µJ'.
  const [divisor, prefix] = PREFIXES.find(([step]) => size >= 0.9995 * step) ?? PREFIXES.at(-1);
  return { divisor, unit: unit ? prefix + unit : POWERS[prefix] ?? "", prefix };
}

// Three significant digits, thousands grouped, never an exponent where people would not write one.
function threeDigits(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size >= 1e7 || size < 1e-4) return value.toExponential(2).replace("e+", "e").replace("-", "−");
  const rounded = Number(value.toPrecision(3));
  const decimals = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(rounded))));
  return size >= 1000
    ? Math.round(value).toLocaleString("en-US")
    : rounded.toFixed(decimals).replace("-", "−");
}

// A stored value of a quantity with its unit: '4.20 mJ'.
function withUnit(quantity, stored) {
  if (stored === null || stored === undefined) return "–";
  const value = stored * quantity.factor;
  if (!quantity.prefixed) return `${threeDigits(value)} ${quantity.unit}`.trim();
  const { divisor, prefix } = siScale(value, quantity.unit);
  return `${threeDigits(value / divisor)} ${prefix}${quantity.unit}`.trim();
}

// One scale for many stored values: that of their middle.
function commonScale(quantity, stored) {
  const sizes = stored.filter((value) => value).map((value) => Math.abs(value * quantity.factor)).sort((a, b) => a - b);
  const middle = sizes.length ? sizes[Math.floor(sizes.length / 2)] : 0;
  const { divisor, unit } = quantity.prefixed ? siScale(middle, quantity.unit) : { divisor: 1, unit: quantity.unit };
  return { factor: quantity.factor / divisor, unit };
}

function titled(label, unit) {
  return unit ? `${label} (${unit})` : label;
}

function plural(count, word) {
  return `${count.toLocaleString("en-US")} ${word}${count === 1 ? "" : "s"}`;
}

// Leading parts of a module path shrink to initial and number, then the front is cut: its end tells layers apart.
function shorten(text, width) {
  const parts = text.split(".");
  for (let i = 0; i < parts.length - 1 && parts.join(".").length > width; i += 1) {
    const digits = /\d*$/.exec(parts[i])[0];
    parts[i] = parts[i].slice(0, parts[i].length - digits.length).slice(0, 1) + digits;
  }
  const short = parts.join(".");
  return short.length <= width ? short : `…${short.slice(short.length - width + 1)}`;
}

// Plotly reads a few tags and entities in its texts; names from files are shown as they are.
function plotText(text) {
  return String(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

// An element with attributes and children; strings become text, never markup.
function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat().filter((child) => child !== null));
  return made;
}

function byId(id) {
  return document.getElementById(id);
}
