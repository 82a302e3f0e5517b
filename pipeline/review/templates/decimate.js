// Probabilities: unpacked from the page, and thinned to what a screen can show.

const LEVELS = 65534;

// Base64 of 16 bit numbers, little-endian; the highest one means: not predicted.
export function unpack(text) {
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  const view = new DataView(bytes.buffer);
  const values = new Float32Array(bytes.length / 2);
  for (let i = 0; i < values.length; i += 1) {
    const level = view.getUint16(2 * i, true);
    values[i] = level > LEVELS ? NaN : level / LEVELS;
  }
  return values;
}

// The lowest and the highest value of each of `nBins` stretches of [first, last), in their order, so that no
// peak is lost. x are frames' middles; null parts the line where nothing was predicted.
export function decimate(values, first, last, nBins) {
  const x = [];
  const y = [];
  const add = (i) => {
    x.push(i + 0.5);
    y.push(Number.isNaN(values[i]) ? null : values[i]);
  };
  const width = Math.max(1, (last - first) / nBins);
  for (let begin = first; begin < last; begin += width) {
    const [from, to] = [Math.floor(begin), Math.min(last, Math.floor(begin + width))];
    let [low, high] = [from, from];
    let gap = -1;
    for (let i = from; i < to; i += 1) {
      if (Number.isNaN(values[i])) gap = i;
      if (!(values[i] >= values[low])) low = Number.isNaN(values[i]) ? low : i;
      if (!(values[i] <= values[high])) high = Number.isNaN(values[i]) ? high : i;
    }
    const kept = new Set(gap >= 0 ? [low, high, gap] : [low, high]);
    for (const i of [...kept].sort((a, b) => a - b)) add(i);
  }
  return { x, y };
}
