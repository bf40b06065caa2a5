/** The log of the conversation: each entry once, in order, scrolled to what is new. */
import { byPerson, local, mine, theirs, type Acts, type Mine } from "./bubbles";
import { fill, type Texts } from "./config";
import { button, el, hiddenText, icon } from "./dom";
import { day } from "./times";
import type { LogEvent } from "./types";

const NEAR_END_PX = 120;

export class Conversation {
  readonly node: HTMLElement;
  private readonly log: HTMLElement;
  private readonly typing: HTMLElement;
  private withPerson = false;
  private readonly latest: HTMLButtonElement;
  private seen = new Set<string>();
  private sent = new Map<string, Mine>();
  private lastDay = "";

  constructor(
    private readonly texts: Texts,
    private readonly acts: Acts,
  ) {
    this.log = el("div", { role: "log", "aria-live": "polite", "aria-label": texts.conversation, tabindex: "-1" });
    this.log.className = "log";
    const dots = el("span", { class: "dots", "aria-hidden": "true" }, el("i"), el("i"), el("i"));
    this.typing = el("div", { class: "typing", role: "status" }, dots);
    this.typing.hidden = true;
    this.latest = button("latest", texts.jump_to_latest, () => {
      this.scrollToEnd();
      this.focus();
    });
    this.latest.hidden = true;
    this.latest.insertBefore(icon("M12 5v13M6 13l6 6 6-6"), this.latest.firstChild);
    this.node = el("main", { class: "conversation" }, this.intro(), this.log, this.typing);
    // Opened sources are brought into view. ("toggle" does not bubble.)
    this.log.addEventListener("toggle", (event) => {
      if (event.target instanceof HTMLDetailsElement && event.target.open) this.reveal(event.target);
    }, true);
    this.node.addEventListener("scroll", () => {
      if (this.isNearEnd()) this.latest.hidden = true;
    });
  }

  /** The button that leads back to the newest entry; it floats over the composer. */
  get jump(): HTMLElement {
    return this.latest;
  }

  focus(): void {
    this.log.focus({ preventScroll: true });
  }

  /** Shows what the server's log holds; entries already shown are passed over. */
  add(events: readonly LogEvent[]): void {
    for (const event of events) {
      if (this.seen.has(event.id)) continue;
      this.seen.add(event.id);
      if (event.type !== "message") {
        this.withPerson = byPerson(event);
        this.append(theirs(event, this.texts, this.acts), new Date(event.at));
      } else if (this.sent.has(event.message_id)) {
        this.settle(event.message_id);
      } else {
        this.say(event.message_id, event.text, new Date(event.at));
        this.settle(event.message_id);
      }
    }
  }

  /** Shows a message of the resident's at once, before the server has it. */
  say(messageId: string, text: string, at = new Date()): void {
    this.retireChoices();
    const entry = mine(text, at, this.texts);
    entry.setState("sending");
    this.sent.set(messageId, entry);
    this.append(entry.node, at);
    this.scrollToEnd();
  }

  settle(messageId: string): void {
    this.sent.get(messageId)?.setState("sent");
  }

  refuse(messageId: string, onResend: () => void): void {
    this.sent.get(messageId)?.setState("unsent", onResend);
  }

  retry(messageId: string): void {
    this.sent.get(messageId)?.setState("sending");
  }

  notice(text: string): void {
    this.append(local(text, this.texts), new Date());
  }

  /** The assistant is writing; while a person answers it never is. */
  showTyping(wanted: boolean): void {
    const on = wanted && !this.withPerson;
    if (this.typing.hidden === !on) return;
    const follow = this.isNearEnd();
    this.typing.hidden = !on;
    const said = this.typing.querySelector(".visually-hidden");
    // A live region announces what is put into it, not that it appears.
    if (said !== null) this.typing.removeChild(said);
    if (on) this.typing.appendChild(hiddenText(this.texts.typing));
    if (follow) this.scrollToEnd();
  }

  clear(): void {
    this.seen = new Set();
    this.sent = new Map();
    this.lastDay = "";
    this.latest.hidden = true;
    this.showTyping(false);
    this.withPerson = false;
    this.log.textContent = "";
  }

  private intro(): HTMLElement {
    const call = el("a", { href: `tel:${this.texts.hotline}` }, fill(this.texts.call_hotline, { hotline: this.texts.hotline }));
    return el("div", { class: "intro" }, el("p", {}, this.texts.privacy_note), el("p", {}, call));
  }

  private append(node: HTMLElement, at: Date): void {
    const follow = this.isNearEnd();
    const label = day(at, new Date(), this.texts);
    const opening = this.lastDay === "" && label === this.texts.today;
    if (label !== this.lastDay && !opening) this.log.appendChild(el("p", { class: "day" }, label));
    this.lastDay = label;
    this.log.appendChild(node);
    if (follow) this.scrollTo(node);
    else this.latest.hidden = false;
  }

  /** Answers to an earlier question would confuse a later one; the suggestions stay. */
  private retireChoices(): void {
    this.log.querySelectorAll<HTMLElement>(".choices:not(.suggested)").forEach((list) => {
      if (list.contains(document.activeElement)) this.focus();
      list.hidden = true;
    });
  }

  private reveal(node: HTMLElement): void {
    const below = node.getBoundingClientRect().bottom - this.node.getBoundingClientRect().bottom + 12;
    const above = node.getBoundingClientRect().top - this.node.getBoundingClientRect().top - 12;
    if (below > 0) this.node.scrollTop += Math.min(below, above);
  }

  private isNearEnd(): boolean {
    return this.node.scrollHeight - this.node.scrollTop - this.node.clientHeight < NEAR_END_PX;
  }

  /** A long answer is shown from its beginning. */
  private scrollTo(node: HTMLElement): void {
    if (node.offsetHeight > this.node.clientHeight) this.node.scrollTop = node.offsetTop - 12;
    else this.scrollToEnd();
  }

  private scrollToEnd(): void {
    this.node.scrollTop = this.node.scrollHeight;
  }
}
