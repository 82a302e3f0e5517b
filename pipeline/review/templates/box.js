// Where the animals are on the video: a box with a name around the page's own, thinner ones around the others; and the
// picture zoomed to the page's own.

import { byId, element, say } from "./dom.js";

const NOWHERE = -32768;
const TAG_PX = 18;

// Zoomed in, the picture shows so many crops, from side to side of its shorter side.
const ZOOM_CROPS = 1.6;
// Over so much time before and after, places are averaged where the picture follows, so that it does not tremble.
const STEADY_S = 0.4;

export class Boxes {
  constructor(content, player) {
    this.player = player;
    this.screen = byId("screen");
    this.video = byId("video");
    // Alone in the video, an animal needs no box unless it is asked for.
    this.shown = content.animal !== "";
    this.zoomed = false;
    this.own = content.box;
    const all = [{ name: content.animal, box: content.box, color: content.own_color, own: true }, ...content.others];
    this.animals = all.filter(({ box }) => box).map((animal) => this.made(animal));
    byId("zoom-animal").addEventListener("click", () => this.toggleZoom());
    byId("show-box").addEventListener("click", () => this.toggle());
    byId("zoom-animal").disabled = !this.own?.crop_px;
    byId("show-box").disabled = !this.animals.length;
    this.tellButtons();
    player.onChange(() => this.place());
    new ResizeObserver(() => this.place()).observe(this.screen);
    this.video.addEventListener("loadedmetadata", () => this.place());
  }

  made({ name, box, color, own = false }) {
    const tag = name ? element("span", { class: "tag" }, name) : null;
    const mark = element("div", { class: `animal-box${own ? " own" : ""}`, color, "data-name": name, hidden: true }, tag);
    this.screen.append(mark);
    return { mark, box, at: unpackBox(box) };
  }

  toggle() {
    this.shown = !this.shown;
    this.tellButtons();
    this.place();
  }

  tellButtons() {
    byId("zoom-animal").setAttribute("aria-pressed", this.zoomed);
    byId("show-box").setAttribute("aria-pressed", this.shown);
  }

  toggleZoom() {
    if (!this.own?.crop_px) {
      say("There is nothing to zoom to: this recording has no video, or the run does not say where the animal is.");
      return;
    }
    this.zoomed = !this.zoomed;
    this.centers ??= steadyCenters(unpackBox(this.own), this.player.clock.nFrames, Math.round(this.player.clock.frames(STEADY_S)));
    this.tellButtons();
    this.place();
    say(this.zoomed ? "Zoomed to the animal (Z shows the whole picture)." : "The whole picture.");
  }

  // The whole picture as large as it fits; or the animal in the middle, but no further out than the picture's edges.
  // Pixel p of the video lies at x + p * scale on the screen.
  view(width, height, frame) {
    const { clientWidth, clientHeight } = this.screen;
    const whole = Math.min(clientWidth / width, clientHeight / height);
    const scale = this.zoomed ? Math.max(whole, Math.min(clientWidth, clientHeight) / (ZOOM_CROPS * this.own.crop_px)) : whole;
    const corner = (size, space, middle) => {
      if (size * scale <= space || !this.zoomed) return (space - size * scale) / 2;
      return Math.min(0, Math.max(space - size * scale, space / 2 - middle * scale));
    };
    const [x, y] = this.zoomed ? [this.centers.x[frame], this.centers.y[frame]] : [0, 0];
    return { scale, x: corner(width, clientWidth, x), y: corner(height, clientHeight, y), whole };
  }

  place() {
    const { video, zoomed } = this;
    const { frame } = this.player;
    const size = this.own?.size_px ?? [null, null];
    const [width, height] = [size[0] ?? video.videoWidth, size[1] ?? video.videoHeight];
    const view = width && height && !video.hidden ? this.view(width, height, frame) : null;
    for (const { mark, box, at } of this.animals) this.placeMark(mark, box, view && this.shown ? at(frame) : null, view);
    if (!view) return;
    // The element shows the whole picture; what it shows is moved and stretched.
    const [left, top] = [(this.screen.clientWidth - width * view.whole) / 2, (this.screen.clientHeight - height * view.whole) / 2];
    const stretch = view.scale / view.whole;
    video.style.transform = zoomed ? `translate(${view.x - left * stretch}px, ${view.y - top * stretch}px) scale(${stretch})` : "";
  }

  placeMark(mark, box, edges, view) {
    mark.hidden = !edges;
    if (!edges) return;
    const { frame } = this.player;
    const { scale, x, y } = view;
    const [left, top, right, bottom] = edges;
    mark.style.transform = `translate(${x + left * scale}px, ${y + top * scale}px)`;
    mark.style.width = `${(right - left) * scale}px`;
    mark.style.height = `${(bottom - top) * scale}px`;
    mark.classList.toggle("at-top", y + top * scale < TAG_PX);
    mark.classList.toggle("unobserved", box.unobserved.some(([start, stop]) => start <= frame && frame < stop));
  }
}

// The middle of an animal's box in each frame, averaged over `half` frames before and after; where there is no box, as
// it was last (at the beginning: as it is first).
export function steadyCenters(at, nFrames, half) {
  const middles = { x: new Float64Array(nFrames), y: new Float64Array(nFrames) };
  let last = null;
  for (let frame = 0; frame < nFrames && !last; frame += 1) last = at(frame);
  for (let frame = 0; frame < nFrames; frame += 1) {
    last = at(frame) ?? last ?? [0, 0, 0, 0];
    middles.x[frame] = (last[0] + last[2]) / 2;
    middles.y[frame] = (last[1] + last[3]) / 2;
  }
  return { x: movingMean(middles.x, half), y: movingMean(middles.y, half) };
}

function movingMean(values, half) {
  const sums = new Float64Array(values.length + 1);
  values.forEach((value, i) => (sums[i + 1] = sums[i] + value));
  return values.map((_, i) => {
    const [from, to] = [Math.max(0, i - half), Math.min(values.length, i + half + 1)];
    return (sums[to] - sums[from]) / (to - from);
  });
}

// Frame → [left, top, right, bottom] in pixels of the video, null where there is no box.
export function unpackBox({ values, side }) {
  const bytes = Uint8Array.from(atob(values), (character) => character.charCodeAt(0));
  const view = new DataView(bytes.buffer);
  const n = side === null ? 4 : 2;
  return (frame) => {
    const edges = Array.from({ length: n }, (_, i) => view.getInt16(2 * (n * frame + i), true));
    if (edges[0] === NOWHERE) return null;
    return side === null ? edges : [...edges, edges[0] + side, edges[1] + side];
  };
}
