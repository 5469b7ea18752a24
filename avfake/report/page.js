"use strict";
const player = document.getElementById("player");
const lines = document.getElementById("lines");
const slider = document.getElementById("moment");
const seconds = lines ? Number(lines.dataset.seconds) : 0;
const moments = lines && lines.dataset.moments ? lines.dataset.moments.split(" ").map(Number) : [];
const each = lines ? Number(lines.dataset.each) : 0;

// A long file is shown by single pictures, each for the same time.
function inPreview(at) {
  if (!moments.length) return at;
  let index = moments.findIndex((one) => one > at);
  if (index < 0) index = moments.length;
  return (Math.max(0, index - 1) + 0.5) * each;
}
function inFile(at) {
  return moments.length ? moments[Math.min(moments.length - 1, Math.floor(at / each))] : at;
}
function words(at) {
  const whole = Math.floor(at);
  return Math.floor(whole / 60) + ":" + String(whole % 60).padStart(2, "0");
}
function point(at) {
  if (!lines || !seconds) return;
  lines.style.setProperty("--at", 100 * Math.min(1, at / seconds) + "%");
  slider.value = at;
  slider.setAttribute("aria-valuetext", words(at));
}
let asked = null;  // the moment that was clicked, which a preview of single pictures rounds
function show(at) {
  player.pause();
  asked = at;
  player.currentTime = Math.min(inPreview(at), (player.duration || Infinity) - 0.001);
  point(at);
}
function follow() {
  if (asked !== null && Math.abs(player.currentTime - inPreview(asked)) > 0.1) asked = null;
  point(asked === null ? inFile(player.currentTime) : asked);
}
if (player) {
  document.querySelectorAll("[data-at], .live").forEach((one) => { one.hidden = false; });
  document.querySelectorAll("[data-at]").forEach((one) => one.addEventListener("click", () => {
    show(Number(one.dataset.at));
    player.scrollIntoView({ block: "nearest" });
    if (player.tagName === "AUDIO") player.play();
  }));
  player.addEventListener("timeupdate", follow);
}
if (player && lines) {
  lines.classList.add("aimed");
  lines.querySelectorAll(".area").forEach((area) => area.addEventListener("click", (event) => {
    const box = area.getBoundingClientRect();
    show(seconds * Math.max(0, Math.min(1, (event.clientX - box.left) / box.width)));
    player.scrollIntoView({ block: "nearest" });
  }));
  slider.addEventListener("input", () => show(Number(slider.value)));
  point(0);
}
const copy = document.getElementById("copy");
copy.hidden = false;
copy.addEventListener("click", async () => {
  const quote = document.getElementById("quote");
  const said = document.getElementById("copied");
  try {
    await navigator.clipboard.writeText(quote.textContent.trim());
    said.textContent = "copied";
  } catch (error) {
    window.getSelection().selectAllChildren(quote);
    said.textContent = "selected: copy it with Ctrl+C";
  }
});
