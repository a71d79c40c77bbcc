// The histogram under its grid: bars drawn once to a canvas that is not shown, levels and zones over them each frame.

import { below, levelCount, levelsOf, short } from "./numbers.js";

export const MARGIN = { left: 52, right: 14, top: 34, bottom: 34 };
const MOST_RULES = 64; // levels drawn over the whole height; more become a comb at the foot
const COMB = 14;
const BASE = 0.7; // where bars begin on a logarithmic axis

/** The axis of values: pixels from values and back; bent like sign(x) log(1 + |x| / bend) where `bend` is given. */
export function valueAxis(view, width, bend) {
  const bent = (x) => (bend ? Math.sign(x) * Math.log1p(Math.abs(x) / bend) : x);
  const straight = (t) => (bend ? Math.sign(t) * bend * Math.expm1(Math.abs(t)) : t);
  const from = bent(view[0]), to = bent(view[1]) === from ? from + 1 : bent(view[1]);
  const room = Math.max(width - MARGIN.left - MARGIN.right, 1);
  return {
    bend,
    view,
    room,
    to: (x) => MARGIN.left + ((bent(x) - from) / (to - from)) * room,
    from: (px) => straight(from + ((px - MARGIN.left) / room) * (to - from)),
  };
}

/** Bars that are equally wide on the screen, from the smallest value to the largest: `[{low, high, count}]`. */
export function barsOf(bins, bend, most) {
  const n = bins.count.length;
  if (!n) return [];
  let low = bins.low[0], high = bins.high[n - 1];
  if (!(high > low)) [low, high] = [low - 0.5, high + 0.5];
  const axis = valueAxis([low, high], MARGIN.left + MARGIN.right + most, bend);
  const edges = Array.from({ length: most + 1 }, (_, k) => (k === most ? high : k ? axis.from(MARGIN.left + k) : low));
  const upto = below(bins, edges);
  upto[0] = 0;
  return edges.slice(1).map((edge, k) => ({ low: edges[k], high: edge, count: upto[k + 1] - upto[k] }));
}

/** A canvas as large as its place, sharp on every screen; returns its context with a clean sheet, or null. */
export function sheet(canvas, width, height) {
  const dense = globalThis.devicePixelRatio || 1;
  const [w, h] = [Math.round(width * dense), Math.round(height * dense)];
  if (canvas.width !== w || canvas.height !== h) [canvas.width, canvas.height] = [w, h];
  const pen = canvas.getContext("2d");
  if (!pen) return null;
  pen.setTransform(dense, 0, 0, dense, 0, 0);
  pen.clearRect(0, 0, width, height);
  return pen;
}

/** Round numbers between two ends, about `wanted` of them. */
export function roundTicks(low, high, wanted) {
  const raw = (high - low) / Math.max(wanted, 1), size = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((k) => k * size).find((each) => each >= raw) ?? 10 * size;
  const out = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; k++) out.push(k * step);
  return out;
}

function ticksOf(axis) {
  const [low, high] = axis.view;
  if (!axis.bend) return roundTicks(low, high, Math.max(axis.room / 80, 4));
  const first = Math.ceil(Math.log10(axis.bend)), last = Math.floor(Math.log10(Math.max(-low, high)));
  const powers = Array.from({ length: last - first + 1 }, (_, k) => 10 ** (first + k));
  return [...powers.map((p) => -p).reverse(), 0, ...powers].filter((x) => x >= low && x <= high);
}

/** The bars on a canvas of their own, in one colour; `top` is the height that 1 on the axis of counts has. */
export function drawBars(canvas, size, axis, bars, log, colour) {
  const pen = sheet(canvas, size.width, size.height);
  if (!pen) return;
  const upright = countAxis(bars, size, log);
  pen.fillStyle = colour;
  for (const bar of bars) {
    if (!bar.count) continue;
    const left = axis.to(bar.low), y = upright.to(bar.count);
    pen.fillRect(left, y, Math.max(axis.to(bar.high) - left - 0.5, 0.5), upright.foot - y);
  }
}

/** The axis of counts, linear or logarithmic, from the highest bar. */
export function countAxis(bars, size, log) {
  const most = Math.max(...bars.map((bar) => bar.count), 1), foot = size.height - MARGIN.bottom;
  const share = log
    ? (n) => Math.log(Math.max(n, BASE) / BASE) / Math.log((1.3 * most) / BASE)
    : (n) => n / (1.04 * most);
  return { most, foot, log, to: (n) => foot - share(n) * (foot - MARGIN.top) };
}

