// Mouse, pen and wheel on the raster. Above plotly's picture lie the now-line, the selected bout with its two
// handles, and a glass that takes all touches.

import { byId } from "./dom.js";
import { boutAt, makeBout, runAt } from "./bouts.js";
import { spanText } from "./frames.js";
import { otherAt } from "./others.js";

const GRIP_PX = 6;
const MOVED_PX = 4;

export class RasterTouch {
  constructor(raster, doc, player, edit) {
    Object.assign(this, { raster, doc, player, edit, drag: null, preview: null, marked: null });
    this.glass = byId("glass");
    this.glass.addEventListener("pointerdown", (event) => this.down(event));
    this.glass.addEventListener("pointermove", (event) => this.move(event));
    this.glass.addEventListener("pointerup", (event) => this.up(event));
    this.glass.addEventListener("pointercancel", () => this.cancel());
    this.glass.addEventListener("pointerleave", () => this.tip(null));
    this.glass.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    raster.onRange(() => this.place());
    doc.onChange(() => this.place());
    player.onChange(() => this.placeNow());
  }

  // What lies at a point: the frame, and the behavior, lane and bout there. Where behaviors share their lanes, it is the
  // one that is there, else the one of the pen.
  at(event) {
    const box = this.glass.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    const exact = this.raster.frameAtX(x);
    const frame = this.player.clock.clamp(Math.floor(exact));
    const place = this.raster.layout.rows.findIndex((row) => row.top <= y && y < row.bottom);
    const row = this.raster.layout.rows[place];
    const other = row ? null : otherAt(this.raster.others, y, frame);
    const names = row ? ["corrected", "model", "human", "probability"] : [];
    const lane = names.find((name) => row[name] && row[name][0] - 2 <= y && y < row[name][1] + 1) ?? (row ? null : other ? "other" : "ruler");
    const behavior = row && this.raster.content.exclusive ? this.classAt(lane, frame) : place;
    return { x, frame, exact, behavior, lane, other, ...(other ? { run: other.run } : this.found(behavior, lane, frame, x)) };
  }

  classAt(lane, frame) {
    if (lane === "corrected") return this.doc.bouts.find((bout) => bout.start <= frame && frame < bout.stop)?.behavior ?? this.edit.pen;
    const found = this.raster.content[lane]?.findIndex?.((runs) => runs.length && runAt(runs, frame)) ?? -1;
    return found >= 0 ? found : this.edit.pen;
  }

  found(behavior, lane, frame, x) {
    const { model, human } = this.raster.content;
    if (lane === "corrected") {
      const own = this.doc.bouts.filter((bout) => this.raster.content.exclusive || bout.behavior === behavior);
      const grips = own.flatMap((bout) => [
        { bout, edge: "start", distance: Math.abs(this.raster.x(bout.start) - x) },
        { bout, edge: "stop", distance: Math.abs(this.raster.x(bout.stop) - x) },
      ]);
      const near = grips.filter((grip) => grip.distance <= GRIP_PX).sort((a, b) => a.distance - b.distance)[0];
      const bout = boutAt(this.doc.bouts, behavior, frame);
      // A bout too narrow for two grips and a middle is selected first, and zoomed into.
      const narrow = near && this.raster.x(near.bout.stop) - this.raster.x(near.bout.start) < 2 * GRIP_PX;
      return { bout, grip: near && !(narrow && near.bout.id !== this.doc.selectedId) ? near : null, near: near?.bout };
    }
    const runs = lane === "model" ? model[behavior] : lane === "human" ? human[behavior] : null;
    return { run: runs && runAt(runs, frame) };
  }

  down(event) {
    if (event.button !== 0) return;
    const spot = this.at(event);
    this.glass.setPointerCapture(event.pointerId);
    this.glass.focus({ preventScroll: true });
    this.tip(null);
    // Over a bout of another class, the pen's class is drawn.
    const isFree = !spot.bout || (this.raster.content.exclusive && spot.bout.behavior !== this.edit.pen);
    const kind = spot.lane === "ruler" ? "scrub" : spot.grip ? "edge" : spot.lane === "corrected" && isFree ? "new" : "pan";
    this.drag = { kind, spot, range: [...this.raster.range], moved: false };
    if (kind === "scrub") this.player.seek(spot.frame);
    if (kind === "edge") this.doc.select(spot.grip.bout.id);
  }

  move(event) {
    const spot = this.at(event);
    if (!this.drag) {
      this.hover(spot, event);
      return;
    }
    const { drag } = this;
    drag.moved ||= Math.abs(spot.x - drag.spot.x) > MOVED_PX;
    if (drag.kind === "scrub") this.player.seek(spot.frame);
    if (!drag.moved) return;
    if (drag.kind === "pan") {
      const [first, last] = drag.range;
      const shift = ((drag.spot.x - spot.x) / this.raster.width) * (last - first);
      this.raster.setRange(first + shift, last + shift);
    }
    if (drag.kind === "edge") this.dragEdge(spot);
    if (drag.kind === "new") this.dragNew(spot);
  }

  dragEdge(spot) {
    const { bout, edge } = this.drag.spot.grip;
    const wanted = Math.max(0, Math.min(this.raster.content.n_frames, Math.round(spot.exact)));
    const start = edge === "start" ? Math.min(wanted, bout.stop - 1) : bout.start;
    const stop = edge === "stop" ? Math.max(wanted, bout.start + 1) : bout.stop;
    this.show({ ...bout, start, stop });
    // The picture at the edge: the first frame of the bout, or its last.
    this.player.pause();
    this.player.seek(edge === "start" ? start : stop - 1);
  }

