// Bouts as values: { id, behavior (its number), start, stop, origin }, half-open, never changed once made.
// Lists are in order of time. Bouts of one behavior never overlap or touch: those that would are joined. Where behaviors
// are exclusive, bouts of two never overlap: the one that was set last clears the others there.

let lastId = 0;

export function makeBout(behavior, start, stop, origin) {
  lastId += 1;
  return Object.freeze({ id: lastId, behavior, start, stop, origin });
}

// runs: for each behavior a list of [start, stop].
export function boutsFromRuns(runs, origin) {
  return sorted(runs.flatMap((own, behavior) => own.map(([start, stop]) => makeBout(behavior, start, stop, origin))));
}

// Where a correction begins: the human's bouts, and the model's where the human did not score (or there is no human).
export function startingBouts({ model, human, unscored, n_frames }, source) {
  if (source === "nothing") return [];
  let bouts = boutsFromRuns(model, "model");
  if (source === "model" || !human) return bouts;
  unscored.forEach((spans, i) => {
    for (const [from, to] of gaps(spans, 0, n_frames)) bouts = replaceSpan(bouts, i, from, to, human[i], "human");
  });
  // Nobody has edited one yet; what reaches into frames that no human scored is not all the human's.
  const isScored = ({ behavior, start, stop }) => !unscored[behavior].some(([from, to]) => start < to && from < stop);
  return bouts.map((bout) => Object.freeze({ ...bout, origin: isScored(bout) ? "human" : "model" }));
}

// The frames whose label is the model's where a correction begins so, for each behavior.
export function startingStretches({ human, unscored, n_frames, behaviors }, source) {
  return behaviors.map((_, i) => (source === "nothing" ? [] : source === "human" && human ? unscored[i] : [[0, n_frames]]));
}

// Spans in order, those that overlap or touch made one.
export function joined(spans) {
  const found = [];
  for (const [start, stop] of [...spans].sort((a, b) => a[0] - b[0])) {
    if (found.length && start <= found.at(-1)[1]) found.at(-1)[1] = Math.max(found.at(-1)[1], stop);
    else found.push([start, stop]);
  }
  return found;
}

// What of some spans lies in none of others.
export function minus(spans, others) {
  const gone = joined(others);
  return spans.flatMap(([start, stop]) => gaps(gone, start, stop));
}

// Frames of one behavior that are a bout in one of two lists only.
export function changedSpans(before, after, behavior) {
  const [ours, theirs] = [before, after].map((list) => list.filter((bout) => bout.behavior === behavior).map(({ start, stop }) => [start, stop]));
  return joined([...minus(ours, theirs), ...minus(theirs, ours)]);
}

// Clears other behaviors where a bout lies that was not there before.
export function cleared(before, after) {
  const older = new Set(before);
  const isNew = (bout) => !older.has(bout);
  const left = (bout) => {
    const others = after.filter((other) => isNew(other) && other.behavior !== bout.behavior && other.start < bout.stop && bout.start < other.stop);
    if (!others.length || isNew(bout)) return [bout];
    return minus([[bout.start, bout.stop]], others.map(({ start, stop }) => [start, stop])).map(([start, stop]) => makeBout(bout.behavior, start, stop, "edited"));
  };
  return sorted(after.flatMap(left));
}

export function sorted(bouts) {
  return [...bouts].sort((a, b) => a.start - b.start || a.behavior - b.behavior);
}

export function without(bouts, id) {
  return bouts.filter((bout) => bout.id !== id);
}

// Puts a bout in, in place of the one with its id; what it overlaps or touches becomes part of it.
export function put(bouts, bout) {
  const near = (other) =>
    other.id !== bout.id && other.behavior === bout.behavior && other.start <= bout.stop && bout.start <= other.stop;
  const met = bouts.filter(near);
  const joined = Object.freeze({
    ...bout,
    start: Math.min(bout.start, ...met.map((other) => other.start)),
    stop: Math.max(bout.stop, ...met.map((other) => other.stop)),
  });
  return { bouts: sorted([...bouts.filter((other) => !near(other) && other.id !== bout.id), joined]), joined: met.length };
}

// Within [start, stop), one behavior becomes what `runs` says; outside it stays.
export function replaceSpan(bouts, behavior, start, stop, runs, origin) {
  let result = bouts.filter((bout) => bout.behavior !== behavior || bout.stop <= start || bout.start >= stop);
  for (const bout of bouts.filter((own) => !result.includes(own))) {
    if (bout.start < start) result.push(makeBout(behavior, bout.start, start, "edited"));
    if (bout.stop > stop) result.push(makeBout(behavior, stop, bout.stop, "edited"));
  }
  for (const [first, last] of runs) {
    const [from, to] = [Math.max(first, start), Math.min(last, stop)];
    if (from < to) result = put(result, makeBout(behavior, from, to, "edited")).bouts;
  }
  // A bout there that is now as its source has it keeps that origin, and any that holds something of the model's is the
  // model's; those elsewhere are what they were.
  const isThere = (bout) => bout.start <= stop && start <= bout.stop;
  const same = (bout) => isThere(bout) && runs.some(([first, last]) => first === bout.start && last === bout.stop);
  const holds = (bout) => origin === "model" && runs.some(([first, last]) => Math.max(first, start, bout.start) < Math.min(last, stop, bout.stop));
  const settled = (bout) => (bout.behavior === behavior && (same(bout) || holds(bout)) ? Object.freeze({ ...bout, origin }) : bout);
  return sorted(result.map(settled));
}

// The pieces of [start, stop) that lie in none of the spans, which are in order.
export function gaps(spans, start, stop) {
  const found = [];
  let from = start;
  for (const [first, last] of spans) {
    if (from < Math.min(first, stop)) found.push([from, Math.min(first, stop)]);
    from = Math.max(from, last);
  }
  if (from < stop) found.push([from, stop]);
  return found;
}

export function boutAt(bouts, behavior, frame) {
  return bouts.find((bout) => bout.behavior === behavior && bout.start <= frame && frame < bout.stop) ?? null;
}

export function runAt(runs, frame) {
  return runs.find(([start, stop]) => start <= frame && frame < stop) ?? null;
}

// The bout that begins next (direction 1) or before (-1) a frame.
export function neighbor(bouts, frame, direction) {
  if (direction > 0) return bouts.find((bout) => bout.start > frame) ?? null;
  return bouts.findLast((bout) => bout.start < frame) ?? null;
}

export function sameBouts(ours, theirs) {
  const text = (bouts) => JSON.stringify(bouts.map((bout) => [bout.behavior, bout.start, bout.stop]));
  return text(ours) === text(theirs);
}
