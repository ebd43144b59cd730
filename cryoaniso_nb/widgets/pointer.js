// What the mouse and the keyboard do on one figure, without the kernel: values on hover, zoom, reset.
// Clicks, names of the legend and Escape are told to the kernel.
const DRAG = 6; // pixels from which a press is a drag
const PAUSE = 60; // milliseconds between two moves of a handle

function tooltip() {
  let box = document.querySelector(".cryoaniso-hover");
  if (!box) {
    box = document.createElement("div");
    box.className = "cryoaniso-hover";
    box.setAttribute("role", "tooltip");
    box.hidden = true;
    document.body.append(box);
  }
  return box;
}

function nearest(values, x) {
  let best = -1;
  for (let i = 0; i < values.length; i++) {
    if (best < 0 || Math.abs(values[i] - x) < Math.abs(values[best] - x)) best = i;
  }
  return best;
}

function number(value, unit) {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : Math.abs(value) >= 0.1 ? 2 : 4;
  return value.toFixed(digits) + unit;
}

// Zenith and azimuth of a place on the disc.
function direction(x, y, projection) {
  const radius = Math.min(1, Math.hypot(x, y));
  const zenith = projection === "polar" ? 90 * radius : (2 * Math.asin(radius / Math.SQRT2) * 180) / Math.PI;
  const azimuth = ((Math.atan2(y, x) * 180) / Math.PI + 360) % 360;
  return `zenith ${zenith.toFixed(0)}°, azimuth ${azimuth.toFixed(0)}°`;
}

function pictureText(grid, pixels, x, y) {
  const [left, right, bottom, top] = grid.extent;
  const column = Math.floor(((x - left) / (right - left)) * grid.columns);
  const row = Math.floor(((top - y) / (top - bottom)) * grid.rows);
  if (!(column >= 0 && column < grid.columns && row >= 0 && row < grid.rows)) return "";
  const shade = pixels.getUint8(row * grid.columns + column);
  if (shade === 255) return "";
  const place = grid.place === "angstrom" ? `${number(1 / Math.hypot(x, y), " Å")} ring`
    : grid.place === "length" ? `${number(x, " Å")}, ${number(y, " Å")}` : direction(x, y, grid.place);
  if (shade >= grid.levels) return `${place}\n${grid.regions[shade - grid.levels] || ""}`;
  const value = grid.low + (shade / (grid.levels - 1)) * (grid.high - grid.low);
  const end = shade === 0 ? "≤ " : shade === grid.levels - 1 ? "≥ " : "";
  const said = grid.inverse ? number(1 / value, " Å").replace(/^/, end === "≤ " ? "≥ " : end === "≥ " ? "≤ " : "")
    : end + number(value, "");
  return `${place}\n${grid.label} ${said}`;
}

// The page's sliders have no names of their own.
function nameSlider(handle) {
  const label = handle.closest(".jupyter-widgets")?.querySelector(".widget-label")?.textContent;
  if (label && !handle.getAttribute("aria-label")) handle.setAttribute("aria-label", label);
}

