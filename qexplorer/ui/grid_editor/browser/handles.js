// Handles that are dragged with a pointer or moved by keys: ARIA sliders, each with one number.

const KEYS = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -10, PageUp: 10 };
const REST_MS = 350; // keys that follow each other sooner are one move

/**
 * Makes `element` a slider.
 *
 * `does` has: `range()` -> [min, max, now], `step()`, `text()` for a screen reader, `set(value)` while it moves,
 * `at(event)` -> the value under the pointer (called with the pointer's offset from where it was grabbed), `begin()`
 * and `end()` around each move. Returns a function that writes what a screen reader says.
 */
export function slider(element, label, does) {
  element.tabIndex = 0;
  element.setAttribute("role", "slider");
  element.setAttribute("aria-label", label);
  let held = null, resting = 0;

  const say = () => {
    const [min, max, now] = does.range();
    element.setAttribute("aria-valuemin", String(min));
    element.setAttribute("aria-valuemax", String(max));
    element.setAttribute("aria-valuenow", String(now));
    element.setAttribute("aria-valuetext", does.text());
  };

  element.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    event.preventDefault();
    element.focus({ preventScroll: true });
    element.setPointerCapture(event.pointerId);
    held = does.grab(event);
    does.begin();
  });
  element.addEventListener("pointermove", (event) => {
    if (held !== null) does.set(does.at(event, held));
  });
  const let_go = () => {
    if (held === null) return;
    held = null;
    does.end();
  };
  element.addEventListener("pointerup", let_go);
  element.addEventListener("pointercancel", let_go);
  element.addEventListener("lostpointercapture", let_go);

  element.addEventListener("keydown", (event) => {
    const [min, max, now] = does.range();
    let wanted = now;
    if (event.key in KEYS) wanted = now + KEYS[event.key] * (event.shiftKey ? 10 : 1) * does.step();
    else if (event.key === "Home") wanted = min;
    else if (event.key === "End") wanted = max;
    else return;
    event.preventDefault();
    if (!resting) does.begin();
    does.set(Math.min(Math.max(wanted, min), max));
    clearTimeout(resting);
    resting = setTimeout(rest, REST_MS);
  });
  const rest = () => {
    if (!resting) return;
    clearTimeout(resting);
    resting = 0;
    does.end();
  };
  element.addEventListener("blur", rest);
  return say;
}

// How far an event is from the left end of an element, in the element's own pixels, of which a zoomed page has fewer.
export function withinX(event, element) {
  const box = element.getBoundingClientRect();
  return (event.clientX - box.left) / (Math.round(20 * box.width / element.offsetWidth) / 20 || 1);
}
