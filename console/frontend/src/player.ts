interface Span {
  start: number;
  end: number;
}

const TAIL_MS = 150;

/** The audio element in milliseconds; it can stop by itself where a piece of evidence ends. */
export class Player {
  duration = 0;
  onMove: (ms: number) => void = () => undefined;
  onState: (playing: boolean) => void = () => undefined;
  onSpan: (span: Span | null) => void = () => undefined;
  onError: () => void = () => undefined;
  private span: Span | null = null;
  private wanted: number | null = null;

  constructor(private readonly audio: HTMLAudioElement) {
    audio.addEventListener("loadedmetadata", () => { this.applyWanted(); });
    audio.addEventListener("seeked", () => { this.onMove(this.position); });
    audio.addEventListener("play", () => {
      this.onState(true);
      this.tick();
    });
    audio.addEventListener("pause", () => { this.onState(false); });
    audio.addEventListener("ended", () => { this.clearSpan(); });
    audio.addEventListener("timeupdate", () => { this.moved(); });
    audio.addEventListener("error", () => { this.onError(); });
  }

  get playing(): boolean {
    return !this.audio.paused;
  }

  get position(): number {
    return this.wanted ?? this.audio.currentTime * 1000;
  }

  toggle(): void {
    if (this.playing) this.audio.pause();
    else this.start();
  }

  seek(ms: number): void {
    this.clearSpan();
    this.place(ms);
  }

  playFrom(ms: number): void {
    this.seek(ms);
    this.start();
  }

  playSpan(start: number, end: number): void {
    this.place(start);
    this.span = { start, end: Math.max(end, start + TAIL_MS) };
    this.onSpan(this.span);
    this.start();
  }

  private place(ms: number): void {
    const limit = this.duration || ms;
    this.wanted = Math.min(Math.max(0, ms), limit);
    this.applyWanted();
    this.onMove(Math.min(Math.max(0, ms), limit));
  }

  /** A position chosen before anything was loaded waits until the element can take it. */
  private applyWanted(): void {
    if (this.wanted === null || this.audio.readyState < HTMLMediaElement.HAVE_METADATA) return;
    this.audio.currentTime = this.wanted / 1000;
    this.wanted = null;
  }

  private start(): void {
    this.audio.play().catch((error: unknown) => {
      // A pause before the first sound is no failure.
      if (!(error instanceof DOMException && error.name === "AbortError")) this.onError();
    });
  }

  private clearSpan(): void {
    this.span = null;
    this.onSpan(null);
  }

  private moved(): void {
    if (this.span && this.position >= this.span.end + TAIL_MS && this.playing) {
      this.audio.pause();
      this.clearSpan();
    }
    this.onMove(this.position);
  }

  /** Timeupdate comes four times a second; a moving line wants every frame. */
  private tick(): void {
    if (!this.playing) return;
    this.moved();
    window.requestAnimationFrame(() => { this.tick(); });
  }
}
