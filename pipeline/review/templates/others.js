// The other animals of the video: lanes below one's own that are only looked at, and the way to their pages.

import { byId, element, keySign, say } from "./dom.js";
import { runAt } from "./bouts.js";

const NAME = 22;
const GAP = 2;
const OWN_LANES = { name: 13, lane: 7 };
const SHARED_LANES = { name: 0, lane: 14 };

// Blocks below `top`, an animal each: its lanes [top, bottom] with what they show. Exclusive behaviors share lanes.
export function layoutOthers({ others, behaviors, exclusive }, top) {
  let y = top;
  const blocks = others.map((animal) => {
    const block = { animal, top: y, lanes: [], names: [] };
    y += NAME;
    const rows = exclusive ? [behaviors.map((_, i) => i)] : behaviors.map((_, i) => [i]);
    const size = exclusive ? SHARED_LANES : OWN_LANES;
    for (const shown of rows) {
      if (!exclusive) block.names.push({ behavior: shown[0], top: y });
      for (const { source, runs, unknown } of animal.lanes) {
        block.lanes.push({ source, shown, runs, unknown: unknown[shown[0]], place: [y, y + size.lane] });
        y += size.lane + GAP;
      }
      y = Math.max(y, (block.names.at(-1)?.top ?? 0) + size.name) + GAP;
    }
    block.bottom = y += GAP;
    return block;
  });
  return { blocks, height: y - top };
}

// What lies at a height of the raster: the animal, lane, behavior and bout there; null where there is no other animal.
export function otherAt({ blocks }, y, frame) {
  const block = blocks.find(({ top, bottom }) => top <= y && y < bottom);
  if (!block) return null;
  const lane = block.lanes.find(({ place: [top, bottom] }) => top - 1 <= y && y < bottom + 1);
  const behavior = lane?.shown.find((i) => runAt(lane.runs[i], frame));
  const run = behavior === undefined ? null : runAt(lane.runs[behavior], frame);
  return { name: block.animal.name, source: lane?.source, behavior, run };
}

export function drawOtherLabels({ blocks }, { behaviors, exclusive }) {
  return blocks.map(({ animal, top, bottom, lanes, names }, place) => {
    const isFirst = place === 0;
    const link = element("a", { href: animal.page, class: "edit-other", "data-page": animal.page, title: isFirst ? "its page, at the same time (O)" : "its page, at the same time" }, `edit ${animal.name} `, isFirst ? keySign("O") : null);
    const row = element("div", { class: "lane-label other", color: animal.color }, element("b", { title: animal.name }, animal.name), link);
    row.style.height = `${bottom - top}px`;
    const put = (label, y) => {
      label.style.top = `${y - top}px`;
      row.append(label);
    };
    for (const { behavior, top: y } of names) {
      const { name, color } = behaviors[behavior];
      put(element("span", { class: "other-behavior", color, title: name }, name), y);
    }
    for (const { source, place } of exclusive ? lanes : []) put(element("span", { class: "source" }, source), (place[0] + place[1]) / 2);
    return row;
  });
}

// Links lead to the frame that is shown here.
export function connectOthers(content, player) {
  const address = (page) => `${page}#frame=${player.frame}`;
  byId("labels").addEventListener("click", (event) => {
    const link = event.target.closest("a[data-page]");
    if (link) link.href = address(link.dataset.page);
  });
  return () => {
    if (content.others.length) location.href = address(content.others[0].page);
    else say("There is no other animal of this video in the run.");
  };
}

// The frame that the address names; the first one otherwise.
export function frameInAddress() {
  return Number(/^#frame=(\d{1,9})$/.exec(location.hash)?.[1] ?? 0);
}
