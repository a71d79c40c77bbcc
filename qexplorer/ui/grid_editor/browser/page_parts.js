// The elements of the editor, made without innerHTML: what a file calls its tensors stays text.

function made(tag, name, text) {
  const element = document.createElement(tag);
  if (name) element.className = name;
  if (text !== undefined) element.textContent = text;
  return element;
}

function within(parent, ...children) {
  parent.append(...children);
  return parent;
}

/** Builds everything under `host`; returns the parts by name. */
export function buildParts(host) {
  const root = made("section", "qx-editor");
  const title = made("h3", "qx-title");
  const plot = made("div", "qx-plot");
  const picture = made("canvas", "qx-canvas");
  picture.setAttribute("role", "img");
  const grips = Object.fromEntries(["low", "high", "shift"].map((name) => [name, made("div", `qx-grip qx-${name}`)]));
  for (const name of ["low", "high"]) within(grips[name], made("span", "qx-tag"));
  within(grips.shift, made("span", "qx-tag"));
  const note = made("p", "qx-note");
  within(plot, picture, note, grips.shift, grips.low, grips.high);
  const numbers = made("div", "qx-numbers");
  const bar = made("div", "qx-bar");
  const [rounding, clipping] = [made("span"), made("span")];
  within(bar, rounding, clipping);
  const sqnr = made("strong", "qx-sqnr");
  const keys = made("div", "qx-keys");
  const gridLine = made("p", "qx-grid-line");
  const said = made("p", "qx-said");
  said.setAttribute("aria-live", "polite");
  const level = within(made("span", "qx-level"), sqnr, " signal over error");
  within(numbers, within(made("div", "qx-top"), level, keys), bar, gridLine, said);
  const curveBox = made("div", "qx-curve");
  const curve = made("canvas", "qx-canvas");
  curve.setAttribute("role", "img");
  const ring = made("div", "qx-grip qx-ring");
  const chips = made("div", "qx-chips");
  within(curveBox, made("h4", "qx-title", "Squared error over the clip range"), within(made("div", "qx-plot"), curve, ring), chips);
  const outlier = range("Outliers", "qx-outlier");
  const typed = made("input", "qx-typed");
  typed.type = "text";
  typed.inputMode = "decimal";
  typed.autocomplete = "off";
  typed.placeholder = "type one, or click a bar";
  const field = within(made("label", "qx-field"), made("span", "", "Value"), typed);
  const steps = made("ol", "qx-steps");
  const picked = made("p", "qx-picked");
  const wrong = made("p", "qx-wrong");
  wrong.setAttribute("role", "alert");
  const tools = within(made("div", "qx-tools"), field, outlier.box);
  const trace = within(made("div", "qx-trace"), picked, steps);
  const under = within(made("div", "qx-under"), within(made("div", "qx-left"), numbers, trace), curveBox);
  host.append(within(root, title, plot, tools, wrong, under));
  return {
    root, title, plot, picture, note, grips, numbers, bar, rounding, clipping, sqnr, keys, gridLine, said, curveBox, curve,
    ring, chips, outlier, typed, field, steps, picked, wrong, tools, trace, under,
  };
}

function range(label, name) {
  const input = made("input", name);
  input.type = "range";
  [input.min, input.max, input.step] = ["1", "20", "0.5"];
  const out = made("output", "qx-out");
  const box = made("label", "qx-field");
  within(box, made("span", "", label), input, out);
  return { box, input, out };
}

/** Writes the two parts of the error with their colours. */
export function writeKeys(keys, rows) {
  keys.replaceChildren(
    ...rows.map(([colour, text]) => {
      const swatch = made("i");
      swatch.style.background = colour;
      return within(made("span"), swatch, text);
    }),
  );
}

/** Writes the arithmetic, a line for each step. */
export function writeSteps(list, lines) {
  list.replaceChildren(
    ...lines.map(([what, how]) => within(made("li"), made("span", "qx-what", what), made("span", "qx-how", how))),
  );
}

/** Writes a button for each mark of the curve; only its name where nothing can be `pressed`. */
export function writeChips(chips, marks, pressed) {
  chips.replaceChildren(
    ...marks.map((mark, k) => {
      const chip = made(pressed ? "button" : "span", "qx-chip");
      within(chip, made("b", "", String(k + 1)), `${mark.title} ${mark.said}`);
      if (!pressed) return chip;
      chip.type = "button";
      chip.title = `Sets the clip lines to what ${mark.title} chooses`;
      chip.addEventListener("click", () => pressed(mark));
      return chip;
    }),
  );
}
