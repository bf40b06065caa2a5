/** What the server sends; documented in docs/web-api.md. */

export interface Button {
  readonly title: string;
  readonly text: string;
}

export interface Source {
  readonly policy_id: string;
  readonly title: string;
  readonly document: string;
  readonly as_of: string;
  readonly url: string;
}

export interface LogEvent {
  readonly id: string;
  readonly type: "message" | "reply" | "notice";
  readonly at: string;
  readonly message_id: string;
  readonly text: string;
  readonly code: string;
  readonly buttons: readonly Button[];
  readonly sources: readonly Source[];
  readonly spoken: string;
  readonly index: number;
  readonly of: number;
}

export interface EventsFrame {
  readonly type: "events";
  readonly events: readonly LogEvent[];
  readonly cursor: string;
  readonly pending: number;
}

export interface AckFrame {
  readonly type: "ack";
  readonly message_id: string;
  readonly status: "accepted" | "repeat";
}

export interface ErrorFrame {
  readonly type: "error";
  readonly error: { readonly code: string; readonly message: string; readonly message_id?: string };
}

export interface TranscriptFrame {
  readonly type: "transcript";
  readonly text: string;
}

export type Frame = EventsFrame | AckFrame | ErrorFrame;

export interface Session {
  readonly token: string;
  readonly conversation_id: string;
}
