// The raster: bouts of human, model and the corrected ones, and probabilities, over time. Drawn by plotly, which
// knows nothing of the mouse here; what moves while the video plays (now-line, selection) lies above it.

import { byId, element } from "./dom.js";
import { timeText } from "./frames.js";
import { decimate } from "./decimate.js";
import { boxes, curve, rasterLayout, ticks, together } from "./raster_layout.js";
import { drawOtherLabels, layoutOthers } from "./others.js";

const INK = "#1f2933";
const UNKNOWN = "#d5dae0";
const LANE = "#f1f4f6";
const FEWEST_FRAMES = 8;
const REDRAW_AFTER_MS = 120;
const REFINE_AFTER_MS = 160;
// Where the window turns over while the video plays.
const TURN_AT = 0.92;

export class Raster {
  constructor(content, clock, probabilities) {
    this.content = content;
    this.clock = clock;
    this.probabilities = probabilities;
    this.range = [0, content.n_frames];
    this.drawn = this.range;
    this.follow = true;
    this.listeners = [];
    this.plot = byId("plot");
    this.corrected = [];
  }

  onRange(listener) {
    this.listeners.push(listener);
  }

  get width() {
    return this.plot.clientWidth;
  }

  x(frame) {
    return ((frame - this.range[0]) / (this.range[1] - this.range[0])) * this.width;
  }

  frameAtX(x) {
    return this.range[0] + (x / this.width) * (this.range[1] - this.range[0]);
  }

  // Draws everything anew: at the beginning, and when the window has another size.
  draw(spaceForAll) {
    const { behaviors, human, exclusive } = this.content;
    this.layout = rasterLayout(behaviors.length, human !== null, spaceForAll, exclusive);
    this.others = layoutOthers(this.content, this.layout.height - this.layout.ruler);
    this.layout.height += this.others.height;
    this.plot.style.height = `${this.layout.height}px`;
    this.drawLabels();
    this.traces = [];
    this.drawn = [...this.range];
    this.places = { corrected: [], line: [], area: [] };
    this.addGround();
    behaviors.forEach((_, behavior) => this.addBehavior(behavior));
    this.addOthers();
    const config = { staticPlot: true, displayModeBar: false, responsive: false };
    return window.Plotly.newPlot(this.plot, this.traces, this.plotLayout(), config).then(() => this.tellRange());
  }

  drawLabels() {
    const { behaviors, exclusive } = this.content;
    const p = (behavior) => element("output", { class: "now-p", id: `p-${behavior}` }, "");
    const names = behaviors.map(({ name, color }, i) => (exclusive ? [element("div", { class: "class-label", color, title: name }, element("b", {}, name), p(i))] : [element("b", {}, name), p(i)]));
    const labels = exclusive ? [this.laneLabel({}, 0, names.flat())] : behaviors.map(({ name, color }, i) => this.laneLabel({ color, title: name }, i, names[i]));
    byId("labels").replaceChildren(...labels, ...drawOtherLabels(this.others, this.content));
  }

  laneLabel(attributes, behavior, names) {
    const lane = this.layout.rows[behavior];
    const row = element("div", { class: "lane-label", ...attributes }, ...names);
    row.style.height = `${this.layout.group}px`;
    for (const word of ["corrected", "model", "human"]) {
      const place = lane[word];
      if (!place) continue;
      const label = element("span", { class: `source ${word}` }, word);
      label.style.top = `${(place[0] + place[1]) / 2 - lane.top}px`;
      row.append(label);
    }
    return row;
  }

  // What has one color everywhere is one trace: few traces are what keeps plotly quick.
  addGround() {
    const { human, unscored, unpredicted, n_frames: n, exclusive } = this.content;
    const rows = [...new Set(this.layout.rows)];
    const lanes = rows.flatMap((row) => [row.corrected, row.model, row.human].filter(Boolean));
    const unknown = rows.flatMap((row, i) => [
      row.human && boxes(unscored[i], row.human), boxes(unpredicted[i], row.model), boxes(unpredicted[i], row.probability),
    ]);
    this.add(together(lanes.map((lane) => boxes([[0, n]], lane))), { fill: LANE });
    this.add(together(unknown.filter(Boolean)), { fill: UNKNOWN });
    if (human && !exclusive) this.add(together(rows.map((row, i) => boxes(human[i], row.human))), { fill: INK });
  }

