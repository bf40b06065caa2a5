"""How well text stands out from what is behind it, measured in the browser as WCAG 2 defines it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.async_api import Page

# The ratio of each pair of colours under a shown text (placeholders included), keyed by the pair. What
# cannot be used at the moment is left out, as WCAG does. Colours that let something through, and faded
# parents, are blended with what lies under them.
_MEASURE = """() => {
  const channel = v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const light = c => 0.2126 * channel(c[0]) + 0.7152 * channel(c[1]) + 0.0722 * channel(c[2]);
  const read = text => {
    const [r, g, b, a = 1] = text.match(/[\\d.]+/g).map(Number);
    return [r, g, b, a];
  };
  const over = (top, under) => [0, 1, 2].map(i => top[i] * top[3] + under[i] * (1 - top[3]));
  const up = element => element ? [element, ...up(element.parentElement)] : [];
  const behind = element => up(element).reverse()
    .map(one => read(getComputedStyle(one).backgroundColor))
    .reduce((under, top) => over(top, under), [255, 255, 255]);
  const found = {};
  for (const element of document.querySelectorAll("body *")) {
    const box = element.getBoundingClientRect();
    if (!box.width || !box.height || getComputedStyle(element).visibility === "hidden") continue;
    if (element.closest("button:disabled, [aria-disabled=true]")) continue;
    const own = [...element.childNodes].filter(n => n.nodeType === 3).map(n => n.data.trim()).join(" ");
    const texts = [[own.trim() || element.value || "", getComputedStyle(element).color]];
    const hint = getComputedStyle(element, "::placeholder");
    if (element.placeholder && !element.value) texts.push([element.placeholder, hint.color]);
    const faded = up(element).reduce((product, one) => product * Number(getComputedStyle(one).opacity), 1);
    for (const [text, colour] of texts.filter(([text]) => text)) {
      const under = behind(element), [r, g, b, a] = read(colour), front = over([r, g, b, a * faded], under);
      const [low, high] = [light(front), light(under)].sort((x, y) => x - y);
      const pair = `${front.map(Math.round)} on ${under.map(Math.round)}`;
      const ratio = Math.round((high + 0.05) / (low + 0.05) * 100) / 100;
      if (!(pair in found)) found[pair] = {ratio, where: `${element.tagName}.${element.className}`};
    }
  }
  return found;
}"""
AA = 4.5


async def weak_pairs(page: Page) -> dict[str, object]:
    """Return the text and background pairs of the page as it stands that are under 4.5 to 1."""
    pairs: dict[str, dict[str, float]] = await page.evaluate(_MEASURE)
    assert len(pairs) >= 3, "nothing was measured"
    return {pair: seen for pair, seen in pairs.items() if seen["ratio"] < AA}
