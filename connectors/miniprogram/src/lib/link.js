/**
 * Keeps the page in step with its conversation: messages have ids made here and are repeated until acknowledged;
 * everything else is read from a cursor. So a cut at any point loses and doubles nothing. A long poll, because
 * it needs no second domain on the platform's list and passes every network that the mini program itself does.
 */

const START = "0-0";
const RETRY_MS = [300, 800, 1500, 3000, 5000, 8000];
/** Refusals that pass by themselves: the message is repeated later. */
const PASSING = ["queue.unavailable", "inbox.busy", "inbox.crowded", "session.too_many"];
const AGAIN_MS = 5000;

/**
 * @typedef {import("./api").Outgoing} Outgoing
 * @typedef {import("./api").Frame} Frame
 * @typedef {object} Api
 * @property {() => Promise<Frame & { token?: string }>} open
 * @property {(token: string, message: Outgoing) => Promise<Frame>} say
 * @property {(token: string, cursor: string, wait: boolean) => Promise<Frame>} events
 * @typedef {object} Store
 * @property {(name: string) => any} get
 * @property {(name: string, value: any) => void} put
 * @typedef {object} Listener
 * @property {(events: any[], pending: number) => void} events
 * @property {(messageId: string) => void} sent
 * @property {(messageId: string, text: string) => void} refused
 * @property {(connected: boolean) => void} connected
 * @property {() => void} renewed
 * @property {(text: string) => void} notice
 */

class Link {
  /** @param {Api} api @param {Store} store @param {Listener} listener @param {(ms: number) => Promise<void>} pause */
  constructor(api, store, listener, pause) {
    this.api = api;
    this.store = store;
    this.listener = listener;
    this.pause = pause;
    this.cursor = START;
    this.generation = 0;
    this.failures = 0;
    /** @type {Outgoing[]} */
    this.outbox = store.get("outbox") || [];
  }

  get token() {
    return this.store.get("token") || "";
  }

  /** Begins, or goes on after `stop`. Returns when stopped. */
  async run() {
    const generation = ++this.generation;
    let first = true;
    while (generation === this.generation) {
      try {
        if (!this.token) await this.open();
        const frame = await this.api.events(this.token, this.cursor, !first);
        if (generation !== this.generation) return;
        if (!this.take(frame)) {
          first = true;
          await this.pause(RETRY_MS[0]);
          continue;
        }
        if (first) this.arrived();
        first = false;
      } catch (error) {
        if (generation !== this.generation) return;
        first = true;
        this.listener.connected(false);
        await this.pause(RETRY_MS[Math.min(this.failures++, RETRY_MS.length - 1)]);
      }
    }
  }

  stop() {
    this.generation += 1;
  }

  /** @param {Outgoing} message */
  async send(message) {
    this.keep([...this.outbox.filter((item) => item.message_id !== message.message_id), message]);
    await this.deliver(message);
  }

  /** Forgets the conversation; `run` then opens a new one. */
  forget() {
    this.stop();
    this.keep([]);
    this.store.put("token", null);
    this.cursor = START;
    this.failures = 0;
  }

  /** Reads everything again, in another writing. */
  rewind() {
    this.stop();
    this.cursor = START;
  }

  async open() {
    const answer = await this.api.open();
    if (!answer.token) {
      if (answer.type === "error") this.listener.notice(answer.error.message);
      throw new Error("no session");
    }
    this.store.put("token", answer.token);
    this.cursor = START;
  }

  arrived() {
    this.failures = 0;
    this.listener.connected(true);
    for (const message of this.outbox) this.deliver(message);
  }

  /** @param {Outgoing} message */
  async deliver(message) {
    if (!this.token) return;
    try {
      this.take(await this.api.say(this.token, message));
    } catch (error) {
      // The poll notices too; its next success delivers everything again.
      this.listener.connected(false);
      const generation = this.generation;
      await this.pause(RETRY_MS[2]);
      if (generation === this.generation && this.outbox.includes(message)) await this.deliver(message);
    }
  }

  /** Returns false when the conversation has to be opened anew. @param {Frame} frame */
  take(frame) {
    if (frame.type === "events") {
      this.cursor = frame.cursor;
      for (const event of frame.events) if (event.type === "message") this.settle(event.message_id, true);
      this.listener.events(frame.events, frame.pending);
    } else if (frame.type === "ack") {
      this.settle(frame.message_id, true);
    } else {
      return this.refuse(frame.error);
    }
    return true;
  }

  /** @param {{ code: string, message: string, message_id?: string }} error */
  refuse(error) {
    if (error.code === "session.invalid") {
      this.store.put("token", null);
      this.cursor = START;
      this.listener.renewed();
      return false;
    }
    const message = this.outbox.find((item) => item.message_id === error.message_id);
    if (PASSING.includes(error.code)) {
      this.listener.notice(error.message);
      if (message) this.again(message);
    } else if (message) {
      this.settle(message.message_id, false);
      this.listener.refused(message.message_id, error.message);
    } else {
      this.listener.notice(error.message);
      return false;
    }
    return true;
  }

  /** @param {Outgoing} message */
  async again(message) {
    await this.pause(AGAIN_MS);
    if (this.outbox.includes(message)) await this.deliver(message);
  }

  /** @param {string} messageId @param {boolean} sent */
  settle(messageId, sent) {
    if (!this.outbox.some((item) => item.message_id === messageId)) return;
    this.keep(this.outbox.filter((item) => item.message_id !== messageId));
    if (sent) this.listener.sent(messageId);
  }

  /** @param {Outgoing[]} outbox */
  keep(outbox) {
    this.outbox = outbox;
    this.store.put("outbox", outbox.length > 0 ? outbox : null);
  }
}

module.exports = { Link };
