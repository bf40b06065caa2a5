/**
 * What survives a reload. The session is kept for the tab only: a phone may be lent and a station's screen is
 * shared. The font size is not personal and is kept.
 */
import type { Session } from "./types";

const SESSION = "nuanye.session";
const OUTBOX = "nuanye.outbox";
const FONT = "nuanye.font";

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
    return (read(localStore(), FONT) as number | null) ?? 0;
  },
  keepFontSize(size: number): void {
    write(localStore(), FONT, size);
  },
};

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
