// What Streamlit's components v2 calls: on mounting, and again whenever Python sends data.

import { mount } from "./mount.js";

const mounted = new WeakMap();

export default function (component) {
  const { data, parentElement, setStateValue } = component;
  let editor = mounted.get(parentElement);
  if (!editor) {
    const send = (state) => mounted.get(parentElement)?.set("state", state);
    editor = { ...mount(parentElement, send), set: setStateValue };
    mounted.set(parentElement, editor);
  }
  editor.set = setStateValue;
  if (data) editor.update(data);
  return () => {
    editor.destroy();
    mounted.delete(parentElement);
  };
}
