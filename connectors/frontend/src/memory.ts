/**
 * What survives a reload. The session is kept for the tab only: a phone may be lent and a station's screen is
 * shared. Font size and language are not personal and are kept on the device, but not on a station's screen.
 */
import type { Session } from "./types";

const SESSION = "nuanye.session";
const OUTBOX = "nuanye.outbox";
const FONT = "nuanye.font";
const LANGUAGE = "nuanye.language";

let shared = false;

export interface Outgoing {
  readonly message_id: string;
  readonly text: string;
}

export const memory = {
  session(): Session | null {
    return read(sessionStore(), SESSION) as Session | null;
  },
  keepSession(session: Session | null): void {
    write(sessionStore(), SESSION, session);
  },
  outbox(): Outgoing[] {
    return (read(sessionStore(), OUTBOX) as Outgoing[] | null) ?? [];
  },
  keepOutbox(messages: readonly Outgoing[]): void {
    write(sessionStore(), OUTBOX, messages.length > 0 ? messages : null);
  },
  fontSize(): number {
    return (read(taste(), FONT) as number | null) ?? 0;
  },
  keepFontSize(size: number): void {
    write(taste(), FONT, size);
  },
  language(): string {
    return (read(taste(), LANGUAGE) as string | null) ?? "";
  },
  keepLanguage(tag: string): void {
    write(taste(), LANGUAGE, tag);
  },
  /** On a station's screen the next person finds everything as it was. */
  share(): void {
    shared = true;
  },
  forgetTaste(): void {
    write(taste(), FONT, null);
    write(taste(), LANGUAGE, null);
  },
};

function taste(): Storage | null {
  return shared ? sessionStore() : localStore();
}

// Browsers that forbid storage throw on the mere access.
function sessionStore(): Storage | null {
  try {
    return window.sessionStorage;
  } catch {
    return null;
  }
}

function localStore(): Storage | null {
  try {
    return window.localStorage;
  } catch {
    return null;
  }
}

function read(store: Storage | null, key: string): unknown {
  try {
    return JSON.parse(store?.getItem(key) ?? "null") as unknown;
  } catch {
    return null;
  }
}

function write(store: Storage | null, key: string, value: unknown): void {
  try {
    if (value === null) store?.removeItem(key);
    else store?.setItem(key, JSON.stringify(value));
  } catch {
    // A full or forbidden store costs the resumption after a reload, nothing else.
  }
}

/** An id for one message: 96 random bits. */
export function newMessageId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return `m_${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}
