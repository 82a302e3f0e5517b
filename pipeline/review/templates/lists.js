// The two lists beside the video: places that are worth a look, and the corrected bouts.

import { byId, element, keySign, say } from "./dom.js";
import { placeKey } from "./document.js";
import { spanText } from "./frames.js";

const KINDS = {
  missed: "missed", invented: "invented", split: "one bout split", merged: "bouts merged", start: "start differs", stop: "end differs",
  unsure: "unsure", near: "almost a bout", dip: "dip", gap: "gap", edge: "unclear end", short: "very short",
};

// Of these kinds the human has another version; of the others only the model's doubt is known.
const DISPUTED = ["missed", "invented", "split", "merged", "start", "stop"];

export class Lists {
  constructor(content, doc, player, raster, edit) {
    Object.assign(this, { content, doc, player, raster, edit, current: null, hidden: new Set(), listeners: [] });
    this.places = content.places.map((place) => ({ ...place, key: placeKey(content, place) }));
    byId("tab-places").addEventListener("click", () => this.open("places"));
    byId("tab-bouts").addEventListener("click", () => this.open("bouts"));
    this.drawFilter();
    this.drawPlaces();
    this.drawBouts();
    this.open(this.places.length ? "places" : "bouts");
    doc.onChange((what) => {
      if (what === "bouts") this.drawBouts();
      if (what === "selection") this.markBout(true);
      if (what === "done" || what === "bouts") this.markDone();
    });
    player.onChange(() => this.markNow());
    // What is said below the list takes room from it.
    new ResizeObserver(() => byId("places").querySelector(".current")?.scrollIntoView({ block: "nearest" })).observe(byId("places"));
    edit.onUndone = (key) => this.go(this.places.findIndex((place) => place.key === key));
  }

  onPlace(listener) {
    this.listeners.push(listener);
  }

  open(name) {
    for (const other of ["places", "bouts"]) {
      byId(`tab-${other}`).setAttribute("aria-selected", other === name);
      byId(`${other}-panel`).hidden = other !== name;
    }
    this.markNow();
  }

  drawFilter() {
    const boxes = this.content.behaviors.map(({ name, color }, behavior) => {
      const toggle = (event) => {
        if (event.target.checked) this.hidden.delete(behavior);
        else this.hidden.add(behavior);
        this.filter();
      };
      return element("label", { class: "chip", color }, element("input", { type: "checkbox", checked: true, onchange: toggle }), element("span", {}, name));
    });
    byId("filter").replaceChildren(...boxes);
  }

  filter() {
    for (const row of document.querySelectorAll("#places li, #bouts li")) {
      row.hidden = this.hidden.has(Number(row.dataset.behavior));
    }
  }

  drawPlaces() {
    const { clock } = this.player;
    const rows = this.places.map((place, i) => {
      const { name, color } = this.content.behaviors[place.behavior];
      const tick = element("input", { type: "checkbox", "aria-label": "done", onchange: (event) => this.doc.tick(place.key, event.target.checked) });
      const head = element("div", { class: "head" }, element("b", {}, name), element("span", { class: "kind" }, KINDS[place.kind] ?? place.kind),
        element("span", { class: "time" }, clock.text(place.start, 1)));
      const meter = element("i", { class: "meter", title: `worth of a look: ${Math.round(place.score * 100)} of 100` });
      meter.style.setProperty("--share", `${Math.round(place.score * 100)}%`);
      const choose = (source) => (event) => (event.stopPropagation(), this.go(i), this.take(source, event.shiftKey));
      const wrong = DISPUTED.includes(place.kind) ? ["human", "Human is right", "H"] : ["opposite", "Model is wrong", "X"];
      const choices = [["model", "Model is right", "M"], wrong].map(([source, words, key]) =>
        element("button", { type: "button", onclick: choose(source), title: `${words}, on to the next place (${key}; with Shift: stay)`, "aria-keyshortcuts": key }, `${words} `, keySign(key)));
      const buttons = element("div", { class: "choice" }, ...choices);
      const row = element("li", { "data-key": place.key, "data-behavior": place.behavior, color, onclick: () => this.go(i) },
        element("label", { class: "done", onclick: (event) => event.stopPropagation() }, tick), element("div", {}, head, element("p", {}, place.reason), buttons), meter);
      return row;
    });
    byId("places").replaceChildren(...(rows.length ? rows : [element("li", { class: "empty" }, "Nothing stands out: the model is sure, and no human disagrees.")]));
    this.markDone();
  }

