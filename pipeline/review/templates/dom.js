// Finding and making elements. Text is only ever set as text, never as HTML.

export function byId(id) {
  return document.getElementById(id);
}

// element("button", { class: "small", title: "…", onclick: f }, "text", otherElement)
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name === "color") made.style.setProperty("--color", value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

// A key on the button that it stands for; whoever has the page read to them hears it as the button's shortcut.
export function keySign(key) {
  return element("kbd", { "aria-hidden": "true" }, key);
}

export function embedded(id) {
  return JSON.parse(byId(id).textContent);
}

const SAID_MS = 3500;
const SAID_MS_PER_LETTER = 60;

// Says something that fades by itself. It stands below the lists, never on the picture.
export function say(words) {
  const line = byId("said");
  line.textContent = words;
  line.classList.add("shown");
  clearTimeout(say.timer);
  say.timer = setTimeout(() => line.classList.remove("shown"), Math.max(SAID_MS, SAID_MS_PER_LETTER * words.length));
}

// Says something that stays until it is closed or settled; the same key replaces what was said under it. `code`: what
// is to be typed, if anything.
export function notify(key, words, actions = [], kind = "", code = "") {
  byId("notices").querySelector(`[data-key="${key}"]`)?.remove();
  const notice = element("div", { class: `notice ${kind}`, role: "status", "data-key": key }, element("p", {}, words), code ? element("code", {}, code) : null);
  const row = element("div", { class: "actions" });
  for (const [text, action] of [...actions, ["Close", () => {}]]) {
    row.append(element("button", { type: "button", onclick: () => (notice.remove(), action()) }, text));
  }
  notice.append(row);
  byId("notices").append(notice);
}
