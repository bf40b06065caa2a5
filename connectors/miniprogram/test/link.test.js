"use strict";

const assert = require("node:assert/strict");
const { test } = require("node:test");

const { mine, pressable, withEvents, withState } = require("../src/lib/entries");
const { messageId } = require("../src/lib/ids");
const { Link } = require("../src/lib/link");

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** A server that keeps a log, and can be away. */
class FakeDoor {
  constructor() {
    this.log = [];
    this.taken = [];
    this.away = false;
    this.refuse = null;
    this.sessions = 0;
    this.waiting = [];
  }

  reach() {
    if (this.away) throw new Error("unreachable");
  }

  async open() {
    this.reach();
    this.sessions += 1;
    return { token: `t${this.sessions}` };
  }

  async say(token, message) {
    this.reach();
    if (this.refuse) return { type: "error", error: { ...this.refuse, message_id: message.message_id } };
    const repeat = this.taken.includes(message.message_id);
    if (!repeat) this.add("message", message.text, message.message_id);
    this.taken.push(message.message_id);
    return { type: "ack", message_id: message.message_id, status: repeat ? "repeat" : "accepted" };
  }

  async events(token, cursor, wait) {
    this.reach();
    if (token !== `t${this.sessions}`) return { type: "error", error: { code: "session.invalid", message: "" } };
    const place = Number(cursor.split("-")[0]);
    if (wait && place === this.log.length) await new Promise((resolve) => this.waiting.push(resolve));
    this.reach();
    return { type: "events", events: this.log.slice(place), cursor: `${this.log.length}-0`, pending: 0 };
  }

  add(type, text, id) {
    this.log.push({ id: `${this.log.length + 1}-0`, type, text, message_id: id, buttons: [], sources: [] });
    this.wake();
  }

  wake() {
    for (const resolve of this.waiting.splice(0)) resolve();
  }
}

function arrive(door, kept = {}) {
  const seen = { events: [], sent: [], refused: [], connected: [], renewed: 0, notices: [], pauses: [] };
  const store = { get: (name) => kept[name] ?? null, put: (name, value) => { kept[name] = value; } };
  const listener = {
    events: (events) => seen.events.push(...events.map((event) => event.text)),
    sent: (id) => seen.sent.push(id),
    refused: (id) => seen.refused.push(id),
    connected: (connected) => seen.connected.push(connected),
    renewed: () => { seen.renewed += 1; },
    notice: (text) => seen.notices.push(text),
  };
  const pause = async (ms) => {
    seen.pauses.push(ms);
    await turn();
  };
  return { link: new Link(door, store, listener, pause), seen, kept };
}

async function until(done) {
  for (let tries = 0; tries < 500; tries += 1) {
    if (done()) return;
    await turn();
  }
  assert.fail("did not happen");
}

test("a message is acknowledged and its answer read once", async () => {
  const door = new FakeDoor();
  const { link, seen } = arrive(door);
  link.run();
  await until(() => seen.connected.includes(true));
  await link.send({ message_id: "m1", text: "您好" });
  door.add("reply", "收到", "m1");
  await until(() => seen.events.includes("收到"));
  assert.deepEqual(seen.events, ["您好", "收到"]);
  assert.deepEqual(seen.sent, ["m1"]);
  link.stop();
  door.wake();
});

test("what was written without a network is sent once it is back, and only once", async () => {
  const door = new FakeDoor();
  const { link, seen, kept } = arrive(door);
  link.run();
  await until(() => seen.connected.includes(true));
  door.away = true;
  door.wake();
  link.send({ message_id: "m1", text: "在吗" });
  await until(() => seen.pauses.length > 8);
  assert.deepEqual(kept.outbox, [{ message_id: "m1", text: "在吗" }]);
  assert.ok(Math.max(...seen.pauses) <= 8000);
  door.away = false;
  await until(() => seen.sent.length === 1);
  assert.deepEqual(door.log.map((event) => event.text), ["在吗"]);
  assert.equal(kept.outbox, null);
  link.stop();
  door.wake();
});

test("a closed and opened page goes on with what it had not sent", async () => {
  const door = new FakeDoor();
  const { link, seen } = arrive(door, { outbox: [{ message_id: "m7", text: "早" }] });
  link.run();
  await until(() => seen.sent.length === 1);
  assert.deepEqual(door.taken, ["m7"]);
  link.stop();
  door.wake();
});

test("an expired conversation is opened anew and says so", async () => {
  const door = new FakeDoor();
  const { link, seen } = arrive(door, { token: "old" });
  link.run();
  await until(() => seen.connected.includes(true));
  assert.equal(seen.renewed, 1);
  assert.equal(link.token, "t1");
  link.stop();
  door.wake();
});

test("a refusal for good is shown, one that passes is repeated", async () => {
  const door = new FakeDoor();
  const { link, seen } = arrive(door);
  link.run();
  await until(() => seen.connected.includes(true));
  door.refuse = { code: "input.too_large", message: "太长" };
  await link.send({ message_id: "m1", text: "长" });
  assert.deepEqual(seen.refused, ["m1"]);
  assert.deepEqual(link.outbox, []);
  door.refuse = { code: "inbox.crowded", message: "请等一等" };
  await link.send({ message_id: "m2", text: "还有" });
  door.refuse = null;
  await until(() => seen.sent.includes("m2"));
  assert.deepEqual(seen.notices, ["请等一等"]);
  assert.ok(seen.pauses.includes(5000));
  link.stop();
  door.wake();
});

test("entries: each event once, my message takes its event's place, old buttons close", () => {
  const greeting = { id: "1-0", type: "reply", message_id: "start", text: "您好", buttons: [{ title: "问", text: "问" }], sources: [] };
  const echo = { id: "2-0", type: "message", message_id: "m1", text: "补贴", buttons: [], sources: [] };
  const answer = { ...greeting, id: "3-0", message_id: "m1", text: "可以" };
  let all = withEvents([], [greeting]);
  all = [...all, mine("m1", "补贴")];
  assert.equal(withState(all, "m1", "unsent")[1].state, "unsent");
  all = withEvents(withEvents(all, [greeting, echo, answer]), [answer]);
  assert.deepEqual(all.map((entry) => [entry.id, entry.side, entry.state]), [["1-0", "theirs", ""], ["2-0", "mine", "sent"], ["3-0", "theirs", ""]]);
  assert.deepEqual(pressable(all).map((entry) => entry.open), [true, false, true]);
  assert.deepEqual(pressable([...all, mine("m2", "好")]).map((entry) => entry.open), [true, false, false, false]);
});

test("ids are of the form the server takes, and differ", () => {
  const ids = new Set(Array.from({ length: 100 }, () => messageId(1_800_000_000_000, 0.5)));
  assert.equal(ids.size, 100);
  for (const id of ids) assert.match(id, /^[A-Za-z0-9_-]{1,64}$/);
});
