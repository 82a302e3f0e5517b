// What changes while the page is open: its video gets ready, and other animals of the video are corrected.

import { byId, element, notify } from "./dom.js";
import { VideoPlayer } from "./player.js";

const TOLERATED_DIFFERENCE_FRAMES = 2;
const SOON_MS = 700;
const LATER_MS = 2500;
// The server may be started again at the same address; until then nobody answers.
const GONE_MS = 15000;
const MEANWHILE = "Bouts, probabilities and corrections can be used meanwhile.";

// The video takes the clock's place where it can be played; else the page says why, and works without.
export async function playVideo({ video: { file, served, note }, n_frames }, clock, player, isServed) {
  const address = isServed ? served : file;
  if (!address) {
    showWords([note || "The video was still being made ready when this page was written. Start the review again."]);
    return;
  }
  const video = byId("video");
  const outcome = new Promise((resolve) => {
    video.addEventListener("loadedmetadata", () => resolve(true), { once: true });
    video.addEventListener("error", () => resolve(false), { once: true });
  });
  video.src = address;
  if (!(await outcome)) {
    showWords([`The video can't be played (${decodeURIComponent(file ?? address)}): it is not there any more, or this browser has no decoder for it. Only the timelines are shown.`]);
    return;
  }
  showWords(null);
  player.take(new VideoPlayer(clock, video));
  if (note) notify("video", note, [], "warning");
  const difference = clock.frames(video.duration) - n_frames;
  if (Math.abs(difference) > TOLERATED_DIFFERENCE_FRAMES) {
    notify("length", `This video has ${Math.round(clock.frames(video.duration))} frames, but the run saw ${n_frames}. Is it the right one? Frames may not fit.`, [], "warning");
  }
}

// In the place of the picture, as long as there is none.
export function showWords(content) {
  byId("video").hidden = content !== null;
  byId("no-video").hidden = content === null;
  byId("no-video").replaceChildren(...(content ?? []));
}

// How far the server is with a video: what it does, how much of it is done, how long it will take.
export function showStage({ stage, done = 0, total = 1, left_s = null }) {
  const share = Math.floor((100 * done) / total);
  const words = {
    waiting: `Other videos are being made ready; this one comes next. ${MEANWHILE}`,
    looking: `Can the browser play this video? Looking at it … ${MEANWHILE}`,
    converting: `The browser can't play this video as it is, so it is being converted: ${share}\u00a0% of ${total.toLocaleString("en")} frames${left_s === null ? "" : `, about ${durationText(left_s)} left`}. ${MEANWHILE}`,
  }[stage];
  const bar = stage === "converting" ? element("progress", { max: total, value: done, "aria-label": "conversion of the video" }) : null;
  showWords([words, ...(bar ? [bar] : [])]);
}

export function durationText(seconds) {
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

// Asks the server now and then, while somebody looks at the page. `onVideo` is called with a video that is ready (or
// that there is none, and why), once; `onOthers` with what the other animals do, whenever somebody corrected them.
export class Live {
  constructor(content, { onVideo, onOthers }) {
    Object.assign(this, { served: content.served, isPending: content.video.pending, hasOthers: content.others.length > 0, onVideo, onOthers });
    this.version = null;
    if (!this.isPending && !this.hasOthers) return;
    document.addEventListener("visibilitychange", () => document.hidden || this.poll());
    this.poll();
  }

  async poll() {
    clearTimeout(this.waiting);
    if (document.hidden) return;
    const round = (this.round = {});
    const wait = await this.ask().catch(() => GONE_MS);
    if (round === this.round && (this.isPending || this.hasOthers)) this.waiting = setTimeout(() => this.poll(), wait);
  }

  // Returns how long to wait before it is asked again.
  async ask() {
    const { video, others } = await answerOf(this.served.status);
    if (this.isPending && ["ready", "none"].includes(video.stage)) {
      this.isPending = false;
      this.onVideo(video);
    } else if (this.isPending) showStage(video);
    if (this.hasOthers && others !== this.version) {
      this.onOthers(await answerOf(this.served.others));
      this.version = others;
    }
    return this.isPending ? SOON_MS : LATER_MS;
  }
}

async function answerOf(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(answer.statusText);
  return answer.json();
}