/** Everything that moves while a grid is dragged, over the prepared bars. */
export function drawPicture(canvas, size, scene) {
  const pen = sheet(canvas, size.width, size.height);
  if (!pen) return;
  const { axis, grid, span, look, layers } = scene;
  const top = MARGIN.top, foot = size.height - MARGIN.bottom, ends = span ?? [grid.low, grid.high];
  const [left, right] = [MARGIN.left, size.width - MARGIN.right];
  const [low, high] = ends.map((x) => Math.min(Math.max(axis.to(x), left), right));
  pen.drawImage(layers.inside, 0, 0, size.width, size.height);
  for (const [a, b] of [[left, low], [high, right]]) {
    if (b <= a) continue;
    pen.save();
    pen.beginPath();
    pen.rect(a, 0, b - a, foot);
    pen.clip();
    pen.clearRect(a, top, b - a, foot - top);
    pen.globalAlpha = 0.1;
    pen.fillStyle = look.clipping;
    pen.fillRect(a, top, b - a, foot - top);
    pen.globalAlpha = 1;
    pen.drawImage(layers.outside, 0, 0, size.width, size.height);
    pen.restore();
  }
  if (grid && !grid.hidden) drawLevels(pen, axis, grid, look, top, foot);
  pen.fillStyle = look.clipping;
  for (const x of [low, high]) pen.fillRect(x - 1.5, top, 3, foot - top);
  drawAxes(pen, size, scene);
  if (scene.picked) drawPicked(pen, scene, top, foot);
}

function drawLevels(pen, axis, grid, look, top, foot) {
  const many = levelCount(grid) > MOST_RULES;
  const room = Math.max(Math.abs(axis.to(grid.high) - axis.to(grid.low)), 1);
  const step = many ? Math.max(Math.ceil(levelCount(grid) / (room / 4)), 1) : 1;
  pen.fillStyle = look.grid;
  pen.globalAlpha = many ? 0.9 : 0.75;
  const from = many ? foot - COMB : top;
  for (const level of levelsOf(grid, step)) {
    const x = axis.to(level);
    if (x >= MARGIN.left - 1 && x <= MARGIN.left + axis.room + 1) pen.fillRect(x - 0.5, from, 1, foot - from);
  }
  pen.globalAlpha = 1;
}

function drawAxes(pen, size, { axis, bars, log, look, labels }) {
  const foot = size.height - MARGIN.bottom, upright = countAxis(bars, size, log);
  pen.font = look.font;
  pen.fillStyle = pen.strokeStyle = look.text;
  pen.globalAlpha = 0.35;
  pen.fillRect(MARGIN.left, foot, axis.room, 1);
  pen.globalAlpha = 0.85;
  pen.textAlign = "center";
  let free = -Infinity;
  for (const tick of ticksOf(axis)) {
    const text = short(tick, 3), x = axis.to(tick), half = pen.measureText(text).width / 2;
    if (x - half < free) continue;
    free = x + half + 8;
    pen.fillRect(x - 0.5, foot, 1, 4);
    pen.fillText(text, Math.min(x, size.width - half - 1), foot + 15);
  }
  pen.fillText(labels.value, MARGIN.left + axis.room / 2, foot + 29);
  pen.textAlign = "right";
  const counts = log
    ? Array.from({ length: Math.floor(Math.log10(upright.most)) + 1 }, (_, k) => 10 ** k).filter((_, k) => k % 2 === 0)
    : roundTicks(0, upright.most, 4);
  for (const n of counts) pen.fillText(thousands(n), MARGIN.left - 6, upright.to(n) + 4);
  pen.save();
  pen.translate(11, (MARGIN.top + foot) / 2);
  pen.rotate(-Math.PI / 2);
  pen.textAlign = "center";
  pen.fillText(labels.count, 0, 0);
  pen.restore();
  pen.globalAlpha = 1;
}

function thousands(n) {
  return n >= 1e6 ? `${short(n / 1e6, 3)}M` : n >= 1e3 ? `${short(n / 1e3, 3)}k` : short(n, 3);
}

/** The picked value, and an arrow to the level that it becomes. */
function drawPicked(pen, { axis, picked, look }, top, foot) {
  const x = axis.to(picked.value), back = axis.to(picked.back), y = (top + foot) / 2;
  pen.fillStyle = pen.strokeStyle = look.text;
  pen.fillRect(x - 0.75, top, 1.5, foot - top);
  if (Math.abs(back - x) > 3) {
    const turn = Math.sign(back - x);
    pen.fillRect(Math.min(x, back), y, Math.abs(back - x), 1.5);
    pen.beginPath();
    pen.moveTo(back, y + 0.75);
    pen.lineTo(back - 6 * turn, y - 3.5);
    pen.lineTo(back - 6 * turn, y + 5);
    pen.fill();
  }
}
