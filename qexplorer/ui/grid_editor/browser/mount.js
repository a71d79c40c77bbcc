// The grid editor: a histogram under a grid that is dragged, free of Streamlit.
//
// `mount(host, send)` builds the editor in an element and returns `{update(data), destroy()}`. `update` takes what
// docs/grid_editor.md describes; `send(state)` is called when a handle is let go, with `{seq, clip, value, outlier}`.
// The browser owns a drag: ranges that arrive meanwhile, or that answer an older state, are not taken.

import { bestRange, endsAt, errorCurve, shareOf, wholeRange } from "./curve.js";
import { curveAxes, dotsOf, drawCurve } from "./curve_picture.js";
import { slider, withinX } from "./handles.js";
import { errorOf, fitGrid, levelCount, percent, readBins, short, withValue } from "./numbers.js";
import { buildParts, writeChips, writeKeys, writeSteps } from "./page_parts.js";
import { barsOf, drawBars, drawPicture, valueAxis } from "./picture.js";
import { readRatio } from "./ratio.js";
import { stepsOf } from "./steps.js";

const LABELS = {
  value: "value", count: "number of values", share: "clip range, share of the whole one", mse: "squared error",
  total: "both", rounding: "rounding", clipping: "clipping",
};
const NEAREST = 1e-4; // of the view: clip lines come no nearer to zero
const LEAST = 0.01; // share of every range that all channels or blocks can have
const LOST_MS = 2000; // a state that was not answered by then is sent once more

