/** Where the resident writes. */
import { fill, type Texts } from "./config";
import { el, icon } from "./dom";
import { VoiceInput, canRecord } from "./voice";

export class Composer {
  readonly node: HTMLFormElement;
  private readonly input: HTMLTextAreaElement;
  private readonly hint: HTMLElement;
  private readonly voice: VoiceInput | null;
  private composing = false;

  constructor(
    private readonly texts: Texts,
    private readonly maxText: number,
    private readonly onSend: (text: string) => void,
    token: (() => string | null) | null,
  ) {
    this.input = el("textarea", {
      id: "composer",
      rows: "1",
      "aria-label": texts.composer,
      "aria-describedby": "composer-hint",
      placeholder: texts.placeholder,
      enterkeyhint: "send",
      autocomplete: "off",
    });
    this.hint = el("p", { id: "composer-hint", class: "hint", role: "status" });
    const send = el("button", { type: "submit", class: "send", "aria-label": texts.send }, icon("M4 12l16-8-5 16-3.5-6.5z"), el("span", {}, texts.send));
    const row = el("div", { class: "row" }, this.input, send);
    this.voice = token !== null && canRecord() ? this.listen(token) : null;
    if (this.voice !== null) {
      row.insertBefore(this.voice.start, this.input);
      row.appendChild(this.voice.panel);
    }
    this.node = el("form", { class: "composer" }, this.hint, row, el("p", { class: "disclaimer" }, texts.disclaimer));
    this.input.addEventListener("input", () => {
      this.refresh();
    });
    this.input.addEventListener("compositionstart", () => {
      this.composing = true;
    });
    this.input.addEventListener("compositionend", () => {
      // Safari ends the composition before it reports the Enter that ended it.
      window.setTimeout(() => {
        this.composing = false;
      });
    });
    this.input.addEventListener("keydown", (event) => {
      // Enter also picks a word in an input method.
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing && !this.composing) {
        event.preventDefault();
        this.submit();
      }
    });
    this.node.addEventListener("submit", (event) => {
      event.preventDefault();
      this.submit();
    });
  }

  focus(): void {
    this.input.focus();
  }

  clear(): void {
    this.input.value = "";
    this.refresh();
  }

  get draft(): string {
    return this.input.value;
  }

  set draft(text: string) {
    this.input.value = text;
    this.refresh();
  }

  stop(): void {
    this.voice?.stop();
  }

  private listen(token: () => string | null): VoiceInput {
    return new VoiceInput(this.texts, {
      token,
      tell: (text) => {
        this.hint.textContent = text;
      },
      written: (text) => {
        const told = this.hint.textContent;
        this.draft = [this.draft.trim(), text].filter((part) => part !== "").join("，");
        if (this.hint.textContent === "") this.hint.textContent = told;
        this.focus();
      },
    });
  }

  private submit(): void {
    const text = this.input.value.trim();
    if (text === "" || this.excess() > 0) return;
    this.clear();
    this.onSend(text);
  }

  // The server counts characters, JavaScript's length counts UTF-16 units.
  private excess(): number {
    return Array.from(this.input.value.trim()).length - this.maxText;
  }

  private refresh(): void {
    const excess = this.excess();
    this.hint.textContent = excess > 0 ? fill(this.texts.too_long, { count: excess }) : "";
    this.node.classList.toggle("is-too-long", excess > 0);
    this.input.style.height = "auto";
    this.input.style.height = `${this.input.scrollHeight}px`;
  }
}
