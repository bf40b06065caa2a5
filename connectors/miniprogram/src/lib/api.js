/** The web chat API (docs/web-api.md) by wx.request. */

const POLL_MS = 25000;
const PATIENCE_MS = 12000;
const HEARING_MS = 90000;

/**
 * @typedef {{ type: string, [name: string]: any }} Frame
 * @typedef {{ message_id: string, text: string }} Outgoing
 */

/**
 * One request; rejects when the server was not reached or answered with something that is not ours.
 * @param {string} base
 * @param {{ method?: "GET" | "POST", path: string, token?: string, data?: any, type?: string, timeout?: number }} call
 * @returns {Promise<any>}
 */
function request(base, call) {
  return new Promise((resolve, reject) => {
    /** @type {Record<string, string>} */
    const header = { "Content-Type": call.type || "application/json" };
    if (call.token) header.Authorization = `Bearer ${call.token}`;
    wx.request({
      url: `${base}/api/web${call.path}`,
      method: call.method || "GET",
      data: call.data,
      header,
      timeout: call.timeout || PATIENCE_MS,
      success: ({ data }) => {
        if (data !== null && typeof data === "object") resolve(data);
        else reject(new Error("not ours"));
      },
      fail: () => reject(new Error("unreachable")),
    });
  });
}

/** @param {string} base @param {() => string} language tag of the writing that is answered in */
function makeApi(base, language) {
  return {
    /** Sentences, limits and what the server can do. */
    page: () => request(base, { path: "/page" }),
    open: () => request(base, { method: "POST", path: `/sessions?lang=${language()}` }),
    /** @param {string} token @param {Outgoing} message */
    say: (token, message) =>
      request(base, { method: "POST", path: `/messages?lang=${language()}`, token, data: message }),
    /** @param {string} token @param {string} cursor @param {boolean} wait */
    events: (token, cursor, wait) =>
      request(base, {
        path: `/events?cursor=${cursor}&wait_ms=${wait ? POLL_MS : 0}&lang=${language()}`,
        token,
        timeout: POLL_MS + PATIENCE_MS,
      }),
    /** @param {string} token @param {ArrayBuffer} recording */
    hear: (token, recording) =>
      request(base, {
        method: "POST",
        path: `/transcripts?lang=${language()}`,
        token,
        data: recording,
        type: "audio/mpeg",
        timeout: HEARING_MS,
      }),
  };
}

module.exports = { makeApi };
