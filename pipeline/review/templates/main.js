// Puts the page together.

import { byId, embedded, notify } from "./dom.js";
import { Clock, timeText } from "./frames.js";
import { neighbor, startingBouts, startingStretches } from "./bouts.js";
import { CorrectedDocument } from "./document.js";
import { unpack } from "./decimate.js";
import { ClockPlayer, VideoPlayer } from "./player.js";
import { Raster } from "./raster.js";
import { RasterTouch } from "./raster_touch.js";
import { Editing } from "./edit.js";
import { Lists } from "./lists.js";
import { Boxes } from "./box.js";
import { connectOthers, frameInAddress } from "./others.js";
import { drawHelp, keyTable, listenToKeys } from "./keys.js";
import { Saving } from "./saving.js";

const SPEEDS = [0.1, 0.25, 0.5, 1, 1.5, 2, 4, 8];
// Of the window's height, the raster takes about this much; with many behaviors it scrolls.
const RASTER_SHARE = 0.42;
const TOLERATED_DIFFERENCE_FRAMES = 2;

async function begin() {
  const content = embedded("content");
  const clock = new Clock(content.rate, content.n_frames);
  const probabilities = content.probability.map(unpack);
  const doc = newDocument(content);
  const saving = new Saving(content, doc);
  await saving.connect();
  const player = await makePlayer(content, clock, saving.token !== null);
  const raster = new Raster(content, clock, probabilities);
  const edit = new Editing(content, doc, player);
  edit.setPen(0);
  const touch = new RasterTouch(raster, doc, player, edit);
  raster.corrected = doc.bouts;
  await raster.draw(innerHeight * RASTER_SHARE);
  doc.onChange((what) => what === "bouts" && raster.showBouts(doc.bouts));
  const lists = new Lists(content, doc, player, raster, edit);
  lists.onPlace((place) => touch.markPlace(place));
  connectTransport(player, clock, doc, raster);
  connectRaster(raster, player);
  player.onChange(() => showNow(content, clock, player, probabilities, doc));
  doc.onChange(() => showNow(content, clock, player, probabilities, doc));
  const boxes = new Boxes(content, player);
  const goToOther = connectOthers(content, player);
  const help = () => byId("help").showModal();
  const table = keyTable({ player, doc, edit, lists, raster, saving, clock, boxes, goToOther, help, speed: stepSpeed, stepBout: (way) => stepBout(way, player, doc, raster) });
  listenToKeys(table);
  drawHelp(table);
  byId("help-button").addEventListener("click", help);
  byId("help-close").addEventListener("click", () => byId("help").close());
  releaseFocus();
  redrawOnResize(raster, touch);
  saving.restore();
  player.seek(frameInAddress());
  document.body.dataset.ready = "true";
}

// What a human labelled is the better beginning: a correction must not put unseen bouts of the model in its place.
function newDocument(content) {
  const source = content.human ? "human" : "model";
  return new CorrectedDocument(startingBouts(content, source), source, startingStretches(content, source), content.exclusive);
}

// A video that cannot be played leaves a page that works without.
async function makePlayer(content, clock, isServed) {
  const { file, served, note } = content.video;
  if (!file) return withoutVideo(clock, note);
  const video = byId("video");
  const player = new VideoPlayer(clock, video);
  const outcome = new Promise((resolve) => {
    video.addEventListener("loadedmetadata", () => resolve(true), { once: true });
    video.addEventListener("error", () => resolve(false), { once: true });
  });
  video.src = isServed ? served : file;
  if (!(await outcome)) {
    return withoutVideo(clock, `The video can't be played (${decodeURIComponent(file)}): it is not there any more, or this browser has no decoder for it. Only the timelines are shown.`);
  }
  if (note) notify("video", note, [], "warning");
  const difference = clock.frames(video.duration) - content.n_frames;
  if (Math.abs(difference) > TOLERATED_DIFFERENCE_FRAMES) {
    notify("length", `This video has ${Math.round(clock.frames(video.duration))} frames, but the run saw ${content.n_frames}. Is it the right one? Frames may not fit.`, [], "warning");
  }
  return player;
}

