/** The HTTP side of the API: opening a session, and the long poll for where WebSockets do not pass. */
import type { Outgoing } from "./memory";
import type { AckFrame, ErrorFrame, EventsFrame, Session, TranscriptFrame } from "./types";

const BASE = "/api/web";
const POLL_MS = 25_000;
const PATIENCE_MS = 12_000;
// A minute of speech is written down in less, also when a call keeps the recogniser busy.
const HEARING_MS = 90_000;

/** The server could not be reached, or answered with something that is not ours. */
export class Unreachable extends Error {}

let language = "";

/** From now on the server writes in the language of this tag. */
export function speakIn(tag: string): void {
  language = tag;
}

export function spokenLanguage(): string {
  return language;
}

export async function openSession(): Promise<Session | ErrorFrame> {
  return await call<Session | ErrorFrame>("POST", "/sessions", null, null, PATIENCE_MS);
}

export async function postMessage(token: string, message: Outgoing): Promise<AckFrame | ErrorFrame> {
  return await call<AckFrame | ErrorFrame>("POST", "/messages", token, message, PATIENCE_MS);
}

export async function postRecording(token: string, recording: Blob): Promise<TranscriptFrame | ErrorFrame> {
  return await call<TranscriptFrame | ErrorFrame>("POST", "/transcripts", token, recording, HEARING_MS);
}

export async function fetchSpeech(token: string, eventId: string): Promise<Blob> {
  const path = `/speech?event=${encodeURIComponent(eventId)}`;
  const response = await within(HEARING_MS, fetch(BASE + path, { headers: { Authorization: `Bearer ${token}` } }));
  if (!response.ok) throw new Unreachable();
  return await response.blob();
}

export async function poll(token: string, cursor: string, waitMs = POLL_MS): Promise<EventsFrame | ErrorFrame> {
  const path = `/events?cursor=${encodeURIComponent(cursor)}&wait_ms=${waitMs}`;
  return await call<EventsFrame | ErrorFrame>("GET", path, token, null, waitMs + PATIENCE_MS);
}

export function socketUrl(): string {
  return `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${BASE}/ws`;
}

function call<T>(method: string, path: string, token: string | null, body: unknown, patienceMs: number): Promise<T> {
  const query = `${path.includes("?") ? "&" : "?"}lang=${language}`;
  const sound = body instanceof Blob;
  const request = fetch(BASE + path + query, {
    method,
    credentials: "omit",
    cache: "no-store",
    headers: {
      ...(token === null ? {} : { Authorization: `Bearer ${token}` }),
      ...(body === null ? {} : { "Content-Type": sound ? body.type : "application/json" }),
    },
    ...(body === null ? {} : { body: sound ? body : JSON.stringify(body) }),
  }).then((response) => response.json() as Promise<T>);
  return within(patienceMs, request);
}

function within<T>(patienceMs: number, request: Promise<T>): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new Unreachable());
    }, patienceMs);
    request.then(
      (value) => {
        clearTimeout(timer);
        resolve(value);
      },
      () => {
        clearTimeout(timer);
        reject(new Unreachable());
      },
    );
  });
}
