"""What those need who see little, or use the keyboard: contrast of words, names of controls."""

from __future__ import annotations

# Words in the explorer whose contrast with what lies behind them is below 4.5; not those on the disc itself.
FAINT = """() => {
  const parse = c => { const p = c.match(/[\\d.]+/g).map(Number); return [p[0], p[1], p[2], p.length > 3 ? p[3] : 1]; };
  const light = c => { const p = c.slice(0, 3).map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * p[0] + 0.7152 * p[1] + 0.0722 * p[2]; };
  const over = (a, b) => [0, 1, 2].map(i => a[i] * a[3] + b[i] * (1 - a[3]));
  const behind = e => { for (; e; e = e.parentElement) {
    const c = parse(getComputedStyle(e).backgroundColor); if (c[3] > 0.9) return c; } return [255, 255, 255, 1]; };
  const faint = [];
  for (const e of document.querySelectorAll('.cryoaniso-explorer *')) {
    const words = [...e.childNodes].filter(n => n.nodeType === 3).map(n => n.textContent).join('').trim();
    if (!words || !e.getClientRects().length || e.closest('[disabled], [hidden], style, option')) continue;
    const drawn = e instanceof SVGElement, style = getComputedStyle(e);
    if (drawn && /255, 255, 255/.test(e.style.fill)) continue;  // white with a dark rim, on any colour
    const paper = behind(drawn ? e.closest('.cryoaniso-figure') : e);
    const [a, b] = [light(over(parse(drawn ? style.fill : style.color), paper)), light(paper)];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) faint.push(`${words.slice(0, 40)}: ${ratio.toFixed(2)}`);
  }
  return faint;
}"""
# Controls in sight that a screen reader would have no name for.
NAMELESS = """() => [...document.querySelectorAll(
  '.cryoaniso-explorer :is(input, select, button, textarea, [role=slider], [role=tab])')]
  .filter(e => e.getClientRects().length)
  .filter(e => !(e.getAttribute('aria-label') || e.title || (e.tagName !== 'SELECT' && e.textContent.trim())
    || (e.id && document.querySelector(`label[for="${e.id}"]`)?.textContent.trim())))
  .map(e => `${e.tagName} in ${e.closest('.jupyter-widgets')?.textContent.trim().slice(0, 30)}`)"""
