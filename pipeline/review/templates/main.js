// Puts the page together.

import { byId, embedded } from "./dom.js";
import { Clock, timeText } from "./frames.js";
import { neighbor, startingBouts, startingStretches } from "./bouts.js";
import { CorrectedDocument } from "./document.js";
import { unpack } from "./decimate.js";
import { PagePlayer } from "./player.js";
import { Live, playVideo, showStage, showWords } from "./live.js";
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

async function begin() {
  const content = embedded("content");
  const clock = new Clock(content.rate, content.n_frames);
  const probabilities = content.probability.map(unpack);
  const doc = newDocument(content);
  const saving = new Saving(content, doc);
  await saving.connect();
  const player = new PagePlayer(clock);
  const isServed = saving.token !== null;
  if (content.video.pending && isServed) showStage({ stage: "looking" });
  else await playVideo(content, clock, player, isServed);
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
  const redraw = async () => {
    await raster.draw(innerHeight * RASTER_SHARE);
    touch.place();
    showNow(content, clock, player, probabilities, doc);
  };
  const boxes = new Boxes(content, player);
  const goToOther = connectOthers(content, player);
  const help = () => byId("help").showModal();
  const table = keyTable({ player, doc, edit, lists, raster, saving, clock, boxes, goToOther, help, speed: stepSpeed, stepBout: (way) => stepBout(way, player, doc, raster) });
  listenToKeys(table);
  drawHelp(table);
  byId("help-button").addEventListener("click", help);
  byId("help-close").addEventListener("click", () => byId("help").close());
  releaseFocus();
  redrawOnResize(redraw);
  saving.restore();
  player.seek(frameInAddress());
  if (isServed) goOnLive(content, clock, player, redraw);
  document.body.dataset.ready = "true";
}

// What a human labelled is the better beginning: a correction must not put unseen bouts of the model in its place.
function newDocument(content) {
  const source = content.human ? "human" : "model";
  return new CorrectedDocument(startingBouts(content, source), source, startingStretches(content, source), content.exclusive);
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
  byId("play-sign").textContent = player.playing ? "❚❚" : "▶";
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

function redrawOnResize(redraw) {
  let waiting = null;
  addEventListener("resize", () => {
    clearTimeout(waiting);
    waiting = setTimeout(redraw, 150);
  });
}

// A video that has got ready is loaded; lanes of other animals that somebody corrected are drawn anew.
function goOnLive(content, clock, player, redraw) {
  const onVideo = ({ stage, note }) => {
    content.video.note = note;
    if (stage === "ready") playVideo(content, clock, player, true);
    else showWords([note]);
  };
  const onOthers = (lanes) => {
    const changed = content.others.filter((other) => lanes[other.recording] && JSON.stringify(lanes[other.recording]) !== JSON.stringify(other.lanes));
    for (const other of changed) other.lanes = lanes[other.recording];
    if (changed.length) redraw();
  };
  new Live(content, { onVideo, onOthers });
}

begin();
