/** Sentences come from dialogues/doors.yml: the server writes them into the page. */

export interface Texts {
  readonly product: string;
  readonly tagline: string;
  readonly agency: string;
  readonly hotline: string;
  readonly skip: string;
  readonly conversation: string;
  readonly composer: string;
  readonly placeholder: string;
  readonly send: string;
  readonly too_long: string;
  readonly typing: string;
  readonly said_by_you: string;
  readonly said_by_bot: string;
  readonly staff: string;
  readonly suggestions: string;
  readonly sources: string;
  readonly as_of: string;
  readonly open_source: string;
  readonly opens_new_window: string;
  readonly font_size: string;
  readonly font_sizes: readonly string[];
  readonly restart: string;
  readonly restart_question: string;
  readonly restart_yes: string;
  readonly restart_no: string;
  readonly offline: string;
  readonly online: string;
  readonly sending: string;
  readonly unsent: string;
  readonly resend: string;
  readonly jump_to_latest: string;
  readonly today: string;
  readonly yesterday: string;
  readonly idle_question: string;
  readonly idle_stay: string;
  readonly call_hotline: string;
  readonly about_title: string;
  readonly about_items: readonly string[];
  readonly privacy_title: string;
  readonly privacy_note: string;
  readonly disclaimer: string;
  readonly language: string;
  readonly speak: string;
  readonly speak_end: string;
  readonly speak_cancel: string;
  readonly listening: string;
  readonly writing_down: string;
  readonly written_down: string;
  readonly no_microphone: string;
  readonly read_aloud: string;
  readonly read_stop: string;
  readonly read_unable: string;
}

export interface Language {
  /** BCP 47; the server's parameter `lang`. */
  readonly tag: string;
  readonly name: string;
  readonly texts: Texts;
  readonly notices: Readonly<Record<string, string>>;
}

export interface Config {
  /** The first is the default. */
  readonly languages: readonly [Language, ...Language[]];
  readonly maxText: number;
  /** Whether the server hears recordings, and whether it reads answers aloud. */
  readonly voice: boolean;
  readonly aloud: boolean;
}

export function readConfig(): Config {
  const holder = document.getElementById("config");
  return JSON.parse(holder?.textContent ?? "{}") as Config;
}

/** Fills `{name}` placeholders. */
export function fill(template: string, values: Readonly<Record<string, string | number>>): string {
  return template.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}
