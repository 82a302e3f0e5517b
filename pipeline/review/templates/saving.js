// Nothing is lost: every change is kept in the browser (and with --serve beside the run), files are made on request,
// and the page does not go without a warning while there are changes that no file has.

import { byId, notify, say } from "./dom.js";
import { borisText, csvText, download } from "./exports.js";
import { placeKey } from "./document.js";
import { fromState, keep, kept, keptElsewhere, later, toState } from "./storage.js";

const DRAFT_AFTER_MS = 1000;

export class Saving {
  constructor(content, doc) {
    Object.assign(this, { content, doc, token: null, servedEarlier: null, advised: null });
    this.names = content.behaviors.map(({ name }) => name);
    byId("download-csv").addEventListener("click", () => this.downloadCsv());
    byId("download-boris").addEventListener("click", () => this.downloadBoris());
    byId("save").addEventListener("click", () => this.save());
    // Asked before anything is kept here again under this recording's name.
    this.found = kept(content.storage_key);
    doc.onChange((what) => {
      if (what !== "selection") this.changed(what);
    });
    addEventListener("beforeunload", (event) => {
      if (!doc.unsaved) return;
      event.preventDefault();
      // What browsers before 2024 go by.
      event.returnValue = true;
    });
    addEventListener("storage", (event) => this.changedElsewhere(event));
  }

  // With --serve the address holds the secret that saving needs.
  async connect() {
    if (!location.protocol.startsWith("http")) return;
    this.token = location.pathname.split("/")[1];
    const answer = await fetch(this.content.served.draft).catch(() => null);
    if (!answer?.ok) {
      this.token = null;
      return;
    }
    byId("save").hidden = false;
    const { draft, earlier } = await answer.json();
    this.found = later(this.found, draft);
    this.servedEarlier = earlier;
  }

  restore() {
    // What lay beside the run when this page was written counts unless there is something newer or unsaved.
    const found = this.found?.unsaved ? this.found : later(this.found, this.content.saved);
    const earlier = keptElsewhere(this.content.storage_key, this.servedEarlier);
    if (found && fromState(this.doc, found, this.names, this.content.n_frames)) {
      say(`Your corrections of ${dateText(found)} are here again.`);
    } else if (earlier.length) {
      const words = `Corrections of ${dateText(earlier[0])} (${earlier[0].bouts.length} bouts) began from other predictions of this recording.`;
      notify("earlier", words, [["Go on with them", () => this.takeEarlier(earlier[0])]]);
    }
    this.showState();
  }

  takeEarlier(state) {
    const { bouts, startedFrom, fromModel } = this.doc;
    if (!fromState(this.doc, state, this.names, this.content.n_frames)) {
      notify("earlier", "These corrections don't fit this recording: it has other behaviors or fewer frames now.", [], "warning");
      return;
    }
    this.doc.past = [{ bouts, startedFrom, fromModel, words: "took earlier corrections" }];
    this.doc.unsaved = true;
    this.doc.tell("bouts");
  }

  changed(what) {
    const state = toState(this.doc, this.names);
    if (!keep(this.content.storage_key, state)) {
      notify("not-kept", "This browser keeps nothing here (a private window?). Download your corrections before you close the page.", [], "warning");
    }
    this.showState();
    if (!this.token || what === "saved") return;
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => this.send("draft", toState(this.doc, this.names)), DRAFT_AFTER_MS);
  }

  changedElsewhere(event) {
    if (event.key !== this.content.storage_key || !event.newValue) return;
    notify("elsewhere", "This recording was changed in another window. What is done here would replace it.", [["Load what was done there", () => this.reload()]], "warning");
  }

  reload() {
    fromState(this.doc, kept(this.content.storage_key), this.names, this.content.n_frames);
  }

  showState() {
    const state = byId("state");
    state.textContent = this.doc.unsaved ? (this.token ? "not saved yet" : "not downloaded yet") : "no unsaved changes";
    state.classList.toggle("unsaved", this.doc.unsaved);
  }

  downloadCsv() {
    download(`${this.content.recording}.csv`, csvText(this.content, this.doc), "text/csv");
    this.doc.saved();
    say(`Downloaded ${this.content.recording}.csv.${this.lookedAt()}${this.whose()}`);
  }

  downloadBoris() {
    download(`${this.content.recording}.boris`, borisText(this.content, this.doc), "application/json");
    this.doc.saved();
    say(`Downloaded ${this.content.recording}.boris.${this.lookedAt()}${this.whose()}`);
  }

  // How many places are behind what was written, as a sentence.
  lookedAt() {
    const { content, doc } = this;
    const n = content.places.length;
    const nOpen = content.places.filter((place) => !doc.done.has(placeKey(content, place))).length;
    if (!nOpen) return n ? ` All ${n} places were looked at.` : "";
    const isPartial = content.unscored.some((spans) => spans.length);
    const whose = { model: "the model", human: isPartial ? "the human (or the model)" : "the human" }[doc.startedFrom];
    const rest = whose ? `; what you did not change there stays as ${whose} had it` : "";
    return ` ${nOpen} of ${n} places ${nOpen === 1 ? "was" : "were"} not looked at${rest}.`;
  }

  // How much of what was written nobody set, as a sentence.
  whose() {
    const n = this.doc.fromModel.flat().reduce((sum, [start, stop]) => sum + stop - start, 0);
    return n ? ` ${n.toLocaleString("en")} labels (a behavior in a frame) are the model's.` : "";
  }

  async save() {
    if (!this.token) {
      this.downloadCsv();
      return;
    }
    clearTimeout(this.waiting);
    const saved = this.doc.bouts;
    const answer = await this.send("save", toState(this.doc, this.names));
    if (!answer) return;
    // What was changed meanwhile is not in the files.
    if (saved === this.doc.bouts) this.doc.saved();
    byId("notices").querySelector('[data-key="not-sent"]')?.remove();
    say(`Saved ${answer.saved.join(" and ")} in ${answer.folder}.${this.lookedAt()}${this.whose()}`);
    this.advise(answer);
    await this.send("draft", toState(this.doc, this.names));
  }

  // Once: what becomes of the files. `next`: the command that learns from them.
  advise({ cell, next }) {
    const advice = next || cell;
    if (this.advised === advice) return;
    this.advised = advice;
    if (next) {
      const copy = () => navigator.clipboard?.writeText(next).then(() => say("Copied."), () => say("The browser did not copy it; mark it and copy it."));
      notify("next", "Saved. To learn from it:", [["Copy", copy]], "", next);
    } else notify("cell", `Saved. To learn from it, write this into the column “annotations” of your table of recordings: ${cell} (the .boris also names the behaviors that never occur here, the .csv does not).`);
  }

  // The server's answer; null where it took nothing, which is said.
  async send(what, state) {
    const headers = { "Content-Type": "application/json", "X-Rearview-Token": this.token };
    try {
      const answer = await fetch(this.content.served[what], { method: "POST", headers, body: JSON.stringify(state) });
      if (answer.ok) return await answer.json();
      notify("not-sent", `Not saved: ${await answer.text()}`, [], "warning");
    } catch {
      notify("not-sent", "Not saved: the command that serves this page has ended. Your work is kept in this browser; start the command again, or download it.", [], "warning");
    }
    return null;
  }
}

function dateText(state) {
  return new Date(state.changed_at).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
}
