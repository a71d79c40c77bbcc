// The curve of error over the clip range, with numbered dots where calibrators lie. Errors are on a logarithmic axis;
// the range goes by its square root, which leaves room for both heavy tails and eight bits.

import { sheet } from "./picture.js";
import { shareOf } from "./curve.js";
import { short } from "./numbers.js";

const FRAME = { left: 52, right: 14, top: 22, bottom: 32 };
const FLOOR = 0.01; // parts of the error below this share of the least whole one have no place on the axis
const DOT = 7.5;

/** Both axes of the curve: pixels from shares and errors, and shares from pixels. */
export function curveAxes(size, points) {
  const totals = points.map((point) => point.total).filter((total) => total > 0);
  const least = Math.min(...totals), most = Math.max(...totals);
  const from = Math.sqrt(points[0].share), low = Math.log(FLOOR * 10 * least), high = Math.log(3 * most);
  const wide = size.width - FRAME.left - FRAME.right, tall = size.height - FRAME.top - FRAME.bottom;
  const inside = (part) => Math.min(Math.max(part, 0), 1);
  return {
    floor: FLOOR * 10 * least,
    least,
    most,
    x: (share) => FRAME.left + inside((Math.sqrt(share) - from) / (1 - from)) * wide,
    share: (px) => (from + inside((px - FRAME.left) / wide) * (1 - from)) ** 2,
    y: (error) => FRAME.top + (1 - inside((Math.log(error) - low) / (high - low))) * tall,
  };
}

/** Where the dot of each mark is drawn: on the curve, one above the other where they would cover each other. */
export function dotsOf(marks, axes, whole) {
  const dots = [];
  for (const mark of marks) {
    const dot = { ...mark, x: axes.x(shareOf([mark.low, mark.high], whole)), y: axes.y(mark.total) };
    while (dots.some((other) => Math.hypot(other.x - dot.x, other.y - dot.y) < 2 * DOT)) dot.y -= 2 * DOT;
    dots.push(dot);
  }
  return dots;
}

/** Draws the curve; `now` is `{share, total}` of the range in use, or null. */
export function drawCurve(canvas, size, { points, axes, dots, now, best, look, labels }) {
  const pen = sheet(canvas, size.width, size.height);
  if (!pen) return;
  const foot = size.height - FRAME.bottom, right = size.width - FRAME.right;
  drawFrame(pen, size, axes, look, labels);
  pen.save();
  pen.beginPath();
  pen.rect(FRAME.left, FRAME.top - 3, right - FRAME.left, foot - FRAME.top + 4);
  pen.clip();
  line(pen, points, axes, "clipping", look.clipping, [5, 3]);
  line(pen, points, axes, "rounding", look.rounding, [2, 2]);
  line(pen, points, axes, "total", look.text, []);
  pen.restore();
  if (best) {
    pen.strokeStyle = look.text;
    pen.globalAlpha = 0.5;
    pen.setLineDash([1, 3]);
    pen.beginPath();
    pen.moveTo(axes.x(best.share), axes.y(best.total));
    pen.lineTo(axes.x(best.share), foot);
    pen.stroke();
    pen.setLineDash([]);
    pen.globalAlpha = 1;
  }
  pen.textAlign = "center";
  pen.font = look.small;
  for (const [k, dot] of dots.entries()) {
    disc(pen, dot.x, dot.y, DOT, look.dot, look.back);
    pen.fillStyle = look.ink;
    pen.fillText(String(k + 1), dot.x, dot.y + 3.6);
  }
  if (now) {
    pen.lineWidth = 2.5;
    pen.strokeStyle = look.clipping;
    pen.beginPath();
    pen.arc(axes.x(now.share), axes.y(now.total), DOT + 2.5, 0, 2 * Math.PI);
    pen.stroke();
    pen.lineWidth = 1;
  }
}

function disc(pen, x, y, radius, colour, edge) {
  pen.beginPath();
  pen.arc(x, y, radius, 0, 2 * Math.PI);
  pen.fillStyle = colour;
  pen.fill();
  pen.strokeStyle = edge;
  pen.stroke();
}

function line(pen, points, axes, part, colour, dashes) {
  pen.strokeStyle = colour;
  pen.lineWidth = 2;
  pen.setLineDash(dashes);
  pen.beginPath();
  let down = false;
  for (const point of points) {
    if (point[part] < axes.floor) {
      down = false;
      continue;
    }
    const x = axes.x(point.share), y = axes.y(point[part]);
    if (down) pen.lineTo(x, y);
    else pen.moveTo(x, y);
    down = true;
  }
  pen.stroke();
  pen.setLineDash([]);
  pen.lineWidth = 1;
}

function drawFrame(pen, size, axes, look, labels) {
  const foot = size.height - FRAME.bottom, right = size.width - FRAME.right;
  pen.font = look.font;
  pen.fillStyle = look.text;
  pen.globalAlpha = 0.35;
  pen.fillRect(FRAME.left, foot, right - FRAME.left, 1);
  pen.globalAlpha = 0.85;
  pen.textAlign = "center";
  let free = Infinity;
  for (const share of [1, 0.8, 0.6, 0.4, 0.2, 0.1, 0.02]) {
    const text = `${short(100 * share)} %`, half = pen.measureText(text).width / 2;
    const x = Math.min(axes.x(share), right - 10);
    pen.fillRect(axes.x(share) - 0.5, foot, 1, 3);
    if (x + half > free) continue;
    free = x - half - 6;
    pen.fillText(text, x, foot + 14);
  }
  pen.fillText(labels.share, (FRAME.left + right) / 2, foot + 28);
  pen.textAlign = "right";
  const first = Math.ceil(Math.log10(axes.floor)), last = Math.floor(Math.log10(3 * axes.most));
  const every = Math.max(Math.ceil((last - first + 1) / 4), 1);
  for (let k = first; k <= last; k += every) pen.fillText(`1e${k}`.replace("-", "−"), FRAME.left - 6, axes.y(10 ** k) + 4);
  pen.textAlign = "left";
  let x = FRAME.left;
  for (const [name, colour] of [["total", look.text], ["rounding", look.rounding], ["clipping", look.clipping]]) {
    pen.globalAlpha = 1;
    pen.strokeStyle = colour;
    pen.lineWidth = 2;
    pen.setLineDash(name === "rounding" ? [2, 2] : name === "clipping" ? [5, 3] : []);
    pen.beginPath();
    pen.moveTo(x, 9);
    pen.lineTo(x + 18, 9);
    pen.stroke();
    pen.setLineDash([]);
    pen.lineWidth = 1;
    pen.globalAlpha = 0.85;
    pen.fillText(labels[name], x + 23, 13);
    x += 33 + pen.measureText(labels[name]).width;
  }
  pen.save();
  pen.translate(11, (FRAME.top + foot) / 2);
  pen.rotate(-Math.PI / 2);
  pen.textAlign = "center";
  pen.fillText(labels.mse, 0, 0);
  pen.restore();
  pen.globalAlpha = 1;
}