  addBehavior(behavior) {
    const { color } = this.content.behaviors[behavior];
    const row = this.layout.rows[behavior];
    this.add(boxes(this.content.model[behavior], row.model), { fill: `${color}99` });
    if (this.content.exclusive && row.human) this.add(boxes(this.content.human[behavior], row.human), { fill: color });
    this.places.corrected.push(this.add(boxes(this.correctedRuns(behavior), row.corrected), { fill: color }));
    const { line, area } = this.curveOf(behavior);
    this.places.area.push(this.add(area, { fill: `${color}33` }));
    this.places.line.push(this.add(line, { line: { color, width: 1.2 } }));
  }

  // What other animals do, in the behaviors' colors; nothing of it can be changed here.
  addOthers() {
    const { behaviors, n_frames: n } = this.content;
    const lanes = this.others.blocks.flatMap((block) => block.lanes);
    if (!lanes.length) return;
    this.add(together(lanes.map(({ place }) => boxes([[0, n]], place))), { fill: LANE });
    this.add(together(lanes.map(({ unknown, place }) => boxes(unknown, place))), { fill: UNKNOWN });
    for (const isModel of [true, false]) {
      behaviors.forEach(({ color }, i) => {
        const shown = lanes.filter(({ source, shown: own }) => (source === "model") === isModel && own.includes(i));
        if (shown.length) this.add(together(shown.map(({ runs, place }) => boxes(runs[i], place))), { fill: isModel ? `${color}99` : color });
      });
    }
  }

  add(points, { fill, line }) {
    const style = fill
      ? { fill: "toself", fillcolor: fill, line: { width: 0 } }
      : { line: { shape: "linear", simplify: false, ...line } };
    this.traces.push({ type: "scatter", mode: "lines", hoverinfo: "skip", connectgaps: false, ...points, ...style });
    return this.traces.length - 1;
  }

  correctedRuns(behavior) {
    return this.corrected.filter((bout) => bout.behavior === behavior).map((bout) => [bout.start, bout.stop]);
  }

  curveOf(behavior) {
    const [first, last] = this.range;
    // A little more than is seen, so that panning shows no empty edge.
    const margin = (last - first) / 4;
    const [from, to] = [Math.max(0, Math.floor(first - margin)), Math.min(this.content.n_frames, Math.ceil(last + margin))];
    const points = decimate(this.probabilities[behavior], from, to, Math.max(200, this.width * 1.5));
    return curve(points, this.layout.rows[behavior].probability);
  }

  plotLayout() {
    const line = (y, dash) => ({
      type: "line", xref: "paper", x0: 0, x1: 1, y0: y, y1: y, layer: "below",
      line: { color: dash ? "#8a94a0" : "#dfe4e9", width: 1, dash: dash ? "dot" : "solid" },
    });
    const shapes = this.layout.rows.flatMap(({ probability: [top, bottom], bottom: end }, behavior) => {
      const { threshold } = this.content.behaviors[behavior];
      return [...(threshold === null ? [] : [line(bottom - threshold * (bottom - top), true)]), line(end, false)];
    });
    shapes.push(...this.others.blocks.map(({ bottom: end }) => line(end, false)));
    const bottom = this.layout.height - this.layout.ruler;
    return {
      margin: { l: 0, r: 0, t: 0, b: this.layout.ruler, pad: 0 },
      height: this.layout.height,
      width: this.width,
      showlegend: false,
      paper_bgcolor: "#fff",
      plot_bgcolor: "#fff",
      shapes,
      xaxis: { ...this.axis(), showgrid: true, gridcolor: "#eceff2", zeroline: false, ticks: "outside", ticklen: 4, tickfont: { size: 11, color: "#5b6773" } },
      yaxis: { range: [bottom, 0], visible: false, fixedrange: true },
    };
  }

