"use strict";

/* Sorting: within each section, by the first number of a cell, else by its text. */

function sortKey(row, column) {
  const text = row.cells[column].textContent.trim();
  const found = text.replace(/,(?=\d{3})/g, "").match(/^[<~]?\s*(-?\d*\.?\d+(?:e-?\d+)?)/i);
  return { number: found ? Number(found[1]) : null, text };
}

function compared(a, b) {
  if (a.number !== null && b.number !== null) return a.number - b.number;
  if (a.number !== null || b.number !== null) return a.number === null ? 1 : -1;
  return a.text.localeCompare(b.text);
}

function sortTable(table, column, descending) {
  for (const body of table.tBodies) {
    const rows = [...body.rows].filter((row) => !row.classList.contains("section"));
    const keyed = rows.map((row) => ({ row, key: sortKey(row, column) }));
    keyed.sort((a, b) => {
      const missing = (a.key.number === null) - (b.key.number === null);
      return missing || (descending ? -1 : 1) * compared(a.key, b.key);
    });
    body.append(...keyed.map(({ row }) => row));
  }
}

for (const table of document.querySelectorAll("table")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    head.querySelector("button").addEventListener("click", () => {
      const descending = head.getAttribute("aria-sort") === "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", descending ? "descending" : "ascending");
      sortTable(table, column, descending);
    });
  });
}

/* The gallery: strips of frames are cut apart on canvases; the difference is made here. */

class Gallery {
  constructor(clips) {
    this.clips = clips;
    this.images = new Map();
    this.timer = null;
    for (const name of ["clip", "model", "frame", "play", "said", "truth", "prediction", "difference"]) {
      this[name] = document.getElementById(name);
    }
    clips.forEach((clip, i) => this.clip.add(new Option(clip.title, i)));
    this.clip.addEventListener("change", () => this.chooseClip());
    this.model.addEventListener("change", () => this.show());
    this.frame.addEventListener("input", () => this.show());
    this.play.addEventListener("click", () => this.toggle());
    this.chooseClip();
    this.frame.value = String(this.current.context + 1);
    this.show();
  }

  get current() {
    return this.clips[Number(this.clip.value)];
  }

  chooseClip() {
    const before = this.model.selectedOptions[0]?.textContent;
    const options = this.current.models.map((model, i) => new Option(model.name, i));
    this.model.replaceChildren(...options);
    const same = this.current.models.findIndex((model) => model.name === before);
    this.model.value = String(Math.max(same, 0));
    this.frame.max = String(this.current.frames);
    this.frame.value = String(Math.min(Number(this.frame.value), this.current.frames));
    this.show();
  }

  image(uri) {
    if (!this.images.has(uri)) {
      const image = new Image();
      const ready = new Promise((resolve) => image.addEventListener("load", () => resolve(image)));
      image.src = uri;
      this.images.set(uri, ready);
    }
    return this.images.get(uri);
  }

  async show() {
    const clip = this.current;
    const model = clip.models[Number(this.model.value)];
    const index = Number(this.frame.value) - 1;
    const [truth, strip] = await Promise.all([this.image(clip.truth), this.image(model.strip)]);
    if (clip !== this.current || index !== Number(this.frame.value) - 1) return;
    const predicted = index >= clip.context;
    this.draw(this.truth, truth, index);
    this.draw(this.prediction, predicted ? strip : truth, predicted ? index - clip.context : index);
    this.subtract();
    this.tell(clip, model, index, predicted);
  }

  draw(canvas, strip, index) {
    const { width, height } = this.current;
    canvas.width = width;
    canvas.height = height;
    canvas.getContext("2d", { willReadFrequently: true })
      .drawImage(strip, index * width, 0, width, height, 0, 0, width, height);
  }

  subtract() {
    const { width, height } = this.current;
    const pixels = (canvas) => canvas.getContext("2d").getImageData(0, 0, width, height);
    const result = pixels(this.truth);
    const other = pixels(this.prediction).data;
    for (let i = 0; i < other.length; i += 4) {
      for (let c = 0; c < 3; c += 1) result.data[i + c] = Math.abs(result.data[i + c] - other[i + c]);
    }
    this.difference.width = width;
    this.difference.height = height;
    this.difference.getContext("2d").putImageData(result, 0, 0);
  }

  tell(clip, model, index, predicted) {
    const step = index - clip.context;
    const error = predicted && model.errors ? model.errors[step] : null;
    const phase = predicted ? clip.phase : "context";
    const noun = clip.phase === "reconstructed" ? "Reconstruction" : "Prediction";
    const parts = [`frame ${index + 1} of ${clip.frames}, ${phase}`];
    if (error !== null && error !== undefined) parts.push(`${model.metric} ${error}`);
    if (model.note) parts.push(model.note);
    this.said.textContent = parts.join(" · ");
    document.querySelector(".views").classList.toggle("predicted", predicted);
    const where = `${clip.title}, frame ${index + 1}`;
    this.truth.setAttribute("aria-label", `Truth: ${where}`);
    this.prediction.nextElementSibling.textContent = noun;
    this.difference.nextElementSibling.textContent = `|Truth − ${noun.toLowerCase()}|`;
    const what = predicted ? `${noun} of ${model.name}` : "Context, as given";
    this.prediction.setAttribute("aria-label", `${what}: ${where}`);
    this.difference.setAttribute("aria-label", `Absolute difference: ${where}`);
    this.frame.setAttribute("aria-valuetext", parts.join(", "));
  }

  toggle() {
    if (this.timer === null) {
      this.timer = setInterval(() => {
        const next = Number(this.frame.value) % this.current.frames;
        this.frame.value = String(next + 1);
        this.show();
      }, 250);
    } else {
      clearInterval(this.timer);
      this.timer = null;
    }
    const playing = this.timer !== null;
    this.play.textContent = playing ? "Pause" : "Play";
    this.play.setAttribute("aria-pressed", String(playing));
  }
}

const held = document.getElementById("clips");
if (held) new Gallery(JSON.parse(held.textContent));
