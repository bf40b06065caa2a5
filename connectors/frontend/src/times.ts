/** Clock times as residents say them, in the time zone of their device. */
import type { Texts } from "./config";

const two = (value: number): string => String(value).padStart(2, "0");

export function clock(at: Date): string {
  return `${at.getHours()}:${two(at.getMinutes())}`;
}

/** "今天", "昨天" or "11月22日". */
export function day(at: Date, now: Date, texts: Texts): string {
  const midnight = (date: Date): number => new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
  const days = Math.round((midnight(now) - midnight(at)) / 86_400_000);
  if (days === 0) return texts.today;
  if (days === 1) return texts.yesterday;
  return `${at.getMonth() + 1}月${at.getDate()}日`;
}
