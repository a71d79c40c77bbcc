// The arithmetic of a grid in the browser: fit, encode, decode, and the squared error of values in bins.
// It follows core/formats and observe/error.py; tests/browser/test_grid_editor.py holds both to each other.

const TINY = 1.1754943508222875e-38; // smaller scales become 1, as core/formats/protocol.py says

/** Rounds half to even, as QuantizeLinear does. */
export function rint(x) {
  const r = Math.round(x);
  return Math.abs(x % 1) === 0.5 && r % 2 !== 0 ? r - 1 : r;
}

/** The scale for what a range asks for: itself, or one of unit * 2 ** k; unit is for `reach`, or for less if `open`. */
function scaleFor(format, wanted) {
  if (wanted < TINY) return 1;
  if (!format.series) return Math.fround(wanted);
  const { unit, reach, open } = format.series, octaves = Math.log2(wanted / reach);
  return Math.fround(unit * 2 ** (open ? Math.floor(octaves) + 1 : Math.ceil(octaves)));
}

/**
 * A grid of `format` over [low, high], low <= 0 <= high: `{scale, stored, zero, qmin, qmax, low, high, levels}`.
 * `stored` is the scale that a file has: below zero where scales are of either sign and the farther end is the upper one.
 */
export function fitGrid(format, low, high) {
  low = Math.min(low, 0);
  high = Math.max(high, 0);
  if (format.kind === "levels") {
    const first = format.levels[0], last = format.levels[format.levels.length - 1];
    const scale = scaleFor(format, Math.max(first < 0 ? low / first : 0, last > 0 ? high / last : 0));
    const levels = Float64Array.from(format.levels, (level) => Math.fround(Math.fround(level) * scale));
    const n = levels.length;
    return { format, scale, stored: scale, zero: 0, qmin: 0, qmax: n - 1, low: levels[0], high: levels[n - 1], levels };
  }
  const { symmetric, middle } = format;
  const [qmin, qmax] = symmetric ? format.mirrored : [format.qmin, format.qmax];
  const farthest = format.either_sign ? -qmin : qmax - middle, upwards = format.either_sign && high > -low;
  const wanted = symmetric ? Math.max(-low, high) / farthest : (high - low) / (qmax - qmin);
  const scale = scaleFor(format, wanted);
  const zero = upwards ? -1 : symmetric ? middle : Math.min(Math.max(rint(qmin - low / scale), qmin), qmax);
  const at = (code) => Math.fround((code - zero) * scale);
  const ends = { low: at(qmin), high: at(qmax) };
  return { format, scale, stored: upwards ? -scale : scale, zero, qmin, qmax, ...ends, levels: null };
}

/** Which level of a grid with listed levels `x` goes to: the number of borders below x / scale, in float32. */
function placeOf(grid, x) {
  const borders = grid.format.borders, u = Math.fround(Math.fround(x) / grid.scale);
  let first = 0, last = borders.length;
  while (first < last) {
    const middle = (first + last) >> 1;
    if (borders[middle] < u) first = middle + 1;
    else last = middle;
  }
  return first;
}

/** Every step from a value to its code in a file and back: `{steps, zero, rounded, shifted, code, back, error, level}`. */
export function trace(grid, x) {
  const value = Math.fround(x), scale = grid.stored, steps = Math.fround(value / scale);
  if (grid.levels) {
    const place = placeOf(grid, value), back = grid.levels[place];
    const level = grid.format.levels[place], below = value < 0 || Object.is(value, -0);
    const code = level === 0 && below ? grid.format.minus_zero ?? grid.format.codes[place] : grid.format.codes[place];
    return { value, steps, code, level, back, error: back - value };
  }
  const zero = grid.format.either_sign ? 0 : grid.zero; // the sign of the scale says it
  const rounded = rint(steps), shifted = rounded + zero;
  const code = Math.min(Math.max(shifted, grid.qmin), grid.qmax);
  const back = Math.fround(Math.fround(code - zero) * scale);
  return { value, steps, zero, rounded, shifted, code, back, error: back - value };
}

/** All levels of a grid, ascending; every `step`-th where there are many. */
export function levelsOf(grid, step = 1) {
  if (grid.levels) return grid.levels.filter((_, i) => i % step === 0);
  const out = [];
  for (let code = grid.qmin; code <= grid.qmax; code += step) out.push((code - grid.zero) * grid.scale);
  return out;
}

/** How many levels a grid has. */
export function levelCount(grid) {
  return grid.levels ? grid.levels.length : grid.qmax - grid.qmin + 1;
}

/** Bins from three rows of float32 in base64: lower edges, upper edges, counts. Sums are found once. */
export function readBins(text) {
  return withSums(...readRows(text, 3));
}

/** So many rows of float32 in base64. */
export function readRows(text, rows) {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const all = new Float32Array(bytes.buffer), n = all.length / rows;
  return Array.from({ length: rows }, (_, k) => all.subarray(k * n, (k + 1) * n));
}

/** The same bins with `count` values at one place beyond all others. */
export function withValue(bins, at, count) {
  const add = (row, value) => Float64Array.from(at < 0 ? [value, ...row] : [...row, value]);
  return withSums(add(bins.low, at), add(bins.high, at), add(bins.count, count));
}

/** Bins with what is summed over all of them. */
export function withSums(low, high, count) {
  let total = 0, power = 0;
  for (let i = 0; i < count.length; i++) {
    const a = low[i], b = high[i];
    total += count[i];
    power += (count[i] * (a * a + a * b + b * b)) / 3;
  }
  return { low, high, count, total, power };
}

