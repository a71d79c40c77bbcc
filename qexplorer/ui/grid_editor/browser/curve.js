// The error over the clip range, and where each calibrator lies on it.

const POINTS = 60;
const NARROWEST = 0.02; // of the whole range

/** The ends of the range that is `share` of the whole one, both narrowed alike. */
export function endsAt(share, whole) {
  return [share * whole[0], share * whole[1]];
}

/** The whole range: that of the values, mirrored where the format is. */
export function wholeRange(format, values) {
  const low = Math.min(values[0], 0), high = Math.max(values[1], 0);
  if (format.kind === "uniform" && !format.symmetric) return [low, high];
  const reach = Math.max(-low, high) || 1;
  if (format.either_sign) {
    const near = (reach * format.qmax) / -format.qmin;
    return high > -low ? [-near, reach] : [-reach, near];
  }
  return format.kind === "levels" && format.levels[0] >= 0 ? [0, reach] : [-reach, reach];
}

/** What part of the whole range `ends` are. */
export function shareOf(ends, whole) {
  return (ends[1] - ends[0]) / (whole[1] - whole[0] || 1);
}

/** Errors of ranges from the narrowest to the whole one, by `judge(ends)`: `[{share, rounding, clipping, total}]`. */
export function errorCurve(judge, whole) {
  const points = [];
  for (let i = 0; i < POINTS; i++) {
    const share = NARROWEST ** (1 - i / (POINTS - 1));
    const { rounding, clipping } = judge(endsAt(share, whole));
    points.push({ share, rounding, clipping, total: rounding + clipping });
  }
  return points;
}

/** The range with the least squared error, by golden section around the best of the curve's points. */
export function bestRange(judge, whole, points) {
  const at = (share) => {
    const { rounding, clipping } = judge(endsAt(share, whole));
    return rounding + clipping;
  };
  const i = points.reduce((best, point, k) => (point.total < points[best].total ? k : best), 0);
  let low = Math.log(points[Math.max(i - 1, 0)].share), high = Math.log(points[Math.min(i + 1, POINTS - 1)].share);
  const golden = (Math.sqrt(5) - 1) / 2;
  for (let turn = 0; turn < 14; turn++) {
    const a = high - golden * (high - low), b = low + golden * (high - low);
    if (at(Math.exp(a)) < at(Math.exp(b))) high = b;
    else low = a;
  }
  const found = Math.exp((low + high) / 2);
  return at(found) <= points[i].total ? { share: found, total: at(found) } : points[i];
}
