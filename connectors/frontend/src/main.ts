/** Joins the connection and the view. */
import { Aloud } from "./aloud";
import { speakIn } from "./api";
import { Composer } from "./composer";
import { readConfig, type Config, type Language } from "./config";
import { Conversation } from "./conversation";
import { ask } from "./dialog";
import { el } from "./dom";
import { tellSite } from "./framed";
import { aside, Banner, header, skipLink } from "./frame";
import { watchIdle } from "./kiosk";
import { Link, type Listener } from "./link";
import { memory, newMessageId } from "./memory";
import type { EventsFrame } from "./types";
import "./style.css";

interface Setting {
  readonly config: Config;
  readonly language: Language;
  readonly kiosk: boolean;
  /** Shows everything again: in another language, or as for the next person. */
  readonly again: (draft: string) => void;
}

class Chat implements Listener {
  private readonly conversation: Conversation;
  private readonly composer: Composer;
  private readonly banner: Banner;
  private readonly link: Link;
  private readonly aloud: Aloud;
  private readonly said = new Map<string, string>();
  private unwatch: () => void = () => undefined;

  constructor(private readonly setting: Setting) {
    const { config, language } = setting;
    const { texts, tag } = language;
    const token = (): string | null => memory.session()?.token ?? null;
    this.aloud = new Aloud({ tag, token, served: config.aloud });
    const onPress = (text: string): void => {
      // The pressed button may go away; the log is where the answer will be.
      this.conversation.focus();
      this.say(text);
    };
    this.conversation = new Conversation(texts, { onPress, aloud: this.aloud });
    const onSend = (text: string): void => {
      this.say(text);
    };
    this.composer = new Composer(texts, config.maxText, onSend, config.voice ? token : null);
    this.banner = new Banner(texts);
    this.link = new Link(this);
  }

  start(root: HTMLElement, draft: string): void {
    const { config, language, kiosk } = this.setting;
    const { texts } = language;
    const foot = el("div", { class: "foot" }, this.conversation.jump, this.composer.node);
    const column = el("div", { class: "column" }, this.banner.node, this.conversation.node, foot);
    const top = header({
      languages: config.languages,
      language,
      onLanguage: (chosen) => {
        memory.keepLanguage(chosen.tag);
        this.again(this.composer.draft);
      },
      onRestart: () => {
        this.askRestart();
      },
    });
    for (const node of [skipLink(texts), top, el("div", { class: "middle" }, aside(texts), column)]) root.appendChild(node);
    this.composer.draft = draft;
    for (const message of this.link.unsent) this.show(message.message_id, message.text);
    if (kiosk) {
      const used = (): boolean => this.said.size > 0 || this.composer.draft !== "" || memory.language() !== "" || memory.fontSize() > 0;
      this.unwatch = watchIdle(texts, used, () => {
        memory.forgetTaste();
        this.restart();
        this.again("");
      });
    }
    this.link.start();
  }

  events(frame: EventsFrame): void {
    for (const event of frame.events) if (event.type === "message") this.said.set(event.message_id, event.text);
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
    this.notice(this.setting.language.notices["session"] ?? "");
    for (const message of this.link.unsent) this.show(message.message_id, message.text);
  }

  notice(text: string): void {
    this.conversation.notice(text);
  }

  private say(text: string): void {
    this.aloud.stop();
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
    const { texts } = this.setting.language;
    const restart = (): void => {
      this.restart();
    };
    ask(texts.restart_question, [
      { label: texts.restart_yes, onPress: restart },
      { label: texts.restart_no, onPress: () => undefined },
    ]);
  }

  private restart(): void {
    this.aloud.stop();
    this.composer.stop();
    this.said.clear();
    this.conversation.clear();
    this.composer.clear();
    this.link.restart();
    this.conversation.focus();
  }

  private again(draft: string): void {
    this.aloud.stop();
    this.composer.stop();
    this.link.stop();
    this.unwatch();
    this.setting.again(draft);
  }
}

function show(config: Config, kiosk: boolean, draft: string): void {
  const language = config.languages.find(({ tag }) => tag === memory.language()) ?? config.languages[0];
  const root = document.getElementById("app") ?? document.body;
  root.textContent = "";
  document.documentElement.lang = language.tag;
  speakIn(language.tag);
  const again = (kept: string): void => {
    show(config, kiosk, kept);
    document.querySelector<HTMLElement>("select.language")?.focus();
  };
  new Chat({ config, language, kiosk, again }).start(root, draft);
}

const kiosk = new URLSearchParams(location.search).get("kiosk") === "1";
document.documentElement.classList.toggle("kiosk", kiosk);
if (kiosk) memory.share();
show(readConfig(), kiosk, "");
tellSite();
if ("serviceWorker" in navigator && window.isSecureContext) void navigator.serviceWorker.register("/sw.js");
