import { startReveal } from "./reveal";
import { clock, need } from "./dom";
import { startKeys } from "./keys";
import { Player } from "./player";
import { Transcript } from "./transcript";
import { type Peaks, Wave } from "./wave";

/** Bring the page of one call to life. */
export function startCallPage(page: HTMLElement): void {
  const id = encodeURIComponent(page.dataset["call"] ?? "");
  startReveal(`/calls/${id}/reveal`);
  const audio = document.querySelector<HTMLAudioElement>("#audio");
  if (audio) startPlayback(page, audio, id);
}

function startPlayback(page: HTMLElement, audio: HTMLAudioElement, id: string): void {
  const player = new Player(audio);
  const transcript = new Transcript(page);
  const wave = new Wave(need("#wave", HTMLCanvasElement), (ms) => { player.seek(ms); });
  const button = need("#play", HTMLButtonElement);
  const now = need("#now", HTMLElement);
  const total = need("#total", HTMLElement);

  button.addEventListener("click", () => { player.toggle(); });
  need("#speed", HTMLSelectElement).addEventListener("change", (event) => {
    audio.playbackRate = Number((event.target as HTMLSelectElement).value);
  });
  player.onMove = (ms) => {
    now.textContent = clock(ms);
    wave.moveTo(ms, clock(ms));
    transcript.follow(ms, player.playing);
  };
  player.onState = (playing) => {
    button.classList.toggle("playing", playing);
    button.setAttribute("aria-label", playing ? "暂停" : "播放");
    if (!playing) transcript.endEvidence();
  };
  player.onSpan = (span) => { wave.highlight(span); };
  player.onError = () => { need("#player-error", HTMLElement).hidden = false; };
  transcript.onLine = (line) => { player.playFrom(line.start); };
  transcript.onEvidence = (start, end) => { player.playSpan(start, end); };
  startKeys(player, transcript);
  void loadPeaks(id).then((peaks) => {
    player.duration = peaks.duration_ms;
    total.textContent = clock(peaks.duration_ms);
    wave.show(peaks);
  }, () => { player.onError(); });
}

async function loadPeaks(id: string): Promise<Peaks> {
  const answer = await fetch(`/calls/${id}/peaks`, { credentials: "same-origin" });
  if (!answer.ok) throw new Error(String(answer.status));
  return (await answer.json()) as Peaks;
}
