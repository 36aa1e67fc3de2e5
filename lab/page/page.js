"use strict";
(() => {
  const data = JSON.parse(document.getElementById("hover").textContent);
  const plots = [...document.querySelectorAll(".plot")];
  const hidden = new Set();
  const last = data.times.length - 1;

  const tell = (plot, at) => {
    const tip = plot.querySelector(".tip");
    const head = document.createElement("b");
    head.textContent = data.times[at];
    const rows = data.who.flatMap((who, n) => {
      if (hidden.has(who.letter)) return [];
      const row = document.createElement("div");
      const value = document.createElement("span");
      row.append(`${who.letter}  ${who.title}`);
      value.textContent = data.values[plot.dataset.measure][n][at];
      row.append(value);
      return [row];
    });
    tip.replaceChildren(head, ...rows);
    tip.hidden = false;
    const room = plot.clientWidth - tip.offsetWidth;
    const beside = (at / last) * plot.clientWidth + (at > last / 2 ? -tip.offsetWidth - 12 : 12);
    tip.style.left = `${Math.max(Math.min(0, room), Math.min(room, beside))}px`;
  };

  const show = (plot, at) => {
    for (const each of plots) {
      const cross = each.querySelector(".cross");
      cross.hidden = false;
      cross.style.left = `${(100 * at) / last}%`;
      if (each !== plot) each.querySelector(".tip").hidden = true;
    }
    plot.dataset.at = at;
    tell(plot, at);
  };

  const leave = () => {
    for (const each of document.querySelectorAll(".cross, .tip")) each.hidden = true;
  };

  for (const plot of plots) {
    plot.addEventListener("pointermove", (event) => {
      const box = plot.getBoundingClientRect();
      const share = (event.clientX - box.left) / box.width;
      show(plot, Math.round(last * Math.min(1, Math.max(0, share))));
    });
    plot.addEventListener("pointerleave", leave);
    plot.addEventListener("blur", leave);
    plot.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -4, ArrowRight: 4 }[event.key];
      if (!step) return;
      event.preventDefault();
      show(plot, Math.min(last, Math.max(0, Number(plot.dataset.at ?? 0) + step)));
    });
  }

  for (const button of document.querySelectorAll(".legend button")) {
    button.addEventListener("click", () => {
      const { letter } = button.dataset;
      const shown = hidden.delete(letter);
      if (!shown) hidden.add(letter);
      button.setAttribute("aria-pressed", String(shown));
      for (const part of document.querySelectorAll(`:is(.plot, .lanes) [data-letter="${letter}"]`)) {
        part.toggleAttribute("hidden", !shown);
      }
    });
  }
})();
