"use strict";
// Everything works without this: filters apply themselves, and a page shows what is recorded while it is open.

const withoutFragment = (address) => String(address).split("#")[0];
let shown = withoutFragment(location.href);
let turn = Promise.resolve();

/** Show the page at an address when what was asked for before is shown; rejects if there is no such page. */
const show = (address) => (turn = turn.catch(() => {}).then(() => replace(String(address))));

/** Replace this page by that at an address, without losing the place, what is unfolded or being written, and the focus. */
async function replace(address) {
  // What the browser keeps may be as old as its `max-age`.
  const response = await fetch(address, { headers: { Accept: "text/html" }, cache: "no-cache" });
  if (!response.ok) throw new Error(`${response.status}`);
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  const open = [...document.querySelectorAll("details")].map((each) => each.open);
  const focused = document.activeElement?.id;
  for (const part of ["main", ".moment", "footer.site"]) {
    const [old, renewed] = [document.querySelector(part), page.querySelector(part)];
    if (!old || !renewed) continue;
    if (withoutFragment(address) === shown) keepWriting(old, renewed);
    old.replaceWith(document.adoptNode(renewed));
  }
  document.title = page.title;
  shown = withoutFragment(address);
  Object.assign(document.body.dataset, page.body.dataset);
  const folds = [...document.querySelectorAll("details")];
  if (folds.length === open.length) folds.forEach((each, place) => { each.open = open[place]; });
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
}

function keepWriting(old, renewed) {
  for (const field of old.querySelectorAll("input[id]"))
    if (field.value !== field.defaultValue) renewed.querySelector(`#${CSS.escape(field.id)}`)?.replaceWith(field);
}

document.addEventListener("change", async (event) => {
  const form = event.target.form;
  if (!form || !("auto" in form.dataset)) return;
  const address = new URL(form.action);
  address.search = new URLSearchParams([...new FormData(form)].filter(([, value]) => value !== ""));
  try {
    await show(address);
    history.pushState(null, "", address);
  } catch {
    location.assign(address); // the browser shows what is wrong
  }
});
addEventListener("popstate", () => {
  if (withoutFragment(location.href) !== shown) show(location.href).catch(() => location.reload());
});

// In milliseconds. Changes that belong together arrive together; what failed is tried again later.
const [DELAY, RETRY] = [500, 5_000];
let feed = null;
let waiting = 0;

/** Show what was recorded, and say so. */
async function refresh() {
  waiting = 0; // what is recorded from now on may be missing in the response
  try {
    await show(location.href);
  } catch {
    waiting ||= setTimeout(refresh, RETRY);
    return;
  }
  const live = document.getElementById("live");
  if (live) live.textContent = live.dataset.label;
}

/** Refresh this page whenever something is recorded after its position. */
function follow() {
  const { position, root } = document.body.dataset;
  const live = document.getElementById("live");
  if (!live || !position) return;
  const address = new URL("/feed", location.href);
  address.searchParams.set("after", `${position}-${root.slice(0, 12)}`);
  if (live.dataset.subject) address.searchParams.set("subject", live.dataset.subject);
  feed?.close();
  const opened = feed = new EventSource(address);
  opened.addEventListener("entry", () => { waiting ||= setTimeout(refresh, DELAY); });
  opened.addEventListener("error", () => {
    // It connects again by itself, unless the response was an error: a proxy's, or because the history is another one.
    if (opened.readyState === EventSource.CLOSED) setTimeout(catchUp, RETRY);
  });
}

/** Show the present, and follow it from there. */
async function catchUp() {
  try {
    await show(location.href);
  } catch {
    setTimeout(catchUp, RETRY);
    return;
  }
  follow();
}

follow();
addEventListener("pagehide", () => feed?.close());
addEventListener("pageshow", (event) => {
  if (event.persisted) catchUp(); // the reader has come back to it
});