function withoutVideo(clock, words) {
  byId("video").hidden = true;
  byId("no-video").hidden = false;
  byId("no-video").textContent = words;
  return new ClockPlayer(clock);
}

function connectTransport(player, clock, doc, raster) {
  const connect = (id, action) => byId(id).addEventListener("click", action);
  connect("play", () => player.toggle());
  connect("screen", () => player.toggle());
  connect("frame-back", () => player.step(-1));
  connect("frame-on", () => player.step(1));
  connect("bout-back", () => stepBout(-1, player, doc, raster));
  connect("bout-on", () => stepBout(1, player, doc, raster));
  const speed = byId("speed");
  for (const value of SPEEDS) speed.append(new Option(`${value}×`, value, value === 1, value === 1));
  speed.addEventListener("change", () => player.setSpeed(Number(speed.value)));
  const frame = byId("frame");
  frame.max = clock.nFrames - 1;
  frame.addEventListener("change", () => (player.step((Number(frame.value) || 0) - player.frame), frame.blur()));
  byId("of-frames").textContent = `of ${clock.nFrames - 1}`;
  byId("length").textContent = timeText(clock.seconds(clock.nFrames));
}

function stepSpeed(direction) {
  const speed = byId("speed");
  speed.selectedIndex = Math.max(0, Math.min(SPEEDS.length - 1, speed.selectedIndex + direction));
  speed.dispatchEvent(new Event("change"));
}

function stepBout(direction, player, doc, raster) {
  const bout = neighbor(doc.bouts, player.frame, direction);
  if (!bout) return;
  player.pause();
  doc.select(bout.id);
  raster.show(bout.start, bout.stop, false);
  player.seek(bout.start);
}

function connectRaster(raster, player) {
  const around = () => player.frame;
  byId("zoom-in").addEventListener("click", () => raster.zoom(0.5, around()));
  byId("zoom-out").addEventListener("click", () => raster.zoom(2, around()));
  byId("zoom-all").addEventListener("click", () => raster.setRange(0, raster.content.n_frames));
  byId("follow").addEventListener("change", (event) => {
    raster.follow = event.target.checked;
  });
  player.onChange(() => raster.keepInView(player.frame, player.playing));
}

// What is true at this frame: beside the video and beside the raster.
function showNow(content, clock, player, probabilities, doc) {
  const { frame } = player;
  if (document.activeElement !== byId("frame")) byId("frame").value = frame;
  byId("time").textContent = clock.text(frame);
  byId("play").textContent = player.playing ? "❚❚" : "▶";
  byId("play").setAttribute("aria-label", player.playing ? "pause" : "play");
  const active = new Set(doc.bouts.filter((bout) => bout.start <= frame && frame < bout.stop).map((bout) => bout.behavior));
  content.behaviors.forEach((_, behavior) => {
    const p = probabilities[behavior][frame];
    byId(`p-${behavior}`).textContent = Number.isNaN(p) ? "p ?" : `p ${p.toFixed(2)}`;
    byId(`p-${behavior}`).parentElement.classList.toggle("active", active.has(behavior));
  });
}

// A button that was clicked must not take the next press of the space bar.
function releaseFocus() {
  document.addEventListener("pointerup", (event) => {
    const button = event.target.closest("button, input[type=checkbox]");
    if (button) setTimeout(() => button.blur(), 0);
  });
  for (const select of document.querySelectorAll("select")) select.addEventListener("change", () => select.blur());
}

function redrawOnResize(raster, touch) {
  let waiting = null;
  addEventListener("resize", () => {
    clearTimeout(waiting);
    waiting = setTimeout(async () => {
      await raster.draw(innerHeight * RASTER_SHARE);
      touch.place();
    }, 150);
  });
}

begin();
