// What the expert works on: the corrected bouts with their history, what is selected, which places are done.

const MOST_STEPS = 500;

export class CorrectedDocument {
  constructor(bouts, startedFrom) {
    this.bouts = bouts;
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

  // One step that undo takes back.
  change(bouts, words, startedFrom = this.startedFrom) {
    this.past.push(this.snapshot(words));
    if (this.past.length > MOST_STEPS) this.past.shift();
    this.future = [];
    this.take({ bouts, startedFrom });
  }

  undo() {
    return this.travel(this.past, this.future);
  }

  redo() {
    return this.travel(this.future, this.past);
  }

  // Returns what the step was, null where there is none.
  travel(from, to) {
    const step = from.pop();
    if (!step) return null;
    to.push(this.snapshot(step.words));
    this.take(step);
    return step.words;
  }

  snapshot(words) {
    return { bouts: this.bouts, startedFrom: this.startedFrom, words };
  }

  take({ bouts, startedFrom }) {
    this.bouts = bouts;
    this.startedFrom = startedFrom;
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
