/** Speaking instead of writing: records up to a minute and has the server write it down. */
import { Unreachable, postRecording } from "./api";
import { fill, type Texts } from "./config";
import { button, el, icon } from "./dom";

const LIMIT_S = 59;
const MICROPHONE = ["M9 5a3 3 0 0 1 6 0v6a3 3 0 0 1-6 0z", "M5 11a7 7 0 0 0 14 0", "M12 18v3"] as const;
const BITS_PER_S = 32_000;

/** Old WebViews, and pages that are not served over HTTPS, have no microphone. */
export function canRecord(): boolean {
  // Older engines lack what the types promise.
  const devices = navigator.mediaDevices as MediaDevices | undefined;
  return devices !== undefined && "getUserMedia" in devices && "MediaRecorder" in window;
}

export interface Listening {
  /** The session's token, or null while there is none. */
  token(): string | null;
  written(text: string): void;
  /** Tells the resident what is going on; announced by screen readers. */
  tell(text: string): void;
}

export class VoiceInput {
  /** Stands beside the text field. */
  readonly start: HTMLButtonElement;
  /** Takes the place of the text field while the resident speaks. */
  readonly panel: HTMLElement;
  private readonly left: HTMLElement;
  private recorder: MediaRecorder | null = null;
  private timer = 0;
  private wanted = false;

  constructor(
    private readonly texts: Texts,
    private readonly listening: Listening,
  ) {
    this.start = button("speak", "", () => {
      void this.begin();
    }, { "aria-label": texts.speak, title: texts.speak });
    this.start.appendChild(icon(...MICROPHONE));
    this.left = el("span", { class: "left" });
    const end = button("strong", texts.speak_end, () => {
      this.finish(true);
    });
    const cancel = button("quiet", texts.speak_cancel, () => {
      this.finish(false);
    });
    const level = el("span", { class: "pulse", "aria-hidden": "true" });
    this.panel = el("div", { class: "speaking", role: "group", "aria-label": texts.speak }, level, this.left, cancel, end);
    this.panel.hidden = true;
    this.panel.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.finish(false);
    });
  }

  stop(): void {
    this.finish(false);
  }

  private async begin(): Promise<void> {
    if (this.recorder !== null || this.start.disabled) return;
    this.start.disabled = true;
    let stream: MediaStream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    } catch {
      this.start.disabled = false;
      this.listening.tell(this.texts.no_microphone);
      return;
    }
    this.start.disabled = false;
    const parts: Blob[] = [];
    const recorder = new MediaRecorder(stream, { audioBitsPerSecond: BITS_PER_S });
    recorder.ondataavailable = (event) => {
      parts.push(event.data);
    };
    recorder.onstop = () => {
      for (const track of stream.getTracks()) track.stop();
      if (this.wanted) void this.recognise(new Blob(parts, { type: recorder.mimeType }));
    };
    this.recorder = recorder;
    recorder.start();
    this.show(true);
    this.count(LIMIT_S);
  }

  private count(left: number): void {
    const text = fill(this.texts.listening, { count: left });
    // Every second would be read out; the beginning and the last ten are enough.
    if (left === LIMIT_S || left === 10) this.listening.tell(text);
    this.left.textContent = text;
    this.timer = window.setTimeout(() => {
      if (left > 1) this.count(left - 1);
      else this.finish(true);
    }, 1_000);
  }

  private finish(wanted: boolean): void {
    const recorder = this.recorder;
    if (recorder === null) return;
    window.clearTimeout(this.timer);
    this.recorder = null;
    this.wanted = wanted;
    this.show(false);
    this.listening.tell(wanted ? this.texts.writing_down : "");
    recorder.stop();
    this.start.focus();
  }

  private async recognise(recording: Blob): Promise<void> {
    this.start.disabled = true;
    try {
      const answer = await postRecording(this.listening.token() ?? "", recording);
      if (answer.type === "transcript") {
        this.listening.tell(this.texts.written_down);
        this.listening.written(answer.text);
      } else {
        this.listening.tell(answer.error.message);
      }
    } catch (error) {
      if (!(error instanceof Unreachable)) throw error;
      this.listening.tell(this.texts.offline);
    } finally {
      this.start.disabled = false;
    }
  }

  private show(speaking: boolean): void {
    this.panel.hidden = !speaking;
    this.panel.closest("form")?.classList.toggle("is-speaking", speaking);
    if (speaking) this.panel.querySelector<HTMLElement>(".strong")?.focus();
  }
}
