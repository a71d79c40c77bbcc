// What happens to one value, step by step, as lines of text.

import { short, trace } from "./numbers.js";

const N = (x) => short(x, 5);
const part = (x) => (x < 0 ? `(${N(x)})` : N(x));

/** The steps from a value to its code and back, as `[[what, how], ...]`, and the value that comes back. */
export function stepsOf(grid, x) {
  const done = trace(grid, x), scale = part(grid.stored);
  const lines = grid.format.series ? [["scale", powerOf(grid.scale)]] : [];
  lines.push(["divide by the scale", `${N(done.value)} / ${scale} = ${N(done.steps)}`]);
  if (grid.levels) {
    const [first, last] = [grid.format.levels[0], grid.format.levels[grid.levels.length - 1]];
    const beyond = done.steps < first || done.steps > last;
    const where = beyond ? `${N(done.steps)} is outside ${N(first)} to ${N(last)}: ` : "";
    lines.push([beyond ? "clip to the levels" : "nearest level", `${where}${N(done.level)}, which is code ${done.code}`]);
    lines.push(["back", `${part(done.level)} · ${scale} = ${N(done.back)}`]);
  } else {
    const far = done.shifted !== done.code;
    const code = (k) => (k < 0 ? `(${N(k)})` : String(k));
    lines.push(["round", `${N(done.steps)} → ${integer(done.rounded)}`]);
    lines.push(["add the zero point", `${integer(done.rounded)} + ${code(done.zero)} = ${integer(done.shifted)}`]);
    const range = `${integer(grid.qmin)} to ${integer(grid.qmax)}`;
    lines.push(["clip to the codes", far ? `${integer(done.shifted)} is outside ${range}: ${integer(done.code)}`
      : `${integer(done.code)} is within ${range}`]);
    lines.push(["back", `(${integer(done.code)} − ${code(done.zero)}) · ${scale} = ${N(done.back)}`]);
  }
  lines.push(["error", `${N(done.back)} − ${part(done.value)} = ${N(done.error)}`]);
  return { lines, value: done.value, back: done.back };
}

/** A scale of a series as the power of two that it is; one that is none as it is. */
function powerOf(scale) {
  const power = Math.log2(scale);
  return Number.isInteger(power) ? `the power of two 2^${integer(power)} = ${N(scale)}` : N(scale);
}

function integer(k) {
  return Math.abs(k) < 1e15 ? String(k).replace("-", "−") : N(k);
}
