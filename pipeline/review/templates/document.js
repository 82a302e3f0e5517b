// What the expert works on: the corrected bouts with their history, what is selected, which places are done, and for
// each behavior the frames whose label is the model's, for nobody set it.

import { changedSpans, cleared, joined, minus } from "./bouts.js";

const MOST_STEPS = 500;

// Under what a place is known to be done.
export function placeKey(content, { behavior, kind, start, stop }) {
  return `${content.behaviors[behavior].name}:${kind}:${start}:${stop}`;
}

export class CorrectedDocument {
  constructor(bouts, startedFrom, fromModel, exclusive = false) {
    this.bouts = bouts;
    this.exclusive = exclusive;
    this.fromModel = fromModel;
    this.startedFrom = startedFrom;
    this.done = new Set();
    this.selectedId = null;
    this.unsaved = false;
    this.past = [];
    this.future = [];
    this.listeners = [];
  }

  onChange(listener) {
    this.listeners.push(listener);
  }

  tell(what) {
    for (const listener of this.listeners) listener(what);
  }

  get selected() {
    return this.bouts.find((bout) => bout.id === this.selectedId) ?? null;
  }

  select(id) {
    if (id === this.selectedId) return;
    this.selectedId = id;
    this.tell("selection");
  }

  // One step that undo takes back. `place`: the key of the place that it settles, if any. `fromModel`: left out where a
  // hand set what changed.
  change(wanted, words, { startedFrom = this.startedFrom, place = null, fromModel = null } = {}) {
    const bouts = this.exclusive ? cleared(this.bouts, wanted) : wanted;
    fromModel ??= this.withoutChanged(bouts);
    this.past.push(this.snapshot(words, place));
    if (this.past.length > MOST_STEPS) this.past.shift();
    this.future = [];
    this.take({ bouts, startedFrom, fromModel });
  }

  withoutChanged(bouts) {
    const changed = this.fromModel.map((_, i) => changedSpans(this.bouts, bouts, i));
    // A hand that says which class a frame has says so of all.
    const all = joined(changed.flat());
    return this.fromModel.map((spans, i) => minus(spans, this.exclusive ? all : changed[i]));
  }

  undo() {
    return this.travel(this.past, this.future);
  }

  redo() {
    return this.travel(this.future, this.past);
  }

  // Returns the step, null where there is none. What settled a place makes it open again, and done again.
  travel(from, to) {
    const step = from.pop();
    if (!step) return null;
    to.push(this.snapshot(step.words, step.place));
    this.take(step);
    if (step.place) this.tick(step.place, from === this.future);
    return step;
  }

  snapshot(words, place) {
    return { bouts: this.bouts, startedFrom: this.startedFrom, fromModel: this.fromModel, words, place };
  }

  take({ bouts, startedFrom, fromModel }) {
    Object.assign(this, { bouts, startedFrom, fromModel });
    this.unsaved = true;
    if (!this.selected) this.selectedId = null;
    this.tell("bouts");
  }

  tick(place, isDone) {
    if (isDone) this.done.add(place);
    else this.done.delete(place);
    this.tell("done");
  }

  saved() {
    this.unsaved = false;
    this.tell("saved");
  }
}