export function mount(host, send) {
  const parts = buildParts(host);
  const layers = { inside: document.createElement("canvas"), outside: document.createElement("canvas") };
  let data = null, bins = null, ratio = null, whole = null, curve = null, scene = null, drawnKey = "", curveKey = "", asked = 0;
  const now = { seq: 0, clip: [0, 0], value: null, outlier: 1, held: false, sent: 0 };

  // ---- what follows from the state

  const mirrored = () => ratio || data.format.kind === "levels" || data.format.symmetric;
  const oneSided = () => data.format.kind === "levels" && data.format.levels[0] >= 0;
  const widest = () => data.ratio.ends[1] * data.ratio.reach; // the upper end of all ranges at share 1
  const shareNow = () => now.clip[1] / widest();
  const ownShares = () => Boolean(ratio && data.ratio.own && now.clip[1] === data.clip[1]);
  const judge = (ends) => ratio ? ratio.error(ends[1] / widest()) : errorOf(bins, fitGrid(data.format, ...ends));
  const smallest = () => NEAREST * (data.view[1] - data.view[0] || 1);

  function setEnd(which, x) {
    const end = which === "high" ? Math.max(x, smallest()) : Math.min(x, -smallest());
    if (ratio) {
      const { ends, reach } = data.ratio;
      const share = Math.min(Math.max(x / (reach * (which === "high" ? ends[1] : ends[0])), LEAST), 1);
      now.clip = endsAt(share, [ends[0] * reach, ends[1] * reach]);
      return draw();
    }
    if (mirrored()) {
      const { either_sign, qmin, qmax } = data.format, farther = either_sign ? -qmin / qmax : 1;
      const share = scene.grid.stored < 0 ? 1 / farther : farther; // how far below zero where it is 1 above
      const size = Math.abs(end) / (which === "high" ? 1 : share);
      now.clip = [oneSided() ? 0 : -share * size, size];
    }
    else now.clip = which === "high" ? [now.clip[0], Math.max(x, 0)] : [Math.min(x, 0), now.clip[1]];
    if (now.clip[1] - now.clip[0] < smallest()) now.clip = which === "high" ? [now.clip[0], smallest()] : [-smallest(), now.clip[1]];
    draw();
  }

  function setZero(zero) {
    const { scale, qmin, qmax } = scene.grid;
    const z = Math.min(Math.max(Math.round(zero), qmin), qmax);
    now.clip = [(qmin - z) * scale, (qmax - z) * scale];
    draw();
  }

  function setOutlier(times) {
    now.outlier = times;
    if (data.follows && times > 1) {
      const ends = rangeOfValues();
      now.clip = data.format && mirrored() ? wholeRange(data.format, ends) : [Math.min(ends[0], 0), Math.max(ends[1], 0)];
    }
    prepare();
    draw();
  }

  const outlierAt = () => data.outliers && now.outlier > 1 ? data.outliers.largest * now.outlier : null;

  function rangeOfValues() {
    const at = outlierAt();
    return at === null ? data.range : [Math.min(data.range[0], at), Math.max(data.range[1], at)];
  }

  function viewNow() {
    const at = outlierAt(), pad = 1.04;
    return at === null ? data.view : [Math.min(data.view[0], pad * at), Math.max(data.view[1], pad * at)];
  }

  function prepare() {
    const at = outlierAt();
    bins = at === null ? data.own : withValue(data.own, at, data.outliers.count);
    if (ratio && data.ratio.shares) bins = ratio.bars;
    whole = ratio ? endsAt(data.ratio.reach, data.ratio.ends) : data.format && wholeRange(data.format, rangeOfValues());
  }

  // ---- drawing

  function draw() {
    if (!asked) asked = requestAnimationFrame(() => { asked = 0; render(); });
  }

  function look() {
    const style = getComputedStyle(parts.root);
    const family = style.fontFamily;
    const back = style.getPropertyValue("--st-background-color").trim() || "#ffffff";
    return { ...data.colours, text: style.color, back, font: `11px ${family}`, small: `600 10px ${family}` };
  }

  function render() {
    if (!data || !parts.plot.clientWidth) return;
    const size = { width: parts.plot.clientWidth, height: parts.plot.clientHeight };
    const view = viewNow(), colours = look();
    const axis = valueAxis(view, size.width, data.bend);
    const key = [size.width, size.height, data.id, data.ratioKey, data.log, data.bend, now.outlier, view, globalThis.devicePixelRatio].join();
    if (key !== drawnKey) {
      drawnKey = key;
      scene = { bars: barsOf(bins, data.bend, Math.min(data.bars, Math.floor(axis.room / 3))) };
      drawBars(layers.inside, size, axis, scene.bars, data.log, colours.tensor);
      drawBars(layers.outside, size, axis, scene.bars, data.log, colours.clipping);
    }
    const grid = ratio ? ratio.grid(shareNow()) : data.format ? fitGrid(data.format, ...now.clip) : null;
    if (ownShares()) grid.hidden = true;
    const error = grid && !ownShares() ? judge(now.clip) : data.split;
    const done = grid && !ratio && now.value !== null ? stepsOf(grid, now.value) : null;
    Object.assign(scene, { axis, grid, error, layers, look: colours, labels: { ...LABELS, value: data.axis ?? LABELS.value }, log: data.log, picked: done,
      span: grid ? null : data.span });
    drawPicture(parts.picture, size, scene);
    placeGrips(size);
    writeNumbers(done);
    renderCurve();
  }

  function placeGrips(size) {
    const { axis, grid } = scene, { low, high, shift } = parts.grips;
    const hidden = (element, off) => { element.hidden = off; };
    hidden(low, !grid || oneSided() || data.fixed);
    hidden(high, !grid || data.fixed);
    hidden(shift, !grid || mirrored() || data.fixed);
    if (!grid) return;
    const [a, b] = [axis.to(grid.low), axis.to(grid.high)];
    low.style.left = `${a}px`;
    high.style.left = `${b}px`;
    low.firstChild.textContent = ratio ? "" : short(grid.low);
    high.firstChild.textContent = ratio ? shareText() : short(grid.high);
    shift.style.left = `${a}px`;
    shift.style.width = `${Math.max(b - a, 0)}px`;
    shift.firstChild.textContent = `zero point ${grid.zero}`;
    shift.firstChild.style.left = `${Math.min(Math.max(axis.to(0), 40), size.width - 40) - a}px`;
    for (const say of sayings) say();
  }

  function shareText() {
    return ownShares() ? `${data.ratio.own.map((share) => short(share, 2)).join(" to ")} of each range`
      : `${shareNow() < 1 ? short(shareNow(), 3) : "all"} of each range`;
  }

  function writeNumbers(done) {
    const { grid, error } = scene, sum = error.rounding + error.clipping;
    const share = sum ? error.rounding / sum : 0;
    parts.rounding.style.flex = `${share} 0 0`;
    parts.clipping.style.flex = `${sum ? 1 - share : 0} 0 0`;
    parts.sqnr.textContent = Number.isFinite(error.sqnr ?? Infinity) ? `${error.sqnr.toFixed(1)} dB`.replace("-", "−") : "no error";
    writeKeys(parts.keys, [
      [data.colours.rounding, `rounding error ${short(error.rounding, 3)} (${(100 * share).toFixed(0)} %)`],
      [data.colours.clipping, `clipping error ${short(error.clipping, 3)} (${(sum ? 100 * (1 - share) : 0).toFixed(0)} %)`],
    ]);
    const zero = grid && !mirrored() ? `, zero point ${grid.zero}` : "";
    parts.gridLine.textContent = (data.grid ? `${data.grid}: ` : "") + (ratio
      ? `${levelCount(grid).toLocaleString("en")} levels over ${shareText()}.`  // its bins cannot tell a last digit beyond
      : (grid ? `${levelCount(grid).toLocaleString("en")} levels, scale ${short(grid.stored)}${zero}; ` : "")
        + `${percent(error.clipped)} of the values clipped.`);
    const late = now.held || data.seq < now.seq;
    parts.said.classList.toggle("qx-late", late);
    parts.said.textContent = data.said;
    parts.outlier.input.value = String(now.outlier);
    parts.outlier.out.textContent = now.outlier > 1
      ? `${short(now.outlier, 3)} × the largest, ${data.outliers.count.toLocaleString("en")} of them` : "none";
    parts.trace.hidden = !done || data.hide.includes("steps");
    if (done) {
      writeSteps(parts.steps, done.lines);
      parts.picked.textContent = barText();
    }
    parts.picture.setAttribute("aria-label", `${data.title}. ${parts.sqnr.textContent}; ${parts.keys.textContent}`);
  }

  function barText() {
    const bar = scene.bars.find((each) => now.value >= each.low && now.value <= each.high);
    if (!bar) return `${short(now.value, 5)} is beyond all values of the tensor.`;
    const counted = Math.round(bar.count);
    return `${short(bar.low)} to ${short(bar.high)}: ${counted.toLocaleString("en")} value${counted === 1 ? "" : "s"}`
      + ` (${percent(bar.count / bins.total)}). ${short(now.value, 5)}, step by step:`;
  }

  function renderCurve() {
    const off = !data.format || data.hide.includes("curve") || !bins.total;
    parts.curveBox.hidden = off;
    if (off) return;
    const box = parts.curve.parentElement, size = { width: box.clientWidth, height: box.clientHeight };
    if (!size.width) return;
    const key = [data.id, data.formatKey, data.ratioKey, now.outlier, whole, JSON.stringify(data.marks)].join();
    if (key !== curveKey) {
      curveKey = key;
      const points = errorCurve(judge, whole);
      const marks = data.marks.map((mark) => {
        const { rounding, clipping, sqnr } = mark.error ?? judge([mark.low, mark.high]);
        return { ...mark, total: rounding + clipping, said: Number.isFinite(sqnr) ? `${sqnr.toFixed(1)} dB` : "exact" };
      });
      const some = points.some((point) => point.total > 0);
      curve = { points, marks, some, best: some ? bestRange(judge, whole, points) : null };
      writeChips(parts.chips, marks, ratio ? null : (mark) => move(() => { now.clip = [mark.low, mark.high]; }));
    }
    parts.curveBox.hidden = !curve.some;
    if (!curve.some) return;
    const axes = curveAxes(size, curve.points), total = scene.error.rounding + scene.error.clipping;
    const here = { share: shareOf(now.clip, whole), total };
    curve.axes = axes;
    drawCurve(parts.curve, size, { ...curve, axes, look: scene.look, labels: LABELS, now: here,
      dots: dotsOf(curve.marks, axes, whole) });
    parts.curve.setAttribute("aria-label", `Error over the clip range; least at ${percent(curve.best.share)} of the whole`);
    parts.ring.style.left = `${axes.x(here.share)}px`;
    parts.ring.style.top = `${axes.y(total)}px`;
    sayRing();
  }

  // ---- what a person does

  function begin() {
    now.held = true;
  }

  function end() {
    now.held = false;
    now.seq += 1;
    post();
    draw();
  }

  function post() {
    now.sent = performance.now();
    send({ seq: now.seq, clip: [...now.clip], value: now.value, outlier: now.outlier });
  }

  function move(change) {
    begin();
    change();
    end();
  }

  const under = (event) => withinX(event, parts.plot);
  const endOf = (which) => (which === "high" ? now.clip[1] : now.clip[0]);
  const clipGrip = (which) => ({
    range: () => which === "high" ? [0, data.view[1], endOf(which)] : [data.view[0], 0, endOf(which)],
    step: () => (data.view[1] - data.view[0]) / 400,
    text: () => (ratio ? shareText() : `${short(endOf(which))}, ${percent(scene.error.clipped)} clipped`) + `, ${parts.sqnr.textContent}`,
    grab: (event) => under(event) - scene.axis.to(endOf(which)),
    at: (event, offset) => scene.axis.from(under(event) - offset),
    set: (x) => setEnd(which, Math.min(Math.max(x, viewNow()[0]), viewNow()[1])),
    begin, end,
  });
  const shiftGrip = {
    range: () => [-scene.grid.qmax, -scene.grid.qmin, -scene.grid.zero],
    step: () => Math.max(Math.round(levelCount(scene.grid) / 256), 1),
    text: () => `zero point ${scene.grid.zero}, ${parts.sqnr.textContent}`,
    grab: (event) => ({ from: scene.axis.from(under(event)), zero: scene.grid.zero, scale: scene.grid.scale }),
    at: (event, held) => -(held.zero - (scene.axis.from(under(event)) - held.from) / held.scale),
    set: (offset) => setZero(-offset),
    begin, end,
  };
  const ringGrip = {
    range: () => [2, 100, 100 * Math.min(shareOf(now.clip, whole), 1)],
    step: () => 1,
    text: () => `${percent(shareOf(now.clip, whole))} of the whole range, ${parts.sqnr.textContent}`,
    grab: () => 0,
    at: (event) => 100 * curve.axes.share(withinX(event, parts.curve)),
    set: (share) => { now.clip = endsAt(share / 100, whole); draw(); },
    begin, end,
  };
  const sayings = [
    slider(parts.grips.low, "Lower clip line", clipGrip("low")),
    slider(parts.grips.high, "Upper clip line", clipGrip("high")),
    slider(parts.grips.shift, "Zero point", shiftGrip),
  ];
  const sayRing = slider(parts.ring, "Clip range", ringGrip);

  parts.picture.addEventListener("click", (event) => {
    if (data.fixed || !data.format || ratio || data.hide.includes("steps")) return;
    const x = scene.axis.from(under(event));
    const bar = scene.bars.find((each) => x >= each.low && x <= each.high);
    move(() => { now.value = bar ? (bar.low + bar.high) / 2 : null; });
    parts.typed.value = bar ? short(now.value, 5).replace("−", "-") : "";
    parts.wrong.textContent = "";
  });
  parts.typed.addEventListener("keydown", (event) => event.stopPropagation()); // no shortcut of the page
  parts.typed.addEventListener("change", () => {
    const text = parts.typed.value.trim().replace("−", "-").replace(",", "."), x = text === "" ? null : Number(text);
    const right = x === null || (Number.isFinite(x) && Math.abs(x) < 3e38);
    parts.wrong.textContent = right ? "" : "A value is a finite number, such as -0.25; the last one is kept.";
    if (right) move(() => { now.value = x; });
  });
  parts.outlier.input.addEventListener("input", () => { begin(); setOutlier(Number(parts.outlier.input.value)); });
  parts.outlier.input.addEventListener("change", end);

  const watch = new ResizeObserver(draw);
  watch.observe(parts.plot);
  const scheme = globalThis.matchMedia?.("(prefers-color-scheme: dark)");
  const repaint = () => { drawnKey = ""; draw(); };
  scheme?.addEventListener?.("change", repaint);
  parts.root.addEventListener("transitionend", (event) => event.target === parts.root && repaint());

  function take(given) {
    const first = data === null, old = data;
    data = given;
    data.formatKey = JSON.stringify(given.format);
    data.ratioKey = JSON.stringify(given.ratio);
    ratio = !given.ratio ? null : old && old.ratioKey === data.ratioKey ? ratio : readRatio(given.ratio);
    if (ratio) data.format = given.ratio.format;
    data.own = old && old.id === given.id ? old.own : readBins(given.bins);
    if (first || data.seq > now.seq) now.seq = data.seq;
    if (!now.held && data.seq === now.seq) {
      now.clip = [...data.clip];
      now.outlier = data.outlier;
      if (now.value !== data.value || first) {
        now.value = data.value;
        parts.typed.value = data.value === null ? "" : short(data.value, 5).replace("−", "-");
      }
    } else if (!now.held && performance.now() - now.sent > LOST_MS) post();
    parts.title.textContent = data.title;
    parts.plot.style.height = `${data.heights.plot}px`;
    parts.curve.parentElement.style.height = `${data.heights.curve}px`;
    parts.field.hidden = data.hide.includes("steps") || !data.format || ratio !== null;
    parts.note.textContent = data.note ?? "";
    parts.outlier.box.hidden = data.hide.includes("outlier") || !data.outliers;
    parts.tools.hidden = parts.field.hidden && parts.outlier.box.hidden;
    prepare();
    drawnKey = "";
    draw();
  }

  return {
    update: take,
    destroy: () => {
      watch.disconnect();
      scheme?.removeEventListener?.("change", repaint);
      cancelAnimationFrame(asked);
      parts.root.remove();
    },
  };
}