  // Marks rows as done and says how many are left.
  markDone() {
    const { done } = this.doc;
    let left = 0;
    for (const row of byId("places").children) {
      const isDone = done.has(row.dataset.key);
      if (row.dataset.key && !isDone) left += 1;
      row.classList.toggle("is-done", isDone);
      const tick = row.querySelector("input");
      if (tick) tick.checked = isDone;
    }
    byId("n-places").textContent = left;
  }

  go(i, zoomIn = true) {
    const place = this.places[i];
    if (!place) return;
    this.current = i;
    this.edit.setPen(place.behavior);
    const { bouts } = this.doc;
    const met = bouts.find((bout) => bout.behavior === place.behavior && bout.start <= place.stop && place.start <= bout.stop);
    this.doc.select(met ? met.id : null);
    this.raster.show(place.start, place.stop, zoomIn);
    this.player.pause();
    this.player.seek(place.start);
    this.open("places");
    for (const listener of this.listeners) listener(place);
    [...byId("places").children].forEach((row, n) => row.classList.toggle("current", n === i));
    byId("places").children[i].scrollIntoView({ block: "nearest" });
  }

  // The next place (or the one before) that is neither done nor filtered out.
  step(direction) {
    const isOpen = (place) => !this.doc.done.has(place.key) && !this.hidden.has(place.behavior);
    let i = this.current ?? (direction > 0 ? -1 : this.places.length);
    do i += direction;
    while (this.places[i] && !isOpen(this.places[i]));
    if (this.places[i]) this.go(i);
  }

  tickAndGoOn() {
    const place = this.places[this.current];
    if (place) this.doc.tick(place.key, true);
    this.step(1);
  }

  // The expert decided for one of the two: the bouts follow, the place is done, and the next one comes (unless `stay`).
  take(source, stay = false) {
    const place = this.places[this.current];
    if (!place) return;
    if (source === "human" && !this.content.human) {
      say("This recording has no human labels, so there is no human's version to take.");
      return;
    }
    const isDisputed = DISPUTED.includes(place.kind);
    const isTaken = this.edit.takeVersion(place, source === "opposite" && isDisputed ? "human" : source);
    if (!isTaken) return;
    this.doc.tick(place.key, true);
    if (!stay) this.step(1);
  }

  get place() {
    return this.places[this.current] ?? null;
  }

  drawBouts() {
    const { clock } = this.player;
    const rows = this.doc.bouts.map((bout) => {
      const { name, color } = this.content.behaviors[bout.behavior];
      const go = () => {
        this.doc.select(bout.id);
        this.edit.setPen(bout.behavior);
        this.raster.show(bout.start, bout.stop, false);
        this.player.seek(bout.start);
      };
      return element("li", {
        color, onclick: go, "data-id": bout.id, "data-behavior": bout.behavior, "data-name": name, "data-start": bout.start, "data-stop": bout.stop, "data-origin": bout.origin,
      }, element("b", {}, name), element("span", { class: "time" }, `${clock.text(bout.start)}–${clock.text(bout.stop)}`),
      element("span", { class: "length" }, spanText(clock.seconds(bout.stop - bout.start))), element("span", { class: "kind" }, bout.origin));
    });
    byId("bouts").replaceChildren(...(rows.length ? rows : [element("li", { class: "empty" }, "No bouts yet. Press A to add one.")]));
    byId("n-bouts").textContent = this.doc.bouts.length;
    this.filter();
    this.markBout(false);
    this.markNow();
  }

  markBout(scroll) {
    for (const row of byId("bouts").children) {
      const isSelected = Number(row.dataset.id) === this.doc.selectedId;
      row.classList.toggle("current", isSelected);
      if (isSelected && scroll && !byId("bouts-panel").hidden) row.scrollIntoView({ block: "nearest" });
    }
  }

  markNow() {
    if (byId("bouts-panel").hidden) return;
    const { frame } = this.player;
    for (const row of byId("bouts").children) {
      row.classList.toggle("under-playhead", Number(row.dataset.start) <= frame && frame < Number(row.dataset.stop));
    }
  }
}