/**
 * Squared error of the values on `grid`: `{rounding, clipping, clipped, sqnr}`, means over all values; dB. Where bins have
 * a `weight`, that is what squared errors count, summed over the values of a bin.
 */
export function errorOf(bins, grid) {
  const sums = grid.levels ? sumsOnLevels(bins, grid.levels) : sumsOnSteps(bins, grid.scale, grid.low, grid.high);
  const n = bins.total || 1, rounding = sums[0] / n, clipping = sums[1] / n;
  const sqnr = 10 * Math.log10(bins.power / n / (rounding + clipping));
  return { rounding, clipping, clipped: sums[2] / n, sqnr };
}

// What lies beyond [bottom, top] is a third of the cubed distance; what is left of the bin comes back in `cut`.
const cut = new Float64Array(4); // a, b, clipping, clipped

function cutOff(a, b, density, bottom, top) {
  cut[2] = cut[3] = 0;
  if (a < bottom) {
    const e = Math.min(b, bottom), far = bottom - a, near = bottom - e;
    cut[2] += (density * (far * far * far - near * near * near)) / 3;
    cut[3] += density * (e - a);
    a = e;
  }
  if (b > top) {
    const e = Math.max(a, top), far = b - top, near = e - top;
    cut[2] += (density * (far * far * far - near * near * near)) / 3;
    cut[3] += density * (b - e);
    b = e;
  }
  cut[0] = a;
  cut[1] = b;
}

/** The part of a bin that lies beyond [bottom, top], and the mean of its squared distances over the bin. */
export function shareBeyond(low, high, bottom, top) {
  if (high > low) {
    cutOff(low, high, 1 / (high - low), bottom, top);
    return [cut[3], cut[2]];
  }
  const far = low < bottom ? bottom - low : low - top;
  return far > 0 ? [1, far * far] : [0, 0];
}

function sumsOnSteps({ low, high, count, weight = count }, scale, bottom, top) {
  let rounding = 0, clipping = 0, clipped = 0;
  for (let i = 0; i < count.length; i++) {
    const a = low[i], b = high[i], c = weight[i];
    if (a === b) {
      if (a < bottom || a > top) {
        const d = a < bottom ? bottom - a : a - top;
        clipping += c * d * d;
        clipped += count[i];
      } else {
        const d = a - rint(a / scale) * scale;
        rounding += c * d * d;
      }
      continue;
    }
    const density = c / (b - a);
    let from = a, to = b;
    if (a < bottom || b > top) {
      cutOff(a, b, density, bottom, top);
      [from, to] = [cut[0], cut[1]];
      clipping += cut[2];
      clipped += c ? (cut[3] * count[i]) / c : 0;
    }
    if (to > from) {
      const u = from / scale, v = to / scale, m = rint(u), n = rint(v), du = u - m, dv = v - n;
      rounding += density * scale * scale * scale * ((n - m) / 12 + (dv * dv * dv - du * du * du) / 3);
    }
  }
  return [rounding, clipping, clipped];
}

function sumsOnLevels({ low, high, count, weight = count }, levels) {
  const last = levels.length - 1, bottom = levels[0], top = levels[last];
  let rounding = 0, clipping = 0, clipped = 0;
  for (let i = 0; i < count.length; i++) {
    const a = low[i], b = high[i], c = weight[i];
    if (a === b) {
      const d = a - levels[nearest(levels, a)];
      if (a < bottom || a > top) {
        clipping += c * d * d;
        clipped += count[i];
      } else rounding += c * d * d;
      continue;
    }
    const density = c / (b - a);
    cutOff(a, b, density, bottom, top);
    let from = cut[0];
    const to = cut[1];
    clipping += cut[2];
    clipped += cut[3];
    for (let at = nearest(levels, from); from < to; at++) {
      const end = at === last ? to : Math.min(to, (levels[at] + levels[at + 1]) / 2);
      const p = end - levels[at], q = from - levels[at];
      rounding += (density * (p * p * p - q * q * q)) / 3;
      from = end;
    }
  }
  return [rounding, clipping, clipped];
}

/** Index of the level nearest to x; half way goes to the lower one. */
function nearest(levels, x) {
  let first = 0, last = levels.length - 1;
  while (first < last) {
    const middle = (first + last) >> 1;
    if ((levels[middle] + levels[middle + 1]) / 2 < x) first = middle + 1;
    else last = middle;
  }
  return first;
}

/** How many values are at or below each of the ascending `edges`, spread evenly inside their bins. */
export function below({ low, high, count }, edges) {
  let done = 0, i = 0;
  return edges.map((edge) => {
    for (; i < count.length && high[i] <= edge; i++) done += count[i];
    const cut = i < count.length && low[i] < edge;
    return cut ? done + (count[i] * (edge - low[i])) / (high[i] - low[i]) : done;
  });
}

/** A number in `digits` significant digits, as short as possible; a minus sign that a screen reader says. */
export function short(x, digits = 4) {
  if (!Number.isFinite(x)) return x > 0 ? "∞" : x < 0 ? "−∞" : "none";
  if (x === 0) return "0";
  const size = Math.abs(x);
  let text = size >= 1e6 || size < 1e-4 ? size.toExponential(digits - 1) : size.toPrecision(digits);
  if (text.includes("e")) {
    const [head, power] = text.split("e");
    text = `${trim(head)}e${power.replace("+", "")}`;
  } else text = trim(text);
  return (x < 0 ? "−" : "") + text;
}

function trim(text) {
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

/** A share as a percentage in words that fit. */
export function percent(share) {
  if (share === 0) return "none";
  return share < 1e-5 ? "less than 0.001 %" : `${short(100 * share, 3)} %`;
}
