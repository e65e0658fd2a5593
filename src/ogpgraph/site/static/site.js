"use strict";
// Everything works without this: filters apply themselves, and a page shows what is recorded while it is open.

const withoutFragment = (address) => String(address).split("#")[0];
let shown = withoutFragment(location.href);

/** Show the page at an address in place of this one, without losing the place, what is unfolded, and the focus. */
async function show(address) {
  const response = await fetch(address, { headers: { Accept: "text/html" } });
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  const open = [...document.querySelectorAll("details")].map((each) => each.open);
  const focused = document.activeElement?.id;
  for (const part of ["main", ".moment", "footer.site"]) {
    const [old, renewed] = [document.querySelector(part), page.querySelector(part)];
    if (old && renewed) old.replaceWith(document.adoptNode(renewed));
  }
  document.title = page.title;
  shown = withoutFragment(address);
  Object.assign(document.body.dataset, page.body.dataset);
  const folds = [...document.querySelectorAll("details")];
  if (folds.length === open.length) folds.forEach((each, place) => { each.open = open[place]; });
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
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

const DELAY = 500; // milliseconds: changes that belong together arrive together
const { position, root } = document.body.dataset;
if (document.getElementById("live") && position && "EventSource" in window) {
  const address = new URL("/feed", location.href);
  address.searchParams.set("after", `${position}-${root.slice(0, 12)}`);
  const subject = document.getElementById("live").dataset.subject;
  if (subject) address.searchParams.set("subject", subject);
  const feed = new EventSource(address);
  let waiting = 0;
  feed.addEventListener("entry", () => {
    clearTimeout(waiting);
    waiting = setTimeout(async () => {
      await show(location.href);
      const live = document.getElementById("live");
      if (live) live.textContent = live.dataset.label;
    }, DELAY);
  });
  addEventListener("pagehide", () => feed.close());
}
