// Says how far each recording is, from what the browser keeps; the list works without it.

import { byId } from "./dom.js";

function progress(key, nPlaces) {
  let state = null;
  try {
    state = JSON.parse(localStorage.getItem(key));
  } catch {
    return "";
  }
  if (!state?.bouts) return "";
  const nDone = Math.min(nPlaces, state.done?.length ?? 0);
  return `${nDone} of ${nPlaces} places done${state.unsaved ? ", not saved yet" : ""}`;
}

for (const row of byId("recordings").querySelectorAll("tr[data-key]")) {
  row.querySelector(".progress").textContent = progress(row.dataset.key, Number(row.dataset.places));
}
