// Where things stand in the raster, in pixels from its top, and which shapes they have.

const GROUP = { least: 62, most: 92 };
const RULER = 26;
const ROOMY = { corrected: 16, other: 10 };
const TIGHT = { corrected: 13, other: 8 };
const TIGHT_BELOW = 76;
const GAP = 2;

const SHARED = { least: 150, name: 23, corrected: 26, other: 18 };

// For each behavior its lanes: [top, bottom] of corrected, model, human (null where nobody scored), probability.
// Exclusive behaviors share theirs.
export function rasterLayout(nBehaviors, hasHuman, spaceForAll, isShared = false) {
  if (isShared) {
    const group = Math.max(SHARED.least, SHARED.name * nBehaviors + GAP);
    return { rows: Array(nBehaviors).fill(lanes(0, group, SHARED, hasHuman)), group, ruler: RULER, height: group + RULER };
  }
  const group = Math.round(Math.max(GROUP.least, Math.min(GROUP.most, (spaceForAll - RULER) / nBehaviors)));
  const size = group < TIGHT_BELOW ? TIGHT : ROOMY;
  const rows = Array.from({ length: nBehaviors }, (_, behavior) => lanes(behavior * group, group, size, hasHuman));
  return { rows, group, ruler: RULER, height: nBehaviors * group + RULER };
}

function lanes(first, height, size, hasHuman) {
  let top = first + 5;
  const lane = (high) => {
    const found = [top, top + high];
    top += high + GAP;
    return found;
  };
  const corrected = lane(size.corrected);
  const model = lane(size.other);
  const human = hasHuman ? lane(size.other) : null;
  return { top: first, bottom: first + height, corrected, model, human, probability: [top + 2, first + height - 5] };
}

// Rectangles as one closed line each, so that hundreds of bouts are one trace.
export function boxes(runs, [top, bottom]) {
  const x = [];
  const y = [];
  for (const [start, stop] of runs) {
    x.push(start, start, stop, stop, start, null);
    y.push(top, bottom, bottom, top, top, null);
  }
  return { x, y };
}

export function together(shapes) {
  return { x: shapes.flatMap(({ x }) => x), y: shapes.flatMap(({ y }) => y) };
}

// A line of probabilities in a lane: its own outline, and the area below it.
export function curve({ x, y }, [top, bottom]) {
  const level = (value) => (value === null ? null : bottom - value * (bottom - top));
  const line = { x, y: y.map(level) };
  const area = { x: [], y: [] };
  let from = 0;
  for (let i = 0; i <= x.length; i += 1) {
    if (i < x.length && line.y[i] !== null) continue;
    if (i > from) {
      area.x.push(x[from], ...x.slice(from, i), x[i - 1], null);
      area.y.push(bottom, ...line.y.slice(from, i), bottom, null);
    }
    from = i + 1;
  }
  return { line, area };
}

const STEPS_S = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200];

// Seconds that get a label, about one in 110 pixels.
export function ticks(clock, first, last, widthPx) {
  const span = clock.seconds(last - first);
  const wanted = (span / Math.max(1, widthPx)) * 110;
  const step = STEPS_S.find((candidate) => candidate >= wanted) ?? STEPS_S.at(-1) * Math.ceil(wanted / STEPS_S.at(-1));
  const values = [];
  for (let n = Math.ceil(clock.seconds(first) / step - 1e-9); n * step <= clock.seconds(last) + 1e-9; n += 1) values.push(n * step);
  return { step, seconds: values, frames: values.map((second) => clock.frames(second)) };
}
