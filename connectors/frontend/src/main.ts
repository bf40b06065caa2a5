/** Joins the connection and the view. */
import { Composer } from "./composer";
import { readConfig, type Config } from "./config";
import { Conversation } from "./conversation";
import { ask } from "./dialog";
import { el } from "./dom";
import { aside, Banner, header, skipLink } from "./frame";
import { watchIdle } from "./kiosk";
import { Link, newMessageId, type Listener } from "./link";
import type { EventsFrame } from "./types";
import "./style.css";

class Chat implements Listener {
  private readonly conversation: Conversation;
  private readonly composer: Composer;
  private readonly banner: Banner;
  private readonly link: Link;
  private readonly said = new Map<string, string>();

  constructor(private readonly config: Config) {
    const { texts, maxText } = config;
    this.conversation = new Conversation(texts, (text) => {
      // The pressed button may go away; the log is where the answer will be.
      this.conversation.focus();
      this.say(text);
    });
    this.composer = new Composer(texts, maxText, (text) => {
      this.say(text);
    });
    this.banner = new Banner(texts);
    this.link = new Link(this);
  }

  start(root: HTMLElement, kiosk: boolean): void {
    const { texts } = this.config;
    const foot = el("div", { class: "foot" }, this.conversation.jump, this.composer.node);
    const column = el("div", { class: "column" }, this.banner.node, this.conversation.node, foot);
    const top = header(texts, () => {
      this.askRestart();
    });
    for (const node of [skipLink(texts), top, el("div", { class: "middle" }, aside(texts), column)]) root.appendChild(node);
    for (const message of this.link.unsent) this.show(message.message_id, message.text);
    if (kiosk) {
      const used = (): boolean => this.said.size > 0;
      watchIdle(texts, used, () => {
        this.restart();
      });
    }
    this.link.start();
  }

  events(frame: EventsFrame): void {
    this.conversation.add(frame.events);
    this.conversation.showTyping(frame.pending > 0 || this.link.unsent.length > 0);
  }

  acknowledged(messageId: string): void {
    this.conversation.settle(messageId);
  }

  refused(messageId: string, text: string): void {
    this.conversation.refuse(messageId, () => {
      this.conversation.retry(messageId);
      this.link.send({ message_id: messageId, text: this.said.get(messageId) ?? "" });
    });
    this.notice(text);
    this.conversation.showTyping(false);
  }

  connected(connected: boolean): void {
    this.banner.connected(connected);
    if (!connected) this.conversation.showTyping(false);
  }

  renewed(): void {
    this.conversation.clear();
    this.notice(this.config.notices["session"] ?? "");
    for (const message of this.link.unsent) this.show(message.message_id, message.text);
  }

  notice(text: string): void {
    this.conversation.notice(text);
  }

  private say(text: string): void {
    const message = { message_id: newMessageId(), text };
    this.show(message.message_id, text);
    this.link.send(message);
  }

  private show(messageId: string, text: string): void {
    this.said.set(messageId, text);
    this.conversation.say(messageId, text);
    this.conversation.showTyping(true);
  }

  private askRestart(): void {
    const { texts } = this.config;
    const restart = (): void => {
      this.restart();
    };
    ask(texts.restart_question, [
      { label: texts.restart_yes, onPress: restart },
      { label: texts.restart_no, onPress: () => undefined },
    ]);
  }

  private restart(): void {
    this.said.clear();
    this.conversation.clear();
    this.composer.clear();
    this.link.restart();
    this.conversation.focus();
  }
}

const kiosk = new URLSearchParams(location.search).get("kiosk") === "1";
document.documentElement.classList.toggle("kiosk", kiosk);
new Chat(readConfig()).start(document.getElementById("app") ?? document.body, kiosk);