  dragNew(spot) {
    const [from, to] = [this.drag.spot.frame, spot.frame].sort((a, b) => a - b);
    const behavior = this.raster.content.exclusive ? this.edit.pen : this.drag.spot.behavior;
    this.show({ id: null, behavior, start: from, stop: to + 1 });
    this.player.pause();
    this.player.seek(spot.frame);
  }

  show(preview) {
    this.preview = preview;
    this.place();
  }

  up(event) {
    const { drag, preview } = this;
    this.drag = null;
    this.preview = null;
    if (!drag) return;
    const words = { edge: "moved an edge", new: "added a bout" }[drag.kind];
    if (drag.moved && preview && drag.kind === "edge") {
      this.edit.putBout({ ...preview, origin: "edited" }, words);
    } else if (drag.moved && preview && drag.kind === "new") {
      this.edit.putBout(makeBout(preview.behavior, preview.start, preview.stop, "edited"), words);
    } else if (!drag.moved && drag.kind !== "scrub") {
      this.click(this.at(event));
    }
    this.place();
  }

  cancel() {
    this.drag = null;
    this.preview = null;
    this.place();
  }

  // On a bout: go to its beginning; a corrected one is selected. Elsewhere: go to that frame.
  click(spot) {
    const bout = spot.bout ?? (spot.lane === "corrected" ? spot.near : null);
    if (spot.behavior >= 0) this.edit.setPen(spot.behavior);
    if (bout) this.doc.select(bout.id);
    else if (spot.lane !== "ruler") this.doc.select(null);
    this.player.seek(bout ? bout.start : spot.run ? spot.run[0] : spot.frame);
  }

  wheel(event) {
    event.preventDefault();
    const spot = this.at(event);
    const unit = event.deltaMode === 1 ? 16 : 1;
    const [first, last] = this.raster.range;
    const sideways = event.shiftKey ? event.deltaY || event.deltaX : event.deltaX;
    if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      this.raster.pan(((sideways * unit) / this.raster.width) * (last - first));
    } else {
      this.raster.zoom(Math.exp(Math.max(-200, Math.min(200, event.deltaY * unit)) * 0.0022), spot.exact);
    }
  }

  hover(spot, event) {
    const onBout = spot.bout || spot.run;
    this.glass.style.cursor = spot.grip ? "ew-resize" : onBout ? "pointer" : spot.lane === "ruler" ? "col-resize" : "crosshair";
    const run = spot.bout ? [spot.bout.start, spot.bout.stop] : spot.run;
    const { clock } = this.player;
    const shown = spot.other?.behavior ?? spot.behavior;
    const name = shown >= 0 ? this.raster.content.behaviors[shown].name : "";
    const whose = spot.other ? `${spot.other.name} · ${spot.other.source}` : spot.lane;
    if (run) {
      const [start, stop] = run;
      this.tip(event, `${name} · ${whose} · ${clock.text(start)}–${clock.text(stop)} · ${spanText(clock.seconds(stop - start))} · frames ${start}–${stop - 1}`);
    } else if (spot.lane === "probability") {
      const p = this.raster.probabilities[spot.behavior][spot.frame];
      this.tip(event, `${name} · probability ${Number.isNaN(p) ? "unknown" : p.toFixed(2)} · ${clock.text(spot.frame)}`);
    } else this.tip(null);
  }

  tip(event, words = "") {
    const tip = byId("tip");
    tip.hidden = !words;
    if (!words) return;
    tip.textContent = words;
    const left = Math.min(event.clientX + 12, innerWidth - tip.offsetWidth - 8);
    tip.style.transform = `translate(${left}px, ${event.clientY - tip.offsetHeight - 10}px)`;
  }

  // Puts the selected (or dragged) bout and the now-line where the raster shows them.
  place() {
    if (!this.raster.layout) return;
    const shown = this.preview ?? this.doc.selected;
    const frame = byId("selection");
    frame.hidden = !shown;
    if (shown) {
      const [top, bottom] = this.raster.layout.rows[shown.behavior].corrected;
      const [left, right] = [this.raster.x(shown.start), this.raster.x(shown.stop)];
      frame.style.transform = `translate(${left}px, ${top - 2}px)`;
      frame.style.width = `${Math.max(2, right - left)}px`;
      frame.style.height = `${bottom - top + 4}px`;
      frame.style.setProperty("--color", this.raster.content.behaviors[shown.behavior].color);
      frame.classList.toggle("preview", this.preview !== null);
    }
    this.markPlace(this.marked);
    this.placeNow();
  }

  // A frame around the place that is looked at, over all lanes of its behavior.
  markPlace(place) {
    this.marked = place;
    const mark = byId("place");
    mark.hidden = !place;
    if (!place || !this.raster.layout) return;
    const { top, bottom } = this.raster.layout.rows[place.behavior];
    mark.style.transform = `translate(${this.raster.x(place.start)}px, ${top + 1}px)`;
    mark.style.width = `${Math.max(3, this.raster.x(place.stop) - this.raster.x(place.start))}px`;
    mark.style.height = `${bottom - top - 2}px`;
  }

  placeNow() {
    if (!this.raster.layout) return;
    const { frame } = this.player;
    const now = byId("now");
    const left = this.raster.x(frame);
    const width = Math.max(2, this.raster.x(frame + 1) - left);
    now.style.transform = `translateX(${left}px)`;
    now.style.width = `${width}px`;
    now.hidden = left + width < 0 || left > this.raster.width;
    now.dataset.frame = frame;
  }
}
