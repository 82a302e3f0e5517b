// What can be done to the corrected bouts. Every deed is one step that undo takes back.

import { byId, element, say } from "./dom.js";
import { boutAt, changedSpans, gaps, joined, makeBout, minus, put, replaceSpan, sameBouts, startingBouts, startingStretches, without } from "./bouts.js";

const NEW_BOUT_S = 0.5;
export const STARTS = { model: "the model's bouts", human: "the human's bouts", nothing: "nothing" };

export class Editing {
  constructor(content, doc, player) {
    Object.assign(this, { content, doc, player, pen: 0, onUndone: () => {} });
    this.names = content.behaviors.map(({ name }) => name);
    this.fillSelects();
    const connect = (id, action) => byId(id).addEventListener("click", action);
    connect("add", () => this.add());
    connect("start-here", () => this.setEdge("start"));
    connect("stop-here", () => this.setEdge("stop"));
    connect("delete", () => this.delete());
    connect("undo", () => this.undo());
    connect("redo", () => this.redo());
    byId("pen").addEventListener("change", () => this.setPen(Number(byId("pen").value)));
    byId("bout-behavior").addEventListener("change", () => this.setBehavior(Number(byId("bout-behavior").value)));
    byId("start-from").addEventListener("change", () => this.startFrom(byId("start-from").value));
    doc.onChange(() => this.refresh());
    this.refresh();
  }

  fillSelects() {
    const options = () => this.names.map((name, i) => element("option", { value: i }, name));
    byId("pen").append(...options());
    byId("bout-behavior").append(...options());
    const starts = Object.entries(STARTS).filter(([name]) => name !== "human" || this.content.human);
    byId("start-from").append(...starts.map(([name, words]) => element("option", { value: name }, words)));
  }

  // The behavior of bouts to come.
  setPen(behavior) {
    if (behavior < 0 || behavior >= this.names.length) return;
    this.pen = behavior;
    byId("pen").value = behavior;
    byId("pen").style.setProperty("--color", this.content.behaviors[behavior].color);
  }

  putBout(bout, words) {
    const before = this.doc.bouts.find((other) => other.id === bout.id);
    if (before && before.start === bout.start && before.stop === bout.stop && before.behavior === bout.behavior) return;
    const { bouts, joined } = put(this.doc.bouts, Object.freeze(bout));
    this.doc.change(bouts, words);
    this.doc.select(bout.id);
    say(`${this.names[bout.behavior]}: ${words}${joined ? ", joined with its neighbor" : ""}`);
  }

  add() {
    const { frame, clock } = this.player;
    const there = boutAt(this.doc.bouts, this.pen, frame);
    if (there) {
      this.doc.select(there.id);
      say(`There is ${this.names[this.pen]} here already: it is selected.`);
      return;
    }
    const length = Math.max(1, Math.round(clock.frames(NEW_BOUT_S)));
    const next = this.doc.bouts.find((bout) => bout.behavior === this.pen && bout.start > frame);
    // One frame is left to the next bout, so that the two stay two.
    const most = Math.min(this.content.n_frames, next ? Math.max(frame + 1, next.start - 1) : Infinity);
    this.putBout(makeBout(this.pen, frame, Math.min(frame + length, most), "edited"), "added a bout");
  }

  // The current frame becomes the first of the selected bout, or its last.
  setEdge(edge) {
    const bout = this.selectedOrHere();
    if (!bout) return;
    const { frame } = this.player;
    const changed = edge === "start" ? { start: frame } : { stop: frame + 1 };
    const moved = { ...bout, ...changed, origin: "edited" };
    if (moved.stop <= moved.start) {
      say(edge === "start" ? "This frame lies behind the bout's end." : "This frame lies before the bout's start.");
      return;
    }
    this.putBout(moved, edge === "start" ? "starts here" : "ends here");
  }

  setBehavior(behavior) {
    const bout = this.selectedOrHere();
    if (!bout || bout.behavior === behavior) return;
    this.putBout({ ...bout, behavior, origin: "edited" }, "changed the behavior");
    this.setPen(behavior);
  }

  cycleBehavior() {
    const bout = this.selectedOrHere();
    if (bout) this.setBehavior((bout.behavior + 1) % this.names.length);
  }