async function render({ model, el }) {
  const listening = new AbortController();
  const on = (kind, what, options = {}) => document.addEventListener(kind, what, { signal: listening.signal, ...options });
  const [xs, ys] = await Promise.all(["x_scale", "y_scale"].map((name) => model.widget_manager.get_model(model.get(name))));
  const scope = () => el.closest(".cryoaniso-explorer") || el.closest(".cryoaniso-view");
  const figures = () => [...(scope()?.querySelectorAll("." + model.get("target")) || [])];
  let pressed = null, inside = false, grip = null;

  const hit = (event) => figures().find((figure) => figure.contains(event.target));
  const area = (figure) => figure.querySelector(".plotarea_background").getBoundingClientRect();
  const ends = (scale) => [scale.get("min"), scale.get("max")];
  function place(figure, event) {
    const box = area(figure), [x, y] = [ends(xs), ends(ys)];
    const [across, up] = [(event.clientX - box.left) / box.width, (box.bottom - event.clientY) / box.height];
    if (across < 0 || across > 1 || up < 0 || up > 1) return null;
    return { x: x[0] + across * (x[1] - x[0]), y: y[0] + up * (y[1] - y[0]), across, up };
  }
  function text(at) {
    const grid = model.get("grid");
    if (grid.rows) return pictureText(grid, model.get("pixels"), at.x, at.y);
    const spots = model.get("spots");
    const found = nearest(spots.x || [], at.x);
    return found < 0 ? "" : spots.text[found];
  }
  function range(scale, low, high) {
    if (low === scale.get("min") && high === scale.get("max")) return;
    scale.set({ min: low, max: high });
    scale.save_changes();
  }
  function zoomed() {
    const home = model.get("home");
    return home.length === 4 && [...ends(xs), ...ends(ys)].some((end, i) => Math.abs(end - home[i]) > 1e-9);
  }
  function reset() {
    const home = model.get("home");
    range(xs, home[0], home[1]);
    range(ys, home[2], home[3]);
  }
  function zoom(a, b) {
    let [x, y] = [[a.x, b.x].sort((p, q) => p - q), [a.y, b.y].sort((p, q) => p - q)];
    if (model.get("grid").rows) { // a picture keeps its shape
      const home = model.get("home");
      const share = Math.max((x[1] - x[0]) / (home[1] - home[0]), (y[1] - y[0]) / (home[3] - home[2]));
      const around = (ends_, size) => { const m = (ends_[0] + ends_[1]) / 2; return [m - size / 2, m + size / 2]; };
      [x, y] = [around(x, share * (home[1] - home[0])), around(y, share * (home[3] - home[2]))];
    }
    range(xs, ...x);
    range(ys, ...y);
  }

  const box = document.createElement("div");
  box.className = "cryoaniso-zoombox";
  const back = document.createElement("button");
  back.type = "button";
  back.className = "cryoaniso-unzoom";
  back.textContent = "Reset zoom";
  back.title = "Show all of the figure again (double-click, Escape)";
  back.addEventListener("click", reset);
  function offer() {
    const figure = figures()[0];
    if (zoomed() && figure) figure.append(back);
    else back.remove();
  }
  function describe() {
    scope()?.querySelectorAll('[role="slider"]').forEach(nameSlider);
    for (const figure of figures()) {
      figure.setAttribute("role", "img");
      figure.setAttribute("aria-label", model.get("description"));
    }
  }
  [xs, ys].forEach((scale) => scale.on("change:min change:max", offer));
  model.on("change:home", offer);
  model.on("change:description", describe);

  on("pointermove", (event) => {
    const figure = hit(event);
    if (pressed && pressed.figure) {
      const wide = [event.clientX - pressed.x, event.clientY - pressed.y];
      if (!pressed.dragged && Math.max(...wide.map(Math.abs)) < DRAG) return;
      pressed.dragged = true;
      tooltip().hidden = true;
      Object.assign(box.style, {
        left: Math.min(pressed.x, event.clientX) + "px", top: Math.min(pressed.y, event.clientY) + "px",
        width: Math.abs(wide[0]) + "px", height: Math.abs(wide[1]) + "px",
      });
      if (!box.isConnected) document.body.append(box);
      event.preventDefault();
      return;
    }
    const tip = tooltip();
    if (!figure) {
      if (tip.dataset.of === model.get("target")) tip.hidden = true;
      return;
    }
    const at = place(figure, event);
    const said = at ? text(at) : "";
    tip.hidden = !said;
    tip.dataset.of = model.get("target");
    if (!said) return;
    tip.textContent = said;
    const left = event.clientX + 14 + tip.offsetWidth < innerWidth ? event.clientX + 14 : event.clientX - 14 - tip.offsetWidth;
    Object.assign(tip.style, { left: left + "px", top: Math.max(4, event.clientY - tip.offsetHeight - 10) + "px" });
  });
  on("pointerdown", (event) => {
    inside = Boolean(scope()?.contains(event.target));
    const figure = hit(event);
    if (!figure || event.button !== 0 || event.target.closest(".cryoaniso-unzoom")) return;
    if (event.target.closest(".object_grp")) { grip = { told: 0, swallowed: null }; return; } // bqplot drags it
    if (!place(figure, event)) return;
    pressed = { figure, x: event.clientX, y: event.clientY, dragged: false };
  }, { capture: true });
  // bqplot tells the kernel of each move of a handle: of 16 a second, and of the last one, is enough
  window.addEventListener("mousemove", (event) => {
    if (!grip) return;
    grip.swallowed = event.timeStamp - grip.told < PAUSE ? event : null;
    if (grip.swallowed) event.stopImmediatePropagation();
    else grip.told = event.timeStamp;
  }, { capture: true, signal: listening.signal });
  window.addEventListener("mouseup", () => {
    const last = grip?.swallowed;
    grip = null;
    if (!last) return;
    const { clientX, clientY } = last;
    window.dispatchEvent(new MouseEvent("mousemove", { clientX, clientY, view: window, cancelable: true }));
  }, { capture: true, signal: listening.signal });
  on("pointerup", (event) => {
    const was = pressed;
    pressed = null;
    box.remove();
    if (!was?.figure || !was.dragged) return;
    const start = place(was.figure, { clientX: was.x, clientY: was.y });
    const room = area(was.figure);
    const end = place(was.figure, {
      clientX: Math.min(Math.max(event.clientX, room.left), room.right),
      clientY: Math.min(Math.max(event.clientY, room.top), room.bottom),
    });
    if (start && end && start.x !== end.x && start.y !== end.y) zoom(start, end);
    // the click that follows a drag selects nothing
    const swallow = (click) => click.stopPropagation();
    document.addEventListener("click", swallow, { capture: true });
    setTimeout(() => document.removeEventListener("click", swallow, { capture: true }), 0);
  }, { capture: true });
  on("click", (event) => {
    const figure = hit(event);
    const entry = event.target.closest?.(".cryoaniso-entry[data-key]");
    if (entry?.closest("." + model.get("target") + "-legend") && scope()?.contains(entry)) {
      model.send({ event: "toggle", key: entry.dataset.key });
    } else if (figure && model.get("clicks") && !event.target.closest(".cryoaniso-unzoom")) {
      const at = place(figure, event);
      if (at) model.send({ event: "click", x: at.x, y: at.y });
    }
  });
  on("focusin", (event) => {
    if (event.target.getAttribute?.("role") === "slider" && scope()?.contains(event.target)) nameSlider(event.target);
  }, { capture: true });
  on("dblclick", (event) => { if (hit(event)) reset(); });
  on("keydown", (event) => {
    if (event.key !== "Escape" || !(inside || scope()?.contains(document.activeElement))) return;
    const figure = figures()[0];
    if (!figure || !figure.getClientRects().length) return;
    tooltip().hidden = true;
    if (zoomed()) reset();
    else if (model.get("leads")) model.send({ event: "escape" });
  });
  requestAnimationFrame(() => { describe(); offer(); });
  return () => { listening.abort(); box.remove(); back.remove(); };
}

export default { render };
