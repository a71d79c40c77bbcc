// All channels or blocks at once: the range of each is the same share of its own. Follows observe/editing/ratio_bins.py.

import { errorOf, fitGrid, readRows, shareBeyond, withSums } from "./numbers.js";

/** What was sent of them, read once: `{bars, error(share), grid(share)}`. */
export function readRatio(given) {
  const [low, high, count] = readRows(given.bars, 3);
  const groups = given.groups.map(({ bins, ends }) => {
    const [from, to, values, weight] = readRows(bins, 4);
    return { bins: { ...withSums(from, to, values), weight }, ends: ends ?? [-Infinity, Infinity] };
  });
  const tails = given.tails && readRows(given.tails, 5);
  return {
    bars: withSums(low, high, count),
    error: (share) => ratioError(given, groups, tails, share),
    grid: (share) => ratioGrid(given, share),
  };
}

/** The grid of all as it is drawn; its levels only where they are the same share of every range. */
function ratioGrid({ format, ends, alike, reach, shares }, share) {
  const [low, high] = [ends[0] * share * reach, ends[1] * share * reach];
  if (alike && shares) return fitGrid(format, low, high);
  return { format, low, high, hidden: true, scale: share, stored: share, zero: 0, qmin: format.qmin, qmax: format.qmax,
    levels: format.levels ?? null };
}

function ratioError(given, groups, tails, share) {
  const { format, unit, values, power } = given;
  let rounding = 0, clipping = 0, clipped = 0;
  const add = (part, times = 1) => {
    rounding += times * part[0];
    clipping += times * part[1];
    clipped += times * part[2];
  };
  for (const { bins, ends } of groups) {
    const levels = format.levels && Float64Array.from(format.levels, (level) => level * share);
    const { rounding: r, clipping: c, clipped: n } =
      errorOf(bins, { levels, scale: share, low: ends[0] * share, high: ends[1] * share });
    add([r * bins.total, c * bins.total, n * bins.total]);
  }
  if (tails) add(tailError(tails, share));
  if (given.octaves) octaveErrors(given.octaves, share, add);
  const n = values || 1, all = (unit * (rounding + clipping)) / n;
  return { rounding: (unit * rounding) / n, clipping: (unit * clipping) / n, clipped: clipped / n,
    sqnr: 10 * Math.log10(power / all) };
}

/** What lies beyond `share` of its range: its distance, and what was rounding of such a value is now its end's. */
function tailError([low, high, count, weight, steps], share) {
  let rounding = 0, clipping = 0, clipped = 0;
  for (let i = 0; i < count.length; i++) {
    const [part, squares] = shareBeyond(low[i], high[i], -share, share);
    if (!part) continue;
    const step = (steps[i] * part * share * share) / 12;
    clipping += weight[i] * squares + step;
    rounding -= step;
    clipped += count[i] * part;
  }
  return [rounding, clipping, clipped];
}

/** Groups whose scales are powers of two: each at the octave that the share asks for, or some at each of two. */
function octaveErrors({ above, errors, open }, share, add) {
  const turn = Math.log2(share), snap = (x) => -(open ? Math.floor(x) + 1 : Math.ceil(x));
  for (let k = 0; k < above.length; k++) {
    const [from, to] = above[k], last = errors[k].length - 1;
    const [first, second] = [snap(from + turn), snap(to + turn)].map((o) => Math.min(Math.max(o, 0), last));
    if (first === second) add(errors[k][first]);
    else {
      const part = (-first - turn - from) / (to - from);
      add(errors[k][first], part);
      add(errors[k][second], 1 - part);
    }
  }
}
