// What moves: the video, or without one a clock that behaves alike.

// What the page holds: a clock, whose place a video takes once there is one.
export class PagePlayer {
  constructor(clock) {
    this.clock = clock;
    this.listeners = [];
    this.take(new ClockPlayer(clock));
  }

  // Goes on from the same frame, at the same speed.
  take(inner) {
    const before = this.inner;
    const wasPlaying = before?.playing;
    before?.pause();
    this.inner = inner;
    inner.onChange(() => {
      if (inner === this.inner) for (const listener of this.listeners) listener();
    });
    if (!before) return;
    inner.setSpeed(before.speed);
    inner.seek(before.frame);
    if (wasPlaying) inner.play();
  }

  onChange(listener) {
    this.listeners.push(listener);
  }

  get frame() {
    return this.inner.frame;
  }

  get playing() {
    return this.inner.playing;
  }

  step(nFrames) {
    this.inner.step(nFrames);
  }

  toggle() {
    this.inner.toggle();
  }

  pause() {
    this.inner.pause();
  }

  replay(start, stop) {
    this.inner.replay(start, stop);
  }

  seek(frame) {
    this.inner.seek(frame);
  }

  setSpeed(speed) {
    this.inner.setSpeed(speed);
  }
}

class Player {
  constructor(clock) {
    this.clock = clock;
    this.frame = 0;
    this.speed = 1;
    this.until = null;
    this.listeners = [];
  }

  onChange(listener) {
    this.listeners.push(listener);
  }

  moved(frame) {
    this.frame = frame;
    for (const listener of this.listeners) listener();
    if (this.until !== null && frame >= this.until) {
      this.until = null;
      this.pause();
    }
  }

  step(nFrames) {
    this.pause();
    this.seek(this.frame + nFrames);
  }

  toggle() {
    if (this.playing) this.pause();
    else this.play();
  }

  // Plays a stretch and stops.
  replay(start, stop) {
    this.seek(start);
    this.until = this.clock.clamp(stop);
    this.play();
  }
}

export class VideoPlayer extends Player {
  constructor(clock, video) {
    super(clock);
    this.video = video;
    this.waiting = null;
    this.sought = null;
    this.round = 0;
    video.addEventListener("seeked", () => this.arrived());
    video.addEventListener("play", () => this.follow());
    video.addEventListener("pause", () => this.paused());
    video.addEventListener("ended", () => this.moved(this.clock.nFrames - 1));
  }

  get playing() {
    return !this.video.paused && !this.video.ended;
  }

  play() {
    if (this.frame >= this.clock.nFrames - 1) this.seek(0);
    this.video.playbackRate = this.speed;
    // A refusal (no file, no decoder) is told by the video's error event.
    this.video.play().catch(() => {});
  }

  pause() {
    this.until = null;
    this.video.pause();
  }

  setSpeed(speed) {
    this.speed = speed;
    this.video.playbackRate = speed;
    this.video.defaultPlaybackRate = speed;
  }

  // A video seeks one place at a time; of those asked for meanwhile only the last one matters.
  seek(frame) {
    const target = this.clock.clamp(frame);
    this.until = null;
    this.waiting = target;
    if (!this.video.seeking) this.go(target);
    this.moved(target);
  }

  go(target) {
    this.sought = target;
    this.video.currentTime = this.clock.middle(target);
  }

  arrived() {
    if (this.waiting !== null && this.waiting !== this.sought) this.go(this.waiting);
    else this.waiting = null;
  }

  // One round of calls at a time: a quick pause and play must not start a second.
  follow(round = (this.round += 1)) {
    if (!this.playing || round !== this.round) return;
    const next = () => this.follow(round);
    if (this.video.requestVideoFrameCallback) {
      this.video.requestVideoFrameCallback((_, shown) => {
        if (this.waiting === null && this.playing) this.moved(this.clock.frameOf(shown.mediaTime));
        next();
      });
    } else {
      if (this.waiting === null) this.moved(this.clock.frameAt(this.video.currentTime));
      requestAnimationFrame(next);
    }
  }

  // The picture that is shown counts, not the time, which may have gone on.
  paused() {
    if (this.waiting === null && !this.video.ended) this.seek(this.frame);
    else this.moved(this.frame);
  }
}

export class ClockPlayer extends Player {
  constructor(clock) {
    super(clock);
    this.playing = false;
  }

  play() {
    if (this.frame >= this.clock.nFrames - 1) this.seek(0);
    this.playing = true;
    this.begin();
    this.tick();
  }

  begin() {
    this.began = { at: performance.now(), frame: this.frame };
  }

  tick() {
    if (!this.playing) return;
    const seconds = ((performance.now() - this.began.at) / 1000) * this.speed;
    const frame = this.clock.clamp(this.began.frame + Math.floor(this.clock.frames(seconds)));
    if (frame >= this.clock.nFrames - 1) this.playing = false;
    if (frame !== this.frame) this.moved(frame);
    requestAnimationFrame(() => this.tick());
  }

  pause() {
    this.until = null;
    this.playing = false;
    this.moved(this.frame);
  }

  setSpeed(speed) {
    this.speed = speed;
    if (this.playing) this.begin();
  }

  seek(frame) {
    this.until = null;
    this.frame = this.clock.clamp(frame);
    if (this.playing) this.begin();
    this.moved(this.frame);
  }
}
