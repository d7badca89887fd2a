"use strict";

/* Replace parts of the page instead of the whole. Without this script, forms load a page. */

function replace(html, id) {
  const found = new DOMParser().parseFromString(html, "text/html").getElementById(id);
  const old = document.getElementById(id);
  if (!found || !old) return;
  old.replaceWith(found);
  refresh(found);
}

function refresh(part) {
  const address = part.dataset.refresh;
  if (!address) return;
  setTimeout(async () => {
    if (!part.isConnected) return;
    try {
      const answer = document.hidden ? null : await fetch(address);
      if (answer && answer.ok) {
        const html = await answer.text();
        replace(html, part.id);
        // A training has ended: its version serves a second later.
        const hasEnded = part.id === "jobs" && !document.getElementById("jobs").dataset.refresh;
        if (hasEnded) setTimeout(() => location.reload(), 1500);
        return;
      }
    } catch {
      // The server is away: try again.
    }
    refresh(part);
  }, 1000 * Number(part.dataset.seconds));
}

document.addEventListener("submit", async (event) => {
  const id = event.target.dataset.replaces;
  if (!id) return;
  event.preventDefault();
  const answer = await fetch(event.target.action, {
    method: "POST",
    body: new URLSearchParams(new FormData(event.target)),
  });
  replace(await answer.text(), id);
  document.querySelector(`#${id} button`)?.focus();
});

document.querySelectorAll("[data-refresh]").forEach(refresh);
