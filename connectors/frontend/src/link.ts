/**
 * Keeps the page in step with its conversation. Messages carry ids made here and are repeated until the server
 * has acknowledged them; what the server says is read from a cursor. So a broken connection can be mended at any
 * point without a message lost or shown twice. A WebSocket is tried first, the long poll where it does not pass.
 */
import { openSession, poll, postMessage, socketUrl, spokenLanguage } from "./api";
import { memory, type Outgoing } from "./memory";
import type { AckFrame, ErrorFrame, EventsFrame, Frame } from "./types";

export interface Listener {
  events(frame: EventsFrame): void;
  acknowledged(messageId: string): void;
  /** The server took a message for wrong: it is not repeated. */
  refused(messageId: string, text: string): void;
  connected(connected: boolean): void;
  /** The conversation was too old: what follows belongs to a new one. */
  renewed(): void;
  notice(text: string): void;
}

const START = "0-0";
const UNAUTHORISED = 4401;
const ACK_MS = 8_000;
const RETRY_MS = [300, 800, 1_500, 3_000, 5_000, 8_000];
const SOCKET_TRIES = 2;
const OPEN_MS = 6_000;
const PASSING = new Set(["queue.unavailable", "inbox.busy", "inbox.crowded", "session.too_many"]);

export class Link {
  private readonly onOnline = (): void => {
    this.retryNow();
  };
  private readonly onOffline = (): void => {
    this.fail(this.generation);
  };
  private readonly onVisible = (): void => {
    if (!document.hidden && !this.ready) this.retryNow();
  };
  private cursor = START;
  private generation = 0;
  private failures = 0;
  private socketFailures = 0;
  private socket: WebSocket | null = null;
  private ready = false;
  private retryTimer = 0;
  private ackTimer = 0;
  private polling = false;
  private outbox: Outgoing[] = memory.outbox();

  constructor(private readonly listener: Listener) {
    window.addEventListener("online", this.onOnline);
    window.addEventListener("offline", this.onOffline);
    document.addEventListener("visibilitychange", this.onVisible);
  }

  /** Lets go for good; the conversation stays for another link. */
  stop(): void {
    window.removeEventListener("online", this.onOnline);
    window.removeEventListener("offline", this.onOffline);
    document.removeEventListener("visibilitychange", this.onVisible);
    this.drop();
  }

  get unsent(): readonly Outgoing[] {
    return this.outbox;
  }

  start(): void {
    this.connect();
  }

  send(message: Outgoing): void {
    this.outbox = [...this.outbox.filter((item) => item.message_id !== message.message_id), message];
    memory.keepOutbox(this.outbox);
    if (this.ready) this.deliver(message);
  }

  /** Forgets the conversation and opens a new one. */
  restart(): void {
    this.outbox = [];
    memory.keepOutbox([]);
    memory.keepSession(null);
    this.drop();
    this.cursor = START;
    this.failures = 0;
    this.connect();
  }

  private connect(): void {
    const generation = ++this.generation;
    const session = memory.session();
    if (session === null) {
      openSession().then(
        (answer) => {
          if (generation === this.generation) this.opened(answer);
        },
        () => {
          this.fail(generation);
        },
      );
    } else if (this.socketFailures < SOCKET_TRIES && "WebSocket" in window) {
      this.openSocket(session.token, generation);
    } else {
      // The next reconnection tries the socket again.
      this.socketFailures = 0;
      void this.poll(session.token, generation);
    }
  }

  private opened(answer: Awaited<ReturnType<typeof openSession>>): void {
    if ("error" in answer) {
      this.listener.notice(answer.error.message);
      this.fail(this.generation);
      return;
    }
    memory.keepSession(answer);
    this.cursor = START;
    this.connect();
  }

  private openSocket(token: string, generation: number): void {
    const socket = new WebSocket(socketUrl());
    this.socket = socket;
    let greeted = false;
    const slow = window.setTimeout(() => {
      if (!greeted) socket.close();
    }, OPEN_MS);
    socket.onopen = () => {
      socket.send(JSON.stringify({ type: "hello", token, cursor: this.cursor, lang: spokenLanguage() }));
    };
    socket.onmessage = (message: MessageEvent<string>) => {
      if (generation !== this.generation) return;
      const frame = JSON.parse(message.data) as Frame;
      this.take(frame);
      if (frame.type === "events" && !greeted) {
        greeted = true;
        this.socketFailures = 0;
        this.becomeReady();
      }
    };
    socket.onclose = (event) => {
      window.clearTimeout(slow);
      if (generation !== this.generation) return;
      if (event.code === UNAUTHORISED) {
        this.renew();
        return;
      }
      if (!greeted) this.socketFailures += 1;
      this.fail(generation);
    };
  }

