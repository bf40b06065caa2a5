/** The entries that the page shows, from the events of the log. Pure: lists in, lists out. */

/**
 * @typedef {object} Entry
 * @property {string} id the event's id, or the message's own before the server has it
 * @property {string} messageId
 * @property {"mine" | "theirs" | "notice"} side
 * @property {string} text
 * @property {string} state of a message of mine: sending, sent, unsent
 * @property {{ title: string, text: string }[]} buttons
 * @property {{ title: string, document: string, as_of: string, url: string }[]} sources
 */

/** @param {string} messageId @param {string} text @returns {Entry} */
function mine(messageId, text) {
  return { id: messageId, messageId, side: "mine", text, state: "sending", buttons: [], sources: [] };
}

/** @param {string} text @param {number} number @returns {Entry} */
function notice(text, number) {
  return { id: `n${number}`, messageId: "", side: "notice", text, state: "", buttons: [], sources: [] };
}

/**
 * Adds events of the log; what is there already is passed over.
 * @param {Entry[]} entries @param {any[]} events @returns {Entry[]}
 */
function withEvents(entries, events) {
  let all = entries;
  for (const event of events) {
    if (all.some((entry) => entry.id === event.id)) continue;
    const own = event.type === "message";
    const sent = all.findIndex((entry) => own && entry.side === "mine" && entry.messageId === event.message_id);
    /** @type {Entry} */
    const entry = {
      id: event.id,
      messageId: event.message_id,
      side: own ? "mine" : event.type === "reply" ? "theirs" : "notice",
      text: event.text,
      state: own ? "sent" : "",
      buttons: event.buttons,
      sources: event.sources,
    };
    all = sent < 0 ? [...all, entry] : all.map((old, index) => (index === sent ? entry : old));
  }
  return all;
}

/** @param {Entry[]} entries @param {string} messageId @param {string} state @returns {Entry[]} */
function withState(entries, messageId, state) {
  return entries.map((entry) => (entry.side === "mine" && entry.messageId === messageId ? Object.assign({}, entry, { state }) : entry));
}

/** Only the newest answer's buttons can be pressed; the greeting's suggestions always. @param {Entry[]} entries */
function pressable(entries) {
  const last = entries.map((entry) => entry.side).lastIndexOf("mine");
  return entries.map((entry, index) =>
    Object.assign({}, entry, { open: entry.buttons.length > 0 && (index > last || entry.messageId === "start") }),
  );
}

module.exports = { mine, notice, pressable, withEvents, withState };
