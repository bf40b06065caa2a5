const { base } = require("../../config");
const { makeApi } = require("../../lib/api");
const { mine, notice, pressable, withEvents, withState } = require("../../lib/entries");
const { messageId } = require("../../lib/ids");
const { Link } = require("../../lib/link");

/** What is kept on this phone until the conversation is cleared; the server forgets it after a day. */
const store = {
  /** @param {string} name */
  get: (name) => wx.getStorageSync(`nuanye.${name}`) || null,
  /** @param {string} name @param {any} value */
  put: (name, value) => (value === null ? wx.removeStorageSync(`nuanye.${name}`) : wx.setStorageSync(`nuanye.${name}`, value)),
};

/** @param {number} ms @returns {Promise<void>} */
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

Page({
  data: {
    agreed: false,
    ready: false,
    failed: false,
    texts: /** @type {Record<string, any>} */ ({}),
    names: /** @type {string[]} */ ([]),
    chosen: 0,
    size: store.get("size") || 0,
    voice: false,
    maxText: 2000,
    entries: /** @type {any[]} */ ([]),
    latest: "end",
    pending: false,
    offline: false,
    speaking: false,
    told: "",
    draft: "",
  },

  /** @type {import("../../lib/entries").Entry[]} */
  all: [],
  /** @type {{ tag: string, name: string, texts: Record<string, any>, notices: Record<string, string> }[]} */
  languages: [],
  link: /** @type {Link | null} */ (null),
  api: makeApi(base, () => ""),
  notices: 0,

  onLoad() {
    this.api = makeApi(base, () => (this.languages[this.data.chosen] || { tag: "" }).tag);
    this.onRetry();
  },

  onShow() {
    if (this.data.agreed) this.connect();
  },

  onHide() {
    if (this.link) this.link.stop();
  },

  onUnload() {
    if (this.link) this.link.stop();
  },

  async onRetry() {
    this.setData({ failed: false });
    try {
      const page = await this.api.page();
      this.languages = page.languages;
      const names = this.languages.map((language) => language.name);
      this.setData({ names, maxText: page.maxText, voice: page.voice, ready: true });
      this.speakIn(Math.max(0, this.languages.findIndex((language) => language.tag === store.get("language"))));
      if (store.get("agreed")) this.onAgree();
    } catch (error) {
      this.setData({ failed: true });
    }
  },

  onAgree() {
    store.put("agreed", true);
    this.setData({ agreed: true });
    this.connect();
  },

  connect() {
    if (!this.link) this.link = new Link(this.api, store, this.listener(), pause);
    this.link.stop();
    this.link.run();
  },

  listener() {
    return {
      /** @param {any[]} events @param {number} pending */
      events: (events, pending) => this.show(withEvents(this.all, events), pending > 0),
      /** @param {string} id */
      sent: (id) => this.show(withState(this.all, id, "sent"), this.data.pending),
      /** @param {string} id @param {string} text */
      refused: (id, text) => {
        this.show(withState(this.all, id, "unsent"), false);
        this.tell(text);
      },
      /** @param {boolean} connected */
      connected: (connected) => this.setData({ offline: !connected }),
      renewed: () => {
        this.show([], false);
        this.tell(this.languages[this.data.chosen].notices.session);
      },
      /** @param {string} text */
      notice: (text) => this.tell(text),
    };
  },

  /** @param {string} text */
  tell(text) {
    this.notices += 1;
    this.show([...this.all, notice(text, this.notices)], this.data.pending);
  },

  /** @param {import("../../lib/entries").Entry[]} all @param {boolean} pending */
  show(all, pending) {
    this.all = all;
    this.setData({ entries: pressable(all), pending, latest: "" });
    this.setData({ latest: pending ? "typing" : `e${Math.max(0, all.length - 1)}` });
  },

  /** @param {string} text */
  say(text) {
    const said = text.trim();
    if (said === "" || !this.link) return;
    const id = messageId(Date.now(), Math.random());
    this.show([...this.all, mine(id, said)], true);
    this.link.send({ message_id: id, text: said });
  },

  /** @param {WechatMiniprogram.Input} event */
  onInput(event) {
    this.setData({ draft: event.detail.value, told: "" });
  },

  onSend() {
    this.say(this.data.draft);
    this.setData({ draft: "", told: "" });
  },

  /** @param {WechatMiniprogram.TouchEvent} event */
  onPress(event) {
    this.say(event.currentTarget.dataset.text);
  },

  /** @param {WechatMiniprogram.TouchEvent} event */
  onResend(event) {
    const { id, text } = event.currentTarget.dataset;
    this.show(withState(this.all, id, "sending"), true);
    if (this.link) this.link.send({ message_id: id, text });
  },

  /** A mini program opens no foreign pages: the address is copied. @param {WechatMiniprogram.TouchEvent} event */
  onCopy(event) {
    wx.setClipboardData({ data: event.currentTarget.dataset.url });
  },

  onCall() {
    wx.makePhoneCall({ phoneNumber: this.data.texts.hotline });
  },

  onSize() {
    const size = (this.data.size + 1) % this.data.texts.font_sizes.length;
    store.put("size", size);
    this.setData({ size });
  },

  /** @param {WechatMiniprogram.PickerChange} event */
  onLanguage(event) {
    const chosen = Number(event.detail.value);
    store.put("language", this.languages[chosen].tag);
    this.speakIn(chosen);
    if (!this.link) return;
    this.link.rewind();
    this.show([], false);
    this.connect();
  },

  /** @param {number} chosen */
  speakIn(chosen) {
    const { texts } = this.languages[chosen];
    this.setData({ chosen, texts });
    wx.setNavigationBarTitle({ title: texts.product });
  },

  onRestart() {
    const { texts } = this.data;
    wx.showModal({
      content: texts.restart_question,
      confirmText: texts.restart,
      cancelText: texts.restart_no,
      success: ({ confirm }) => {
        if (!confirm || !this.link) return;
        this.link.forget();
        this.show([], false);
        this.connect();
      },
    });
  },

  onSpeak() {
    const recorder = wx.getRecorderManager();
    if (this.data.speaking) {
      recorder.stop();
      return;
    }
    const { texts } = this.data;
    recorder.onStart(() => this.setData({ speaking: true, told: texts.listening.replace("{count}", "59") }));
    recorder.onError(() => this.setData({ speaking: false, told: texts.no_microphone }));
    recorder.onStop(({ tempFilePath }) => {
      this.setData({ speaking: false, told: texts.writing_down });
      wx.getFileSystemManager().readFile({
        filePath: tempFilePath,
        success: ({ data }) => this.hear(/** @type {ArrayBuffer} */ (data)),
        fail: () => this.setData({ told: texts.no_microphone }),
      });
    });
    recorder.start({ duration: 59000, format: "mp3", sampleRate: 16000, numberOfChannels: 1, encodeBitRate: 48000 });
  },

  /** @param {ArrayBuffer} recording */
  async hear(recording) {
    const { texts } = this.data;
    try {
      const answer = await this.api.hear(this.link ? this.link.token : "", recording);
      if (answer.type !== "transcript") this.setData({ told: answer.error.message });
      else this.setData({ told: texts.written_down, draft: this.data.draft + answer.text });
    } catch (error) {
      this.setData({ told: texts.offline });
    }
  },
});