  private async poll(token: string, generation: number): Promise<void> {
    this.polling = true;
    try {
      let waitMs = 0;
      while (generation === this.generation) {
        const frame = await poll(token, this.cursor, waitMs);
        // A restart while the answer was under way changes the generation.
        if (!this.isCurrent(generation)) return;
        if (frame.type === "error") {
          this.take(frame);
          if (frame.error.code !== "session.invalid") this.fail(generation);
          return;
        }
        this.take(frame);
        if (waitMs === 0) this.becomeReady();
        waitMs = 25_000;
      }
    } catch {
      this.fail(generation);
    }
  }

  private isCurrent(generation: number): boolean {
    return generation === this.generation;
  }

  private take(frame: Frame): void {
    if (frame.type === "events") {
      this.cursor = frame.cursor;
      for (const event of frame.events) if (event.type === "message") this.settle(event.message_id);
      this.listener.events(frame);
    } else if (frame.type === "ack") {
      this.settle(frame.message_id);
    } else {
      this.takeError(frame);
    }
  }

  private takeError(frame: ErrorFrame): void {
    const { code, message, message_id: messageId } = frame.error;
    if (code === "session.invalid") {
      this.renew();
    } else if (messageId === undefined) {
      if (!PASSING.has(code)) this.listener.notice(message);
    } else if (PASSING.has(code)) {
      window.clearTimeout(this.ackTimer);
      this.ackTimer = 0;
      this.listener.notice(message);
      window.setTimeout(() => {
        this.deliverAll();
      }, 5_000);
    } else {
      this.settle(messageId, false);
      this.listener.refused(messageId, message);
    }
  }

  private deliver(message: Outgoing): void {
    if (this.polling) {
      const generation = this.generation;
      const token = memory.session()?.token ?? "";
      postMessage(token, message).then(
        (answer: AckFrame | ErrorFrame) => {
          if (generation === this.generation) this.take(answer);
        },
        () => {
          this.fail(generation);
        },
      );
      return;
    }
    this.socket?.send(JSON.stringify({ type: "message", ...message }));
    this.awaitAck();
  }

  /** A connection that died without a word is noticed by the missing acknowledgement. */
  private awaitAck(): void {
    window.clearTimeout(this.ackTimer);
    this.ackTimer = 0;
    if (this.polling || this.outbox.length === 0) return;
    this.ackTimer = window.setTimeout(() => {
      this.fail(this.generation);
    }, ACK_MS);
  }

  private deliverAll(): void {
    if (this.ready) for (const message of this.outbox) this.deliver(message);
  }

  private settle(messageId: string, sent = true): void {
    if (!this.outbox.some((item) => item.message_id === messageId)) return;
    this.outbox = this.outbox.filter((item) => item.message_id !== messageId);
    memory.keepOutbox(this.outbox);
    this.awaitAck();
    if (sent) this.listener.acknowledged(messageId);
  }

  private becomeReady(): void {
    this.ready = true;
    this.failures = 0;
    this.listener.connected(true);
    this.deliverAll();
  }

  private renew(): void {
    memory.keepSession(null);
    this.drop();
    this.cursor = START;
    this.listener.renewed();
    this.connect();
  }

  private fail(generation: number): void {
    if (generation !== this.generation) return;
    this.drop();
    this.listener.connected(false);
    const pause = RETRY_MS[Math.min(this.failures, RETRY_MS.length - 1)] ?? 0;
    this.failures += 1;
    // A jitter, so that a restarted server is not met by everybody at once.
    this.retryTimer = window.setTimeout(
      () => {
        this.connect();
      },
      pause * (0.75 + Math.random() / 2),
    );
  }

  private retryNow(): void {
    if (this.ready) return;
    this.drop();
    this.failures = 0;
    this.connect();
  }

  /** Lets go of the connection; whatever it still delivers belongs to an old generation. */
  private drop(): void {
    this.generation += 1;
    window.clearTimeout(this.retryTimer);
    window.clearTimeout(this.ackTimer);
    this.ackTimer = 0;
    this.ready = false;
    this.polling = false;
    this.socket?.close();
    this.socket = null;
  }
}
