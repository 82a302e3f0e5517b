// The corrected bouts as files that Rearview and BORIS read.

import { element } from "./dom.js";

const COLUMNS = ["behavior", "start_frame", "stop_frame", "start_s", "stop_s", "duration_s", "origin", "model_frames"];
const TOUCHING_COMMENT = "end; the next bout begins here";

export function csvText(content, { bouts, fromModel }) {
  const shared = ({ behavior, start, stop }) => fromModel[behavior].reduce((n, [first, last]) => n + Math.max(0, Math.min(stop, last) - Math.max(start, first)), 0);
  const { fps, behaviors, animal } = content;
  const columns = animal ? [...COLUMNS, "animal"] : COLUMNS;
  const quoted = (text) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const cells = (bout, { behavior, start, stop, origin } = bout) => [
    quoted(behaviors[behavior].annotated_as),
    start,
    stop,
    (start / fps).toFixed(6),
    (stop / fps).toFixed(6),
    ((stop - start) / fps).toFixed(6),
    origin,
    shared(bout),
    ...(animal ? [quoted(animal)] : []),
  ];
  return [columns, ...bouts.map((bout) => cells(bout))].map((row) => `${row.join(",")}\n`).join("");
}

// Whose bouts and frames these are; the same words as corrections.py.
function originsText({ behaviors, n_frames }, { bouts, fromModel }) {
  const [model, human, edited] = ["model", "human", "edited"].map((name) => bouts.filter(({ origin }) => origin === name).length);
  const counts = behaviors.map((behavior, i) => [behavior.annotated_as, fromModel[i].reduce((n, [start, stop]) => n + stop - start, 0)]);
  // Text of its own: an object would put names that are numbers first.
  const frames = counts.map(([name, n]) => `${JSON.stringify(name)}:${n}`).join(",");
  return ` Of ${bouts.length} bouts: ${model} the model's; ${human} a human's, unchanged; ${edited} edited. Frames of ${n_frames} with the model's label: {${frames}}`;
}

// The page carries a project without events; here they are filled in, two for a bout, by time.
export function borisText(content, doc) {
  const { bouts } = doc;
  const { fps, behaviors, animal: subject } = content;
  const time = (frame) => Math.round((frame / fps) * 1000) / 1000;
  const starts = new Set(bouts.map((bout) => `${bout.behavior} ${bout.start}`));
  const edges = (event) => bouts.map((bout) => event(bout, behaviors[bout.behavior].annotated_as));
  const stops = edges(({ behavior, stop }, name) => [time(stop), subject, name, "", starts.has(`${behavior} ${stop}`) ? TOUCHING_COMMENT : "", stop]);
  const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
  const byName = (events) => events.sort((a, b) => compare(a[2], b[2]));
  // Sorting is stable: what stops at a time comes before what starts then.
  const events = [...byName(stops), ...byName(edges(({ start }, name) => [time(start), subject, name, "", "", start]))];
  events.sort((a, b) => a[0] - b[0]);
  const tree = structuredClone(content.boris);
  const observation = tree.observations[content.recording];
  observation.events = events;
  observation.description += originsText(content, doc);
  // BORIS opens the file in the system's encoding, so that only ASCII is safe.
  const escaped = (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return `${JSON.stringify(tree, null, 1).replace(/[\u007f-\uffff]/g, escaped)}\n`;
}

export function download(name, text, type) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = element("a", { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 60000);
}
