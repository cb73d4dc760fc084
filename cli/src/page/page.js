"use strict";
for (const figure of document.querySelectorAll("figure.plot")) {
  const svg = figure.querySelector("svg");
  const places = JSON.parse(svg.dataset.places);
  const turned = figure.dataset.turned === "true";
  const cursor = figure.querySelector(".cursor");
  const output = figure.querySelector("output");
  const lines = [...figure.querySelectorAll("path[data-values]")].map(path => ({
    name: path.dataset.name,
    values: JSON.parse(path.dataset.values),
  }));
  const low = Number(svg.dataset.low), high = Number(svg.dataset.high), log = svg.dataset.log === "true";
  const share = at => Math.min(1, Math.max(0,
    log ? Math.log(Math.max(at, low) / low) / Math.log(high / low) : (at - low) / (high - low)));
  const short = value => value === null || value === undefined ? "–" : Number(value.toPrecision(4)).toString();
  const set = all => Object.entries(all).forEach(([name, value]) => cursor.setAttribute(name, value));
  let at = -1;
  const show = wanted => {
    if (!places.length) return;
    at = Math.min(places.length - 1, Math.max(0, wanted));
    const place = share(places[at]);
    const x = (100 * place).toFixed(2) + "%", y = (150 * (1 - place)).toFixed(1);
    set(turned ? {x1: "0", x2: "100%", y1: y, y2: y} : {x1: x, x2: x, y1: "0", y2: "150"});
    set({visibility: "visible"});
    output.textContent = short(places[at]) + " " + figure.dataset.own + ": " +
      lines.map(line => (lines.length > 1 ? line.name + " " : "") + short(line.values[at])).join(", ") +
      " " + figure.dataset.unit;
  };
  const hide = () => {
    set({visibility: "hidden"});
    output.textContent = "";
  };
  svg.addEventListener("pointermove", event => {
    const box = svg.getBoundingClientRect();
    const wanted = turned ? 1 - (event.clientY - box.top) / box.height : (event.clientX - box.left) / box.width;
    let best = 0;
    places.forEach((place, i) => {
      if (Math.abs(share(place) - wanted) < Math.abs(share(places[best]) - wanted)) best = i;
    });
    show(best);
  });
  svg.addEventListener("pointerleave", hide);
  figure.addEventListener("blur", hide);
  figure.addEventListener("keydown", event => {
    const big = Math.max(1, Math.round(places.length / 10));
    const to = {ArrowRight: at + 1, ArrowLeft: at - 1, PageUp: at + big, PageDown: at - big, Home: 0, End: places.length - 1}[event.key];
    if (to === undefined) return;
    event.preventDefault();
    show(to);
  });
}
for (const button of document.querySelectorAll("button[data-of]")) {
  button.addEventListener("click", () => {
    // As it stands: whole numbers over 2^53, as nanoseconds are, would be rounded.
    const text = document.getElementById(button.dataset.of).textContent;
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text + "\n"], {type: "application/json"}));
    link.download = button.dataset.name;
    link.click();
    URL.revokeObjectURL(link.href);
  });
}
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach(all => all.open = true));
