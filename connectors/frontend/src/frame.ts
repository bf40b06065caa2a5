/** What stands around the conversation: header, side panel, connection banner. */
import { fill, type Language, type Texts } from "./config";
import { button, el, icon } from "./dom";
import { memory } from "./memory";

export function skipLink(texts: Texts): HTMLElement {
  return el("a", { class: "skip", href: "#composer" }, texts.skip);
}

export interface Tools {
  readonly languages: readonly Language[];
  readonly language: Language;
  readonly onLanguage: (language: Language) => void;
  readonly onRestart: () => void;
}

export function header({ languages, language, onLanguage, onRestart }: Tools): HTMLElement {
  const { texts } = language;
  const mark = icon("M4 15a8 8 0 0 1 16 0", "M3 19h18", "M12 3v2M5 6l1.4 1.4M19 6l-1.4 1.4");
  mark.setAttribute("class", "mark");
  const restart = button("icon-button", "", onRestart, { "aria-label": texts.restart, title: texts.restart });
  restart.appendChild(icon("M4 12a8 8 0 1 0 2.6-5.9", "M4 4v4h4"));
  return el(
    "header",
    { class: "top" },
    mark,
    el("div", { class: "brand" }, el("h1", {}, texts.product, el("small", {}, texts.tagline)), el("p", {}, texts.agency)),
    el("div", { class: "tools" }, languageChoice(languages, language, onLanguage), fontSizes(texts), restart),
  );
}

function languageChoice(languages: readonly Language[], now: Language, onLanguage: (language: Language) => void): HTMLElement {
  const select = el("select", { class: "language", "aria-label": now.texts.language, title: now.texts.language });
  for (const { tag, name } of languages) {
    const option = el("option", { value: tag, lang: tag }, name);
    option.selected = tag === now.tag;
    select.appendChild(option);
  }
  select.addEventListener("change", () => {
    const chosen = languages.find((language) => language.tag === select.value);
    if (chosen !== undefined) onLanguage(chosen);
  });
  return select;
}

function fontSizes(texts: Texts): HTMLElement {
  const group = el("div", { class: "sizes", role: "group", "aria-label": texts.font_size });
  const apply = (size: number): void => {
    document.documentElement.setAttribute("data-size", String(size));
    group.querySelectorAll("button").forEach((item, index) => {
      item.setAttribute("aria-pressed", String(index === size));
    });
  };
  texts.font_sizes.forEach((label, size) => {
    const attributes = { "aria-label": `${texts.font_size}：${label}`, title: label };
    const choose = button(`size size-${size}`, "字", () => {
      memory.keepFontSize(size);
      apply(size);
    }, attributes);
    group.appendChild(choose);
  });
  apply(Math.min(Math.max(memory.fontSize(), 0), texts.font_sizes.length - 1));
  return group;
}

export function aside(texts: Texts): HTMLElement {
  const items = el("ul", {});
  for (const item of texts.about_items) items.appendChild(el("li", {}, item));
  const call = el("a", { class: "call", href: `tel:${texts.hotline}` }, icon("M6 3l3 5-2 2a13 13 0 0 0 7 7l2-2 5 3-2 4C10 22 2 14 2 5z"));
  call.appendChild(document.createTextNode(fill(texts.call_hotline, { hotline: texts.hotline })));
  return el(
    "aside",
    { class: "about" },
    el("section", {}, el("h2", {}, texts.about_title), items),
    el("section", {}, el("h2", {}, texts.privacy_title), el("p", {}, texts.privacy_note)),
    call,
  );
}

/** Says that the connection is lost, after it has been for a moment, and that it is back. */
export class Banner {
  readonly node = el("div", { class: "banner", role: "status" });
  private timer = 0;

  constructor(private readonly texts: Texts) {
    this.node.hidden = true;
  }

  connected(connected: boolean): void {
    window.clearTimeout(this.timer);
    if (connected) {
      if (this.node.hidden) return;
      this.show(this.texts.online, "is-online");
      this.timer = window.setTimeout(() => {
        this.node.hidden = true;
      }, 2_000);
    } else if (this.node.hidden || this.node.classList.contains("is-online")) {
      this.timer = window.setTimeout(() => {
        this.show(this.texts.offline, "is-offline");
      }, 1_000);
    }
  }

  private show(text: string, state: string): void {
    this.node.hidden = false;
    this.node.className = `banner ${state}`;
    this.node.textContent = text;
  }
}
