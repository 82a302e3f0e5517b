// The keyboard: one table, from which also the overlay of help is made.

import { byId, element } from "./dom.js";

// [names of keys, as shown, what it does, action]. "Mod" is Ctrl, or ⌘ on a Mac.
export function keyTable({ player, doc, edit, lists, raster, saving, clock, boxes, goToOther, stepBout, speed, help }) {
  const second = Math.max(1, Math.round(clock.frames(1)));
  const selected = () => doc.selected ?? lists.place;
  return [
    ["Watch", [
      [["Space"], "Space", "play or pause", () => player.toggle()],
      [["ArrowRight", "."], "→ or .", "one frame on", () => player.step(1)],
      [["ArrowLeft", ","], "← or ,", "one frame back", () => player.step(-1)],
      [["Shift+ArrowRight"], "Shift →", "a second on", () => player.step(second)],
      [["Shift+ArrowLeft"], "Shift ←", "a second back", () => player.step(-second)],
      [["n"], "N", "next bout", () => stepBout(1)],
      [["p"], "P", "bout before", () => stepBout(-1)],
      [["r"], "R", "play the selected bout or place once", () => selected() && player.replay(Math.max(0, selected().start - second), selected().stop + second)],
      [[">"], ">", "faster", () => speed(1)],
      [["<"], "<", "slower", () => speed(-1)],
      [["z"], "Z", "zoom to the animal and follow it, and out again", () => boxes.toggleZoom()],
      [["b"], "B", "show or hide the box around the animal", () => boxes.toggle()],
      [["o"], "O", "the page of the other animal of this video, at the same time", () => goToOther()],
      [["Home"], "Home", "first frame", () => player.step(-Infinity)],
      [["End"], "End", "last frame", () => player.step(Infinity)],
    ]],
    ["Look where it counts", [
      [["j"], "J", "next place", () => lists.step(1)],
      [["k"], "K", "place before", () => lists.step(-1)],
      [["m"], "M", "here the model is right; on to the next place (Shift M: stay)", (_, shift) => lists.take("model", shift)],
      [["h"], "H", "here the human is right; on (Shift H: stay)", (_, shift) => lists.take("human", shift)],
      [["x"], "X", "here the model is wrong: the opposite; on (Shift X: stay)", (_, shift) => lists.take("opposite", shift)],
      [["Enter"], "Enter", "done, on to the next place", () => lists.tickAndGoOn()],
    ]],
    ["Correct", [
      [["s", "["], "S or [", "the bout starts at this frame", () => edit.setEdge("start")],
      [["e", "]"], "E or ]", "the bout ends with this frame", () => edit.setEdge("stop")],
      [["a"], "A", "add a bout here", () => edit.add()],
      [["Delete", "Backspace"], "Del", "delete the bout", () => edit.delete()],
      [["c"], "C", "change the bout's behavior", () => edit.cycleBehavior()],
      [["Digit"], "1–9", "behavior of new bouts", (digit) => edit.setPen(digit - 1)],
      [["Mod+z", "u"], "Ctrl Z or U", "undo", () => edit.undo()],
      [["Mod+y", "Mod+Shift+z"], "Ctrl Y", "do again", () => edit.redo()],
      [["Mod+s"], "Ctrl S", "save", () => saving.save()],
      [["Escape"], "Esc", "select nothing", () => doc.select(null)],
    ]],
    ["Raster", [
      [["+", "="], "+", "zoom in (or turn the wheel)", () => raster.zoom(0.5, player.frame)],
      [["-"], "−", "zoom out", () => raster.zoom(2, player.frame)],
      [["0"], "0", "whole recording", () => raster.setRange(0, clock.nFrames)],
      [["f"], "F", "fit the bout or place into the raster", () => selected() && raster.show(selected().start, selected().stop, true)],
      [["?"], "?", "this help", () => help()],
    ]],
  ];
}

export function listenToKeys(table) {
  const actions = new Map(table.flatMap(([, rows]) => rows.flatMap(([keys, , , action]) => keys.map((key) => [key, action]))));
  document.addEventListener("keydown", (event) => {
    if (byId("help").open) return;
    const typing = event.target.closest("input:not([type=checkbox]), select, textarea");
    if (typing && event.key !== "Escape" && !event.ctrlKey && !event.metaKey) return;
    if (typing && event.key === "Escape") typing.blur();
    const action = actions.get(nameOf(event)) ?? (isDigit(event) ? actions.get("Digit") : null);
    if (!action) return;
    event.preventDefault();
    action(Number(event.key), event.shiftKey);
  });
}

function isDigit(event) {
  return /^[1-9]$/.test(event.key) && !event.ctrlKey && !event.metaKey && !event.altKey;
}

// Letters by what is written on the key, in whatever case; signs as they are typed, whatever Shift has to do with it.
function nameOf(event) {
  if (event.altKey) return "";
  const modifier = event.ctrlKey || event.metaKey ? "Mod+" : "";
  const key = event.key === " " ? "Space" : event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const named = key.length > 1 || modifier;
  return `${modifier}${event.shiftKey && named && key !== "Space" ? "Shift+" : ""}${key}`;
}

export function drawHelp(table) {
  const groups = table.map(([title, rows]) => {
    const list = element("dl");
    for (const [, shown, words] of rows) list.append(element("dt", {}, element("kbd", {}, shown)), element("dd", {}, words));
    return element("section", {}, element("h3", {}, title), list);
  });
  byId("help-keys").replaceChildren(...groups);
}
