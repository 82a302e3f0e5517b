// Keeping the work in the browser, so that a closed window, a crash or an empty battery loses nothing.

import { joined, makeBout, sorted } from "./bouts.js";

const VERSION = 1;

// The document as text can hold it; behaviors by name, so that another order of them does no harm.
export function toState(doc, names) {
  return {
    version: VERSION,
    changed_at: new Date().toISOString(),
    started_from: doc.startedFrom,
    unsaved: doc.unsaved,
    done: [...doc.done],
    bouts: doc.bouts.map((bout) => [names[bout.behavior], bout.start, bout.stop, bout.origin]),
    from_model: Object.fromEntries(names.map((name, i) => [name, doc.fromModel[i]])),
  };
}

// Fills the document; false where the state is not one of this recording.
export function fromState(doc, state, names, nFrames) {
  if (state?.version !== VERSION || !Array.isArray(state.bouts)) return false;
  const fits = ([name, start, stop]) =>
    names.includes(name) && Number.isInteger(start) && Number.isInteger(stop) && 0 <= start && start < stop && stop <= nFrames;
  if (!state.bouts.every(fits)) return false;
  doc.bouts = sorted(state.bouts.map(([name, start, stop, origin]) => makeBout(names.indexOf(name), start, stop, origin)));
  doc.fromModel = names.map((name, i) => state.from_model?.[name] ?? ownSpans(doc.bouts, i));
  doc.startedFrom = state.started_from;
  doc.unsaved = Boolean(state.unsaved);
  doc.done = new Set(state.done);
  doc.past = [];
  doc.future = [];
  doc.tell("bouts");
  return true;
}

// What an earlier version kept has bouts alone.
function ownSpans(bouts, behavior) {
  const own = bouts.filter((bout) => bout.behavior === behavior && bout.origin === "model");
  return joined(own.map(({ start, stop }) => [start, stop]));
}

// False where the browser keeps nothing (private windows, a full disk).
export function keep(key, state) {
  try {
    localStorage.setItem(key, JSON.stringify(state));
    return true;
  } catch {
    return false;
  }
}

export function kept(key) {
  try {
    return JSON.parse(localStorage.getItem(key));
  } catch {
    return null;
  }
}

// Corrections of the same recording that began from other predictions, the latest first; `served` is one (or null)
// that lies beside the run.
export function keptElsewhere(key, served) {
  const prefix = key.slice(0, key.lastIndexOf(":") + 1);
  const found = [served];
  try {
    for (const other of Object.keys(localStorage)) {
      if (other !== key && other.startsWith(prefix) && !other.slice(prefix.length).includes(":")) found.push(kept(other));
    }
  } catch {
    // What the browser keeps can't be read; what lies beside the run is found all the same.
  }
  const whole = found.filter((state) => state?.version === VERSION && Array.isArray(state.bouts));
  return whole.sort((a, b) => (a.changed_at < b.changed_at ? 1 : -1));
}

export function later(ours, theirs) {
  if (!ours || !theirs) return ours ?? theirs ?? null;
  return ours.changed_at >= theirs.changed_at ? ours : theirs;
}
