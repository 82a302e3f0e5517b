// Where the animals are on the video: a box with a name around the page's own, thinner ones around the others.

import { byId, element } from "./dom.js";

const NOWHERE = -32768;
const TAG_PX = 18;

export class Boxes {
  constructor(content, player) {
    this.player = player;
    this.screen = byId("screen");
    // Alone in the video, an animal needs no box unless it is asked for.
    this.shown = content.animal !== "";
    const all = [{ name: content.animal, box: content.box, color: content.own_color, own: true }, ...content.others];
    this.animals = all.filter(({ box }) => box).map((animal) => this.made(animal));
    player.onChange(() => this.place());
    new ResizeObserver(() => this.place()).observe(this.screen);
    byId("video").addEventListener("loadedmetadata", () => this.place());
  }

  made({ name, box, color, own = false }) {
    const tag = name ? element("span", { class: "tag" }, name) : null;
    const mark = element("div", { class: `animal-box${own ? " own" : ""}`, color, "data-name": name, hidden: true }, tag);
    this.screen.append(mark);
    return { mark, box, at: unpackBox(box) };
  }

  toggle() {
    this.shown = !this.shown;
    this.place();
  }

  // Pixels of the picture as it lies within the screen, where it is as large as it fits.
  place() {
    const video = byId("video");
    const { frame } = this.player;
    for (const { mark, box, at } of this.animals) {
      const edges = this.shown && !video.hidden ? at(frame) : null;
      const [width, height] = [box.size_px[0] ?? video.videoWidth, box.size_px[1] ?? video.videoHeight];
      mark.hidden = !edges || !width || !height;
      if (mark.hidden) continue;
      const scale = Math.min(this.screen.clientWidth / width, this.screen.clientHeight / height);
      const [x, y] = [(this.screen.clientWidth - width * scale) / 2, (this.screen.clientHeight - height * scale) / 2];
      const [left, top, right, bottom] = edges;
      mark.style.transform = `translate(${x + left * scale}px, ${y + top * scale}px)`;
      mark.style.width = `${(right - left) * scale}px`;
      mark.style.height = `${(bottom - top) * scale}px`;
      mark.classList.toggle("at-top", y + top * scale < TAG_PX);
      mark.classList.toggle("unobserved", box.unobserved.some(([start, stop]) => start <= frame && frame < stop));
    }
  }
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
