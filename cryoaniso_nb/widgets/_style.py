"""The style sheet of all views: sizes follow their container, colours the page's theme."""

from __future__ import annotations

from ..figures.frame import VIEW as DISC

__all__ = ["STYLE"]

STYLE = (
    """<style>
.cryoaniso-explorer, .cryoaniso-view { color: var(--jp-ui-font-color1, inherit); }
.cryoaniso-view .widget-html-content, .cryoaniso-explorer .widget-html-content { line-height: normal; }
.cryoaniso-figure {
  --bq-content-font-color: var(--jp-ui-font-color1, #333);
  --bq-axislabel-fill: var(--jp-ui-font-color1, #333);
  --bq-axislabel-font: 11px sans-serif;
  --bq-axis-path-stroke: var(--jp-ui-font-color2, #777);
  --bq-axis-tick-text-fill: var(--jp-ui-font-color1, #333);
  --bq-plotarea-background-fill: transparent;
}
.cryoaniso-plot svg { overflow: visible; }
.cryoaniso-figure .axis .tick text { font-size: 11px; }
.cryoaniso-explorer, .cryoaniso-survey { container-type: inline-size; }
.cryoaniso-explorer { --jp-widgets-container-padding: 5px; --cryoaniso-plot-height: clamp(180px, 24.5vh, 330px);
  --cryoaniso-picture-height: clamp(180px, 24.5vh, 330px); }
.cryoaniso-figure.cryoaniso-plot { width: 100%; height: var(--cryoaniso-plot-height, 320px); }
.cryoaniso-pair { width: 100%; flex-flow: row wrap; column-gap: 8px; }
.cryoaniso-pair > * { min-width: 0; max-width: 100%; }
.cryoaniso-runbar, .cryoaniso-head, .cryoaniso-head .widget-box { overflow: visible; }
.cryoaniso-head .widget-box, .cryoaniso-head .widget-html, .cryoaniso-head .widget-html-content {
  position: static; }
.cryoaniso-head { position: relative; z-index: 5; column-gap: 12px; }
.cryoaniso-head .widget-html, .cryoaniso-head .widget-html-content { height: auto; overflow: visible; }
.cryoaniso-head .widget-html { margin: 0 2px; width: auto; align-self: stretch; }
.cryoaniso-head .widget-html-content, .cryoaniso-headline .cryoaniso-more { min-width: 0; max-width: 100%; }
.cryoaniso-headline .widget-html-content, .cryoaniso-about .widget-html-content { width: 100%; }
.cryoaniso-line { font-size: 13px; line-height: 18px; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.cryoaniso-headline b { font-size: 14px; }
.cryoaniso-about .cryoaniso-line { font-size: 12px; line-height: 17px; color: var(--jp-ui-font-color2, #666); }
.cryoaniso-more > summary { cursor: pointer; list-style: none; }
.cryoaniso-more > summary::-webkit-details-marker { display: none; }
.cryoaniso-sheet { position: absolute; z-index: 20; left: 0; right: 0; top: 100%; max-height: 45vh; overflow: auto;
  padding: 4px 12px; font-size: 13px; line-height: 19px; white-space: normal;
  color: var(--jp-ui-font-color1, #222); background: var(--jp-layout-color1, #fff);
  border: 1px solid var(--jp-border-color1, #bbb); box-shadow: 0 3px 8px rgb(0 0 0 / 30%); }
.cryoaniso-sheet p { margin: 4px 0; }
.cryoaniso-sheet ul { margin: 4px 0; padding-left: 18px; }
.cryoaniso-badge summary { font-size: 12px; line-height: 28px; padding: 0 8px; white-space: nowrap; font-weight: 600; }
.cryoaniso-progress { height: 22px; align-items: center; overflow: visible; }
.cryoaniso-progress .cryoaniso-stage, .cryoaniso-progress [role="status"] { font-size: 12px; line-height: 20px;
  min-width: 150px; text-align: right; white-space: nowrap; padding-right: 6px; }
.cryoaniso-error [role="alert"] { border-left: 4px solid #d33; padding: 4px 10px; font-size: 13px; line-height: 18px;
  white-space: normal; }
.cryoaniso-stale { opacity: 0.45; }
.cryoaniso-presets button { padding: 0 7px; margin: 0 1px; height: 22px; line-height: 22px; font-size: 12px; }
.cryoaniso-presets .widget-html { margin: 0 auto 0 2px; }
.cryoaniso-old { font-size: 12px; font-style: italic; align-items: center; overflow: visible; }
.cryoaniso-old .widget-html-content { line-height: 28px; white-space: nowrap; font-size: 12px; }
.cryoaniso-unusable { pointer-events: none; }
.cryoaniso-beside { column-gap: 14px; flex-flow: row wrap; }
.cryoaniso-beside .widget-html, .cryoaniso-beside .widget-html-content { height: auto; }
.cryoaniso-explorer .lm-TabBar-tab { flex: 1 1 auto; min-width: 0; }
@container (max-width: 760px) {
  .cryoaniso-line { white-space: normal; }
  .cryoaniso-explorer .lm-TabBar-content { flex-wrap: wrap; }
}
@container (max-width: 640px) {
  .cryoaniso-head { flex-flow: row wrap; }
  .cryoaniso-head > .widget-box:last-child { margin-left: auto; }
  .cryoaniso-cell { flex-basis: 160px !important; }
}
.cryoaniso-figure.cryoaniso-picture { flex: 0 1 auto; height: auto; min-width: 0; align-self: center;
  aspect-ratio: var(--cryoaniso-ratio);
  width: min(100%, calc(var(--cryoaniso-picture-height, 330px) * var(--cryoaniso-ratio))); }
.cryoaniso-framed { width: 100%; min-width: 0; justify-content: center; }
.cryoaniso-figure text.label { pointer-events: none; paint-order: stroke; }
.cryoaniso-figure text.label:not([style*="255, 255, 255"]) { fill: var(--jp-ui-font-color1, #333) !important; }
.cryoaniso-figure text.label[style*="255, 255, 255"] {
  stroke: #202020; stroke-width: 2.5px; stroke-linejoin: round; }
.cryoaniso-plot text.label { stroke: var(--jp-layout-color1, #fff); stroke-width: 3px; stroke-linejoin: round; }
.cryoaniso-disc g:first-child > image { clip-path: circle(closest-side); }
.cryoaniso-legend { font-size: 12px; line-height: 18px; display: flex; flex-wrap: wrap; column-gap: 14px; }
.cryoaniso-entry { white-space: nowrap; }
button.cryoaniso-entry { all: unset; white-space: nowrap; cursor: pointer; }
button.cryoaniso-entry:focus-visible, .cryoaniso-more > summary:focus-visible { outline: 2px solid currentColor; }
button.cryoaniso-entry[aria-pressed="false"] { text-decoration: line-through; }
button.cryoaniso-entry[aria-pressed="false"] svg { visibility: hidden; }
.cryoaniso-figure { position: relative; }
.cryoaniso-hover { position: fixed; z-index: 10000; pointer-events: none; white-space: pre; padding: 3px 8px;
  font: 12px/17px sans-serif; color: #fff; background: #202020; border: 1px solid #8c8c8c; border-radius: 3px; }
.cryoaniso-hover[hidden] { display: none; }
.cryoaniso-zoombox { position: fixed; z-index: 9999; pointer-events: none; border: 1px dashed #8c8c8c;
  background: rgb(128 128 128 / 20%); }
.cryoaniso-unzoom { position: absolute; z-index: 4; right: 4px; top: 0; font-size: 11px; padding: 1px 6px; }
.cryoaniso-entry svg { vertical-align: -1px; margin-right: 2px; overflow: visible; }
.cryoaniso-scale, .cryoaniso-scale .widget-html-content { height: auto; align-self: stretch; }
.cryoaniso-scale { flex: 0 0 66px; min-width: 66px; overflow: visible; }
.cryoaniso-scale .widget-html-content { height: 100%; }
.cryoaniso-bar { position: relative; height: 80%; top: 10%; font-size: 11px; line-height: 11px; }
.cryoaniso-colours { position: absolute; left: 2px; width: 14px; top: 0; bottom: 0;
  outline: 1px solid var(--jp-ui-font-color2, #777); }
.cryoaniso-ticks { position: absolute; left: 16px; top: 0; bottom: 0; }
.cryoaniso-tick { position: absolute; left: 0; white-space: nowrap; transform: translateY(-50%); padding-left: 7px; }
.cryoaniso-tick::before { content: ""; position: absolute; left: 0; top: 50%; width: 4px;
  border-top: 1px solid var(--jp-ui-font-color2, #777); }
.cryoaniso-bar-label { position: absolute; left: 50px; top: 50%; white-space: nowrap; font-size: 12px;
  transform-origin: left; transform: rotate(-90deg) translateX(-50%); }
.cryoaniso-explorer .lm-TabBar-tabLabel { color: var(--jp-ui-font-color1, #333); }
.cryoaniso-explorer .lm-TabBar-tab.lm-mod-current .lm-TabBar-tabLabel { font-weight: 600; }
.cryoaniso-figure .axislabel[style*="201, 112, 18"] { fill: #9a5406 !important; }
[data-jp-theme-light="false"] .cryoaniso-figure .axislabel[style*="201, 112, 18"] { fill: #e08a30 !important; }
.cryoaniso-explorer :is(.noUi-handle, select, button, input, summary, [role="tab"]):focus-visible {
  outline: 2px solid var(--jp-brand-color1, #1976d2); outline-offset: 1px; }
.cryoaniso-unnamed > .widget-label { position: absolute; width: 1px; height: 1px; overflow: hidden;
  clip-path: inset(50%); }
.cryoaniso-row { width: 100%; flex-wrap: wrap; }
.cryoaniso-cell { flex: 1 1 200px; min-width: 0; }
.cryoaniso-page { max-height: max(280px, 31vh); overflow: auto; }
.cryoaniso-summary table { font-size: 13px; }
.cryoaniso-top { --cryoaniso-plot-height: calc(clamp(180px, 24.5vh, 330px) + 24px); }
"""
    f".cryoaniso-disc {{ --cryoaniso-ratio: {(DISC[1] - DISC[0]) / (DISC[3] - DISC[2]):.4f}; }}\n"
    ".cryoaniso-square { --cryoaniso-ratio: 1; }\n</style>"
)
