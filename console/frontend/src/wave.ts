/** What the server measured: per lane the loudest sample of each slice of time, 0 to 100. */
export interface Peaks {
  duration_ms: number;
  lanes: number[][];
}

interface Span {
  start: number;
  end: number;
}

const LANE_COLOURS = [
  { played: "#a8401a", waiting: "#e3b89f" },
  { played: "#3f6072", waiting: "#b3c4ce" },
];
const BAR = 2;
const STEP = 3;
const GAP = 6;

/** The waveform: residents above, the bot below; a slider for mouse, touch and keyboard. */
export class Wave {
  private peaks: Peaks | null = null;
  private position = 0;
  private span: Span | null = null;

  constructor(
    private readonly canvas: HTMLCanvasElement,
    private readonly onSeek: (ms: number) => void,
  ) {
    new ResizeObserver(() => { this.draw(); }).observe(canvas);
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      this.seekTo(event);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (canvas.hasPointerCapture(event.pointerId)) this.seekTo(event);
    });
  }

  show(peaks: Peaks): void {
    this.peaks = peaks;
    this.canvas.setAttribute("aria-valuemax", String(Math.round(peaks.duration_ms / 1000)));
    this.draw();
  }

  moveTo(ms: number, spoken: string): void {
    this.position = ms;
    this.canvas.setAttribute("aria-valuenow", String(Math.round(ms / 1000)));
    this.canvas.setAttribute("aria-valuetext", spoken);
    this.draw();
  }

  highlight(span: Span | null): void {
    this.span = span;
    this.draw();
  }

  private seekTo(event: PointerEvent): void {
    if (!this.peaks) return;
    const box = this.canvas.getBoundingClientRect();
    const share = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
    this.onSeek(share * this.peaks.duration_ms);
  }

  private draw(): void {
    const brush = this.canvas.getContext("2d");
    if (!brush || !this.peaks) return;
    const ratio = window.devicePixelRatio || 1;
    const { clientWidth: width, clientHeight: height } = this.canvas;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    brush.scale(ratio, ratio);
    const total = Math.max(1, this.peaks.duration_ms);
    if (this.span) {
      brush.fillStyle = "#ffe9cc";
      const left = (this.span.start / total) * width;
      brush.fillRect(left, 0, Math.max(3, ((this.span.end - this.span.start) / total) * width), height);
    }
    const laneHeight = (height - GAP) / 2;
    this.peaks.lanes.slice(0, 2).forEach((lane, index) => {
      this.drawLane(brush, lane, index, { width, top: index * (laneHeight + GAP), height: laneHeight });
    });
    brush.fillStyle = "#2b211b";
    brush.fillRect(Math.min(width - 1.5, (this.position / total) * width), 0, 1.5, height);
  }

  private drawLane(
    brush: CanvasRenderingContext2D,
    lane: number[],
    index: number,
    place: { width: number; top: number; height: number },
  ): void {
    const colours = LANE_COLOURS[index];
    if (!colours || !this.peaks) return;
    const playedUntil = (this.position / Math.max(1, this.peaks.duration_ms)) * place.width;
    const middle = place.top + place.height / 2;
    for (let x = 0; x < place.width; x += STEP) {
      const from = Math.floor((x / place.width) * lane.length);
      const to = Math.max(from + 1, Math.floor(((x + STEP) / place.width) * lane.length));
      let loudest = 0;
      for (let at = from; at < to; at += 1) loudest = Math.max(loudest, lane[at] ?? 0);
      // Speech on a telephone is mostly quiet: the root makes it visible without hiding the loud.
      const half = Math.max(0.75, (Math.sqrt(loudest / 100) * place.height) / 2);
      brush.fillStyle = x <= playedUntil ? colours.played : colours.waiting;
      brush.fillRect(x, middle - half, BAR, half * 2);
    }
  }
}
