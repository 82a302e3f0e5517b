// Frames and seconds. Frame i is shown from i / rate to (i + 1) / rate; the rate is a fraction, so that nothing drifts.

// A browser's time may fall short of a frame's beginning by its last digits.
const TOLERATED_FRAMES = 0.001;

export class Clock {
  constructor([numerator, denominator], nFrames) {
    this.numerator = numerator;
    this.denominator = denominator;
    this.nFrames = nFrames;
  }

  seconds(frame) {
    return (frame * this.denominator) / this.numerator;
  }

  frames(seconds) {
    return (seconds * this.numerator) / this.denominator;
  }

  // The frame that is shown at a time.
  frameAt(seconds) {
    return this.clamp(Math.floor(this.frames(seconds) + TOLERATED_FRAMES));
  }

  // The frame whose own time stamp this is.
  frameOf(timestamp) {
    return this.clamp(Math.round(this.frames(timestamp)));
  }

  // Where to seek so that this frame is shown: its middle, far from its neighbors.
  middle(frame) {
    return this.seconds(frame + 0.5);
  }

  clamp(frame) {
    return Math.max(0, Math.min(this.nFrames - 1, frame));
  }

  text(frame, decimals = 2) {
    return timeText(this.seconds(frame), decimals);
  }
}

// 75.3 → "1:15.30"; hours only where there are any.
export function timeText(seconds, decimals = 2) {
  const scale = 10 ** decimals;
  const total = Math.round(seconds * scale);
  const whole = Math.floor(total / scale);
  const pad = (number) => String(number).padStart(2, "0");
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  const clock = hours ? `${hours}:${pad(minutes)}:${pad(whole % 60)}` : `${minutes}:${pad(whole % 60)}`;
  return decimals ? `${clock}.${String(total % scale).padStart(decimals, "0")}` : clock;
}

export function spanText(seconds) {
  return seconds < 60 ? `${seconds.toFixed(seconds < 10 ? 2 : 1)} s` : timeText(seconds, 0);
}
