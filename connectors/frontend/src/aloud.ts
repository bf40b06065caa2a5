/** Reading answers aloud, one at a time: by the device's own voice, or by the server's where it has none. */
import { fetchSpeech } from "./api";
import type { LogEvent } from "./types";

// Chromium stops a long utterance of its own accord; sentences are short enough.
const SENTENCE = /[^。！？；\n]+[。！？；]?/g;

export interface Voice {
  readonly tag: string;
  token(): string | null;
  /** Whether the server has a voice for devices without one. */
  readonly served: boolean;
}

export class Aloud {
  private running: { stop(): void } | null = null;

  constructor(private readonly voice: Voice) {}

  get possible(): boolean {
    return this.voice.served || deviceVoice(this.voice.tag) !== null;
  }

  /** Reads `event`; `ended` is called once, with false when it could not be read. */
  read(event: LogEvent, ended: (read: boolean) => void): void {
    this.stop();
    const voice = deviceVoice(this.voice.tag);
    this.running = voice === null ? this.byServer(event, ended) : byDevice(spoken(event), voice, ended);
  }

  stop(): void {
    this.running?.stop();
    this.running = null;
  }

  private byServer(event: LogEvent, ended: (read: boolean) => void): { stop(): void } {
    const finish = once(ended);
    const player = new Audio();
    let address = "";
    let stopped = false;
    const stop = (read: boolean): void => {
      stopped = true;
      player.pause();
      if (address !== "") URL.revokeObjectURL(address);
      address = "";
      finish(read);
    };
    // Pressed just now: a player that is touched later would be silenced by the browser.
    player.load();
    fetchSpeech(this.voice.token() ?? "", event.id)
      .then((sound) => {
        if (stopped) return undefined;
        address = URL.createObjectURL(sound);
        player.src = address;
        player.onended = () => {
          stop(true);
        };
        return player.play();
      })
      .catch(() => {
        stop(false);
      });
    return {
      stop: () => {
        stop(true);
      },
    };
  }
}

function byDevice(text: string, voice: SpeechSynthesisVoice, ended: (read: boolean) => void): { stop(): void } {
  const finish = once(ended);
  const rest = text.match(SENTENCE) ?? [];
  const next = (): void => {
    const sentence = rest.shift();
    if (sentence === undefined) {
      finish(true);
      return;
    }
    const utterance = new SpeechSynthesisUtterance(sentence);
    utterance.voice = voice;
    utterance.lang = voice.lang;
    utterance.rate = 0.9;
    utterance.onend = next;
    utterance.onerror = () => {
      rest.length = 0;
      finish(false);
    };
    speechSynthesis.speak(utterance);
  };
  next();
  return {
    stop: () => {
      rest.length = 0;
      finish(true);
      speechSynthesis.cancel();
    },
  };
}

/** A Chinese voice of this device: of the wished language if there is one, never Cantonese for Mandarin. */
function deviceVoice(tag: string): SpeechSynthesisVoice | null {
  if (!("speechSynthesis" in window)) return null;
  const voices = speechSynthesis.getVoices();
  const wanted = tag === "yue-HK" ? [/^yue/i, /^zh[-_]HK/i] : tag === "zh-TW" ? [/^zh[-_]TW/i, /^(cmn|zh[-_]CN)/i] : [/^(cmn|zh[-_]CN)/i];
  for (const pattern of wanted) {
    const found = voices.find((voice) => pattern.test(voice.lang));
    if (found !== undefined) return found;
  }
  return null;
}

/** What is said of an answer: no addresses, no list marks. */
function spoken(event: LogEvent): string {
  if (event.spoken !== "") return event.spoken;
  return event.text.replace(/https?:\/\/\S+/g, "").replace(/[（(][^（()）]*[)）]/g, "");
}

function once(act: (read: boolean) => void): (read: boolean) => void {
  let done = false;
  return (read) => {
    if (done) return;
    done = true;
    act(read);
  };
}
