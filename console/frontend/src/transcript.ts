import { milliseconds } from "./dom";

export interface Line {
  element: HTMLElement;
  start: number;
  end: number;
}

/** The lines of the conversation and the evidence buttons beside them. */
export class Transcript {
  onLine: (line: Line) => void = () => undefined;
  onEvidence: (start: number, end: number) => void = () => undefined;
  readonly lines: Line[];
  private current: Line | null = null;

  constructor(private readonly page: HTMLElement) {
    this.lines = [...page.querySelectorAll<HTMLElement>("#lines .line")].map((element) => ({
      element,
      start: milliseconds(element, "start"),
      end: milliseconds(element, "end"),
    }));
    for (const line of this.lines) {
      line.element.addEventListener("click", () => {
        if (String(document.getSelection() ?? "") === "") this.onLine(line);
      });
    }
    for (const button of page.querySelectorAll<HTMLButtonElement>(".evidence")) {
      button.addEventListener("click", () => { this.playEvidence(button); });
    }
    this.linkMarks();
  }

  /** Light up the line that is being heard; between two lines the earlier one stays. */
  follow(ms: number, scroll: boolean): void {
    const line = this.lineAt(ms);
    if (line === this.current) return;
    this.current?.element.classList.remove("current");
    this.current?.element.removeAttribute("aria-current");
    this.current = line;
    line?.element.classList.add("current");
    line?.element.setAttribute("aria-current", "true");
    if (scroll && line) line.element.scrollIntoView({ block: "nearest", behavior: "smooth" });
  }

  /** The line `step` away from the one that sounds at `ms`. */
  neighbour(ms: number, step: number): Line | null {
    const at = this.current ? this.lines.indexOf(this.current) : this.indexAt(ms);
    return this.lines[Math.min(this.lines.length - 1, Math.max(0, at + step))] ?? null;
  }

  endEvidence(): void {
    for (const button of this.page.querySelectorAll(".evidence.playing")) button.classList.remove("playing");
    for (const lit of this.page.querySelectorAll("mark.lit")) lit.classList.remove("lit");
  }

  private playEvidence(button: HTMLButtonElement): void {
    this.endEvidence();
    this.onEvidence(milliseconds(button, "start"), milliseconds(button, "end"));
    button.classList.add("playing");
    for (const mark of this.marks(button.dataset["field"])) mark.classList.add("lit");
    const line = this.lines[Number(button.dataset["line"] ?? "-1")];
    line?.element.scrollIntoView({ block: "nearest", behavior: "smooth" });
  }

  /** Pointing at words shows the field they became. */
  private linkMarks(): void {
    for (const mark of this.page.querySelectorAll<HTMLElement>("mark[data-field]")) {
      const field = this.page.querySelector(`.field[data-field="${CSS.escape(mark.dataset["field"] ?? "")}"]`);
      mark.addEventListener("pointerenter", () => field?.classList.add("lit"));
      mark.addEventListener("pointerleave", () => field?.classList.remove("lit"));
    }
  }

  private marks(field: string | undefined): HTMLElement[] {
    return [...this.page.querySelectorAll<HTMLElement>("mark[data-field]")].filter(
      (mark) => mark.dataset["field"] === field,
    );
  }

  private indexAt(ms: number): number {
    let found = -1;
    this.lines.forEach((line, index) => {
      if (line.start <= ms + 1) found = index;
    });
    return found;
  }

  private lineAt(ms: number): Line | null {
    return this.lines[this.indexAt(ms)] ?? null;
  }
}
