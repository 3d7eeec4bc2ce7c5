// Keys work while the waveform has the focus only: WCAG 2.2, 2.1.4.
#include "listening/player_script.hpp"

namespace pbx::listening {

const std::string_view player_script = R"(
'use strict';
const audio = document.querySelector('audio');
const slider = document.querySelector('[role=slider]');
const canvas = slider.querySelector('canvas');
const problem = document.querySelector('[role=alert]');
const legs = [...document.querySelectorAll('[data-start]')];
const marks = [...document.querySelectorAll('[data-mark]')].map(mark => Number(mark.dataset.mark));
let outline = null;

const total = () => outline ? outline.seconds : Number.isFinite(audio.duration) ? audio.duration : 0;

function clock(seconds) {
  const whole = Math.floor(seconds), pad = number => String(number).padStart(2, '0');
  const hours = Math.floor(whole / 3600), minutes = Math.floor(whole / 60) % 60;
  return (hours ? hours + ':' + pad(minutes) : minutes) + ':' + pad(whole % 60);
}

function seek(seconds) {
  audio.currentTime = Math.min(Math.max(seconds, 0), total());
}

function toggle() {
  if (audio.paused) audio.play().catch(() => {});
  else audio.pause();
}

function currentLeg() {
  return legs.findLastIndex(leg => Number(leg.dataset.start) <= audio.currentTime + 0.05);
}

function goToLeg(number) {
  if (legs[number]) seek(Number(legs[number].dataset.start));
}

function drawLane(context, peaks, top, height, color) {
  const width = canvas.width, middle = top + height / 2, scale = height / 2 / 128;
  const played = total() ? audio.currentTime / total() * width : 0, count = peaks.length / 2;
  for (let x = 0; x < width; ++x) {
    const from = Math.floor(x * count / width), to = Math.max(from + 1, Math.floor((x + 1) * count / width));
    let low = 127, high = -128;
    for (let i = from; i < to && i < count; ++i) {
      low = Math.min(low, peaks[2 * i]);
      high = Math.max(high, peaks[2 * i + 1]);
    }
    context.fillStyle = x < played ? color.played : color.rest;
    context.fillRect(x, middle - high * scale - 0.5, 1, Math.max(1, (high - low) * scale));
  }
}

function drawLines(context, times, color, dashed) {
  context.strokeStyle = color;
  context.setLineDash(dashed ? [6, 4] : []);
  context.lineWidth = 2;
  for (const time of times) {
    const x = total() ? time / total() * canvas.width : 0;
    context.beginPath();
    context.moveTo(x, 0);
    context.lineTo(x, canvas.height);
    context.stroke();
  }
}

function draw() {
  const style = getComputedStyle(document.documentElement), color = name => style.getPropertyValue(name).trim();
  canvas.width = canvas.clientWidth * devicePixelRatio;
  canvas.height = canvas.clientHeight * devicePixelRatio;
  const context = canvas.getContext('2d');
  if (outline) {
    const height = canvas.height / outline.channels;
    outline.peaks.forEach((peaks, lane) => drawLane(context, peaks, lane * height, height,
      {played: color(lane ? '--called' : '--played'), rest: color('--wave')}));
  }
  drawLines(context, legs.slice(1).map(leg => Number(leg.dataset.start)), color('--line'), false);
  drawLines(context, marks, color('--mark'), true);
  drawLines(context, [audio.currentTime], color('--ink'), false);
}

function show() {
  const now = currentLeg();
  legs.forEach((leg, number) => number === now ? leg.setAttribute('aria-current', 'true') : leg.removeAttribute('aria-current'));
  slider.setAttribute('aria-valuemax', Math.round(total()));
  slider.setAttribute('aria-valuenow', Math.round(audio.currentTime));
  slider.setAttribute('aria-valuetext', clock(audio.currentTime) + ' of ' + clock(total()));
  document.querySelector('#play').textContent = audio.paused ? 'Play' : 'Pause';
  draw();
}

const keys = {
  ' ': toggle,
  ArrowLeft: () => seek(audio.currentTime - 5),
  ArrowRight: () => seek(audio.currentTime + 5),
  Home: () => seek(0),
  End: () => seek(total()),
  PageUp: () => goToLeg(currentLeg() - 1),
  PageDown: () => goToLeg(currentLeg() + 1),
};

slider.addEventListener('keydown', event => {
  if (!keys[event.key] || event.ctrlKey || event.altKey || event.metaKey) return;
  event.preventDefault();
  keys[event.key]();
});
slider.addEventListener('click', event => {
  const box = slider.getBoundingClientRect();
  seek((event.clientX - box.left) / box.width * total());
});
legs.forEach((leg, number) => leg.querySelector('a').addEventListener('click', event => {
  event.preventDefault();
  goToLeg(number);
}));
document.querySelector('#play').addEventListener('click', toggle);
document.querySelector('#back').addEventListener('click', () => seek(audio.currentTime - 10));
document.querySelector('#forward').addEventListener('click', () => seek(audio.currentTime + 10));
document.querySelector('#speed').addEventListener('change', event => audio.playbackRate = Number(event.target.value));
for (const name of ['timeupdate', 'seeked', 'play', 'pause', 'loadedmetadata', 'ended']) audio.addEventListener(name, show);
audio.addEventListener('error', () => {
  problem.textContent = 'The recording cannot be played. If the link has expired, ask for a new one.';
});
addEventListener('resize', draw);
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw);
document.querySelectorAll('[data-script]').forEach(part => part.hidden = false);
fetch(slider.dataset.peaks).then(answer => answer.ok ? answer.json() : Promise.reject()).then(found => {
  outline = found;
  if (outline.channels === 2) document.querySelectorAll('.lane').forEach(lane => lane.hidden = false);
  show();
}).catch(() => {});
show();
)";

} // namespace pbx::listening