  delete() {
    const bout = this.selectedOrHere();
    if (!bout) return;
    this.doc.change(without(this.doc.bouts, bout.id), "deleted a bout");
    say(`${this.names[bout.behavior]}: deleted the bout (undo brings it back)`);
  }

  // Within a place, the model's version, the human's, or the opposite of what the model says for most of it. False
  // where the human has none.
  takeVersion(place, source) {
    const { behavior, start, stop } = place;
    const model = this.content.model[behavior];
    const covered = model.reduce((sum, run) => sum + Math.max(0, Math.min(stop, run[1]) - Math.max(start, run[0])), 0);
    const opposite = 2 * covered > stop - start ? [] : [[start, stop]];
    const runs = { model, human: this.content.human?.[behavior], opposite }[source];
    const words = source === "opposite" ? (runs.length ? "made it a bout" : "cleared it") : `took the ${source}'s version`;
    // What the human did not score is no "no": there the bouts stay.
    const parts = source === "human" ? gaps(this.content.unscored[behavior], start, stop) : [[start, stop]];
    if (!parts.length) {
      say("The human did not score this stretch, so there is no version to take: the bouts stay as they are.");
      return false;
    }
    // A version of exclusive behaviors is one of all.
    const all = this.content.exclusive && source !== "opposite";
    const taken = all ? this.names.map((_, i) => i) : [behavior];
    let { bouts } = this.doc;
    for (const i of taken) {
      for (const [from, to] of parts) {
        bouts = replaceSpan(bouts, i, from, to, all ? this.content[source][i] : runs, source === "opposite" ? "edited" : source);
      }
    }
    if (sameBouts(bouts, this.doc.bouts)) say("The corrected bouts say so already.");
    else {
      this.doc.change(bouts, words, { place: place.key, ...this.whose(bouts, taken, parts, source) });
      say(`${this.names[behavior]}: ${words}`);
    }
    return true;
  }

  // The frames that are the model's once a version was taken: what became the model's is, what is the human's is not.
  whose(bouts, behaviors, parts, source) {
    if (source === "opposite") return {};
    const after = (own, i) => (source === "model" ? joined([...own, ...changedSpans(this.doc.bouts, bouts, i)]) : minus(own, parts));
    return { fromModel: this.doc.fromModel.map((spans, i) => (behaviors.includes(i) ? after(spans, i) : spans)) };
  }

  startFrom(source) {
    const fromModel = startingStretches(this.content, source);
    this.doc.change(startingBouts(this.content, source), `began again from ${STARTS[source]}`, { startedFrom: source, fromModel });
    const isPartial = source === "human" && this.content.unscored.some((spans) => spans.length);
    const rest = isPartial ? "; where the human did not score, the model's stay" : "";
    say(`Corrected bouts begin again from ${STARTS[source]}${rest} (undo brings the others back)`);
  }

  undo() {
    const step = this.doc.undo();
    if (step?.place) this.onUndone(step.place);
    say(step ? `Undone: ${step.words}` : "Nothing to undo.");
  }

  redo() {
    const step = this.doc.redo();
    say(step ? `Done again: ${step.words}` : "Nothing to do again.");
  }

  // The selected bout; else the one at this frame, of the behavior of the pen before others.
  selectedOrHere() {
    const { doc, pen } = this;
    const { frame } = this.player;
    const here = (bout) => bout.start <= frame && frame < bout.stop;
    const bout = doc.selected ?? boutAt(doc.bouts, pen, frame) ?? doc.bouts.find(here) ?? null;
    if (bout) doc.select(bout.id);
    else say("No bout is selected, and there is none at this frame.");
    return bout;
  }

  refresh() {
    const { selected } = this.doc;
    for (const id of ["start-here", "stop-here", "delete", "bout-behavior"]) byId(id).disabled = !selected;
    byId("undo").disabled = !this.doc.past.length;
    byId("redo").disabled = !this.doc.future.length;
    byId("start-from").value = this.doc.startedFrom;
    const { clock } = this.player;
    byId("bout-behavior").value = selected ? selected.behavior : "";
    byId("bout-span").textContent = selected ? `${clock.text(selected.start)}–${clock.text(selected.stop)}` : "no bout";
    byId("bout-span").title = selected ? `frames ${selected.start} to ${selected.stop - 1}` : "click one, or press S or E at a bout";
  }
}
