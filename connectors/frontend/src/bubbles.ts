/** One entry of the conversation as an element. */
import type { Aloud } from "./aloud";
import { fill, type Texts } from "./config";
import { button, el, hiddenText, icon } from "./dom";
import { clock } from "./times";
import type { LogEvent, Source } from "./types";

/** What the server marks a reply with that a person wrote. */
const STAFF = "staff";

/** Whether a person wrote this, not the assistant. */
export function byPerson(event: LogEvent): boolean {
  return event.code === STAFF;
}

export interface Mine {
  readonly node: HTMLElement;
  /** Shows whether the message is under way, arrived or was refused. */
  setState(state: "sending" | "sent" | "unsent", onResend?: () => void): void;
}

export function mine(text: string, at: Date, texts: Texts): Mine {
  const state = el("span", { class: "state" });
  const meta = el("p", { class: "meta" }, timeOf(at), state);
  const node = el(
    "div",
    { class: "entry mine" },
    el("div", { class: "bubble" }, hiddenText(`${texts.said_by_you}：`), text),
    meta,
  );
  return {
    node,
    setState(next, onResend) {
      node.classList.toggle("is-unsent", next === "unsent");
      state.textContent = next === "sending" ? texts.sending : next === "unsent" ? texts.unsent : "";
      const old = meta.querySelector("button");
      if (old !== null) meta.removeChild(old);
      if (next === "unsent" && onResend !== undefined) {
        meta.appendChild(button("link-button", texts.resend, onResend));
      }
    },
  };
}

export interface Acts {
  readonly onPress: (text: string) => void;
  /** Reads an entry aloud, or null where nothing can. */
  readonly aloud: Aloud | null;
}

export function theirs(event: LogEvent, texts: Texts, { onPress, aloud }: Acts): HTMLElement {
  const person = byPerson(event);
  const who = hiddenText(`${person ? texts.staff : texts.said_by_bot}：`);
  const bubble = el("div", { class: "bubble" }, who, event.text);
  const node = el("div", { class: `entry theirs ${event.type}${person ? " staff" : ""}` }, bubble);
  if (person) node.insertBefore(el("p", { class: "from", "aria-hidden": "true" }, texts.staff), bubble);
  if (event.sources.length > 0) bubble.appendChild(sources(event.sources, texts));
  if (event.buttons.length > 0) node.appendChild(choices(event, texts, onPress));
  const meta = el("p", { class: "meta" });
  if (event.index === event.of - 1) meta.appendChild(timeOf(new Date(event.at)));
  if (aloud?.possible === true) meta.appendChild(readButton(event, texts, aloud));
  if (meta.childNodes.length > 0) node.appendChild(meta);
  return node;
}

const LOUDSPEAKER = ["M4 10v4h4l5 4V6l-5 4z", "M16.5 9a4 4 0 0 1 0 6", "M19 6.5a8 8 0 0 1 0 11"] as const;

function readButton(event: LogEvent, texts: Texts, aloud: Aloud): HTMLButtonElement {
  const label = el("span", {}, texts.read_aloud);
  const press = button("read", "", () => {
    if (press.getAttribute("aria-pressed") === "true") {
      aloud.stop();
      return;
    }
    aloud.read(event, (read) => {
      press.setAttribute("aria-pressed", "false");
      label.textContent = read ? texts.read_aloud : texts.read_unable;
    });
    press.setAttribute("aria-pressed", "true");
    label.textContent = texts.read_stop;
  }, { "aria-pressed": "false" });
  press.appendChild(icon(...LOUDSPEAKER));
  press.appendChild(label);
  return press;
}

export function local(text: string, texts: Texts): HTMLElement {
  return el("div", { class: "entry theirs notice" }, el("div", { class: "bubble" }, hiddenText(`${texts.said_by_bot}：`), text));
}

function choices(event: LogEvent, texts: Texts, onPress: (text: string) => void): HTMLElement {
  const greeting = event.message_id === "start";
  const list = el("ul", { class: greeting ? "choices suggested" : "choices" });
  if (greeting) list.setAttribute("aria-label", texts.suggestions);
  for (const choice of event.buttons) {
    const press = button("choice", choice.title, () => {
      onPress(choice.text);
    });
    list.appendChild(el("li", {}, press));
  }
  return greeting ? el("div", { class: "suggestions" }, el("p", { "aria-hidden": "true" }, texts.suggestions), list) : list;
}

function sources(items: readonly Source[], texts: Texts): HTMLElement {
  const list = el("ul", {});
  for (const item of items) {
    const entry = el("li", {}, el("p", { class: "source-title" }, item.title), el("p", {}, item.document));
    const foot = el("p", { class: "source-foot" });
    if (item.as_of !== "") foot.appendChild(el("span", {}, fill(texts.as_of, { date: item.as_of })));
    if (/^https?:\/\//.test(item.url)) foot.appendChild(sourceLink(item, texts));
    entry.appendChild(foot);
    list.appendChild(entry);
  }
  const title = fill(texts.sources, { count: items.length });
  const summary = el("summary", {}, icon("M6 3h9l4 4v14H6z", "M14 3v5h5", "M9 13h7M9 17h5"), title);
  return el("details", { class: "sources" }, summary, list);
}

function sourceLink(item: Source, texts: Texts): HTMLAnchorElement {
  return el(
    "a",
    { href: item.url, target: "_blank", rel: "noopener noreferrer nofollow" },
    texts.open_source,
    hiddenText(`：${item.title}（${texts.opens_new_window}）`),
  );
}

function timeOf(at: Date): HTMLTimeElement {
  return el("time", { datetime: at.toISOString() }, clock(at));
}