  axis() {
    const { step, seconds, frames } = ticks(this.clock, ...this.range, this.width);
    return { range: [...this.range], tickmode: "array", tickvals: frames, ticktext: seconds.map((second) => timeText(second, step < 1 ? 1 : 0)) };
  }

  showBouts(bouts) {
    this.corrected = bouts;
    if (!this.traces) return;
    const { corrected } = this.places;
    const drawn = corrected.map((_, behavior) => boxes(this.correctedRuns(behavior), this.layout.rows[behavior].corrected));
    window.Plotly.restyle(this.plot, { x: drawn.map((box) => box.x), y: drawn.map((box) => box.y) }, corrected);
  }

  setRange(first, last) {
    const all = this.content.n_frames;
    const span = Math.max(Math.min(FEWEST_FRAMES, all), Math.min(all, last - first));
    const middle = (first + last) / 2;
    const from = Math.max(0, Math.min(all - span, middle - span / 2));
    this.range = [from, from + span];
    this.tellRange();
    this.stretch();
    if (this.due) return;
    this.due = setTimeout(() => {
      this.due = null;
      this.redraw();
    }, REDRAW_AFTER_MS);
  }

  // Moves and stretches the picture as it is, which is cheap; it is drawn again at rest, or a few times a second.
  stretch() {
    const [first, last] = this.drawn;
    const scale = (last - first) / (this.range[1] - this.range[0]);
    const picture = this.plot.querySelector(".scatterlayer");
    if (picture) picture.style.transform = `translateX(${this.x(first)}px) scaleX(${scale})`;
  }

  redraw() {
    const change = Object.fromEntries(Object.entries(this.axis()).map(([name, value]) => [`xaxis.${name}`, value]));
    this.drawn = [...this.range];
    window.Plotly.relayout(this.plot, change);
    this.stretch();
    clearTimeout(this.refining);
    this.refining = setTimeout(() => this.refine(), REFINE_AFTER_MS);
  }

  tellRange() {
    this.plot.dataset.first = this.range[0];
    this.plot.dataset.last = this.range[1];
    for (const listener of this.listeners) listener();
  }

  // Probabilities as fine as the screen can show them at this zoom.
  refine() {
    const curves = this.content.behaviors.map((_, behavior) => this.curveOf(behavior));
    const points = [...curves.map(({ area }) => area), ...curves.map(({ line }) => line)];
    const traces = [...this.places.area, ...this.places.line];
    window.Plotly.restyle(this.plot, { x: points.map((p) => p.x), y: points.map((p) => p.y) }, traces);
  }

  zoom(factor, around) {
    const [first, last] = this.range;
    this.setRange(around - (around - first) * factor, around + (last - around) * factor);
  }

  pan(nFrames) {
    this.setRange(this.range[0] + nFrames, this.range[1] + nFrames);
  }

  // Brings a stretch into view, with what lies around it.
  show(start, stop, zoomIn) {
    const span = this.range[1] - this.range[0];
    const wanted = Math.max((stop - start) * 3, this.clock.frames(zoomIn ? 12 : 0), zoomIn ? 0 : span);
    const inside = this.range[0] <= start && stop <= this.range[1];
    if (inside && wanted >= span * 0.999) return;
    this.setRange((start + stop - wanted) / 2, (start + stop + wanted) / 2);
  }

  // Turns the page when the now-line leaves the window; moving the whole raster at every frame would be slow.
  keepInView(frame, playing) {
    const [first, last] = this.range;
    const span = last - first;
    if (!this.follow || span >= this.content.n_frames) return;
    if (frame < first) this.setRange(frame - span / 2, frame + span / 2);
    else if (frame >= first + span * (playing ? TURN_AT : 1)) {
      const begin = playing ? frame - span * 0.08 : frame - span / 2;
      this.setRange(begin, begin + span);
    }
  }
}
