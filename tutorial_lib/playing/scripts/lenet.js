// LeNet5 in plain JavaScript: a drawing becomes what MNIST's makers would have made of it, and the
// trained network answers. Each step is that of Python, to the byte up to the network's input; the
// logits differ in the last digits alone, for sums are taken in another order.
(function () {
  "use strict";

  const playing = (window.playing = window.playing || {});

  const BOX = 20; // pixels; the longer side of every MNIST digit
  const FIELD = 28; // pixels; the side of an MNIST image
  const MIDDLE = 14; // the pixel on which the centre of mass of every MNIST digit lies
  const SIDE = 32; // pixels; the side of what the network takes
  const [MEAN, STD] = [Math.fround(0.1307), Math.fround(0.3081)]; // MNIST's own
  const LAYERS = {
    "conv1.weight": [6, 1, 5, 5],
    "conv1.bias": [6],
    "conv2.weight": [16, 6, 5, 5],
    "conv2.bias": [16],
    "fc1.weight": [120, 400],
    "fc1.bias": [120],
    "fc2.weight": [84, 120],
    "fc2.bias": [84],
    "fc3.weight": [10, 84],
    "fc3.bias": [10],
  };

  const product = (numbers) => numbers.reduce((all, number) => all * number, 1);

  /** Read the weights: all float32, little-endian, one layer after the other, in base64. */
  function network(text) {
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const view = new DataView(bytes.buffer);
    const weights = {};
    let at = 0;
    for (const [name, shape] of Object.entries(LAYERS)) {
      const values = (weights[name] = new Float32Array(product(shape)));
      for (let i = 0; i < values.length; i++, at += 4) values[i] = view.getFloat32(at, true);
    }
    if (at !== bytes.length) throw new RangeError(`${bytes.length} bytes of weights, not ${at}`);
    return weights;
  }

  /** Convolve (channels, side, side) with kernels of 5 x 5, take the largest of each 2 x 2, ReLU. */
  function convolve(inputs, channels, side, weight, bias) {
    const wide = side - 4, half = wide / 2, area = side * side;
    const outputs = new Float32Array(bias.length * half * half);
    const sums = new Float64Array(wide * wide);
    for (let out = 0; out < bias.length; out++) {
      sums.fill(bias[out]);
      for (let channel = 0; channel < channels; channel++)
        for (let tap = 0; tap < 25; tap++) {
          const factor = weight[(out * channels + channel) * 25 + tap];
          const start = channel * area + Math.floor(tap / 5) * side + (tap % 5);
          for (let row = 0; row < wide; row++)
            for (let column = 0; column < wide; column++)
              sums[row * wide + column] += factor * inputs[start + row * side + column];
        }
      for (let row = 0; row < half; row++)
        for (let column = 0; column < half; column++) {
          const corner = 2 * row * wide + 2 * column;
          outputs[(out * half + row) * half + column] = Math.max(
            0, sums[corner], sums[corner + 1], sums[corner + wide], sums[corner + wide + 1],
          );
        }
    }
    return outputs;
  }

  function dense(inputs, weight, bias) {
    const outputs = new Float32Array(bias.length);
    for (let out = 0; out < bias.length; out++) {
      let sum = bias[out];
      for (let i = 0; i < inputs.length; i++) sum += weight[out * inputs.length + i] * inputs[i];
      outputs[out] = sum;
    }
    return outputs;
  }

  const relu = (values) => values.map((value) => Math.max(0, value));

  /** Return the ten logits for an input of 32 x 32, normalised. */
  function forward(weights, input) {
    const layer = (name) => [weights[`${name}.weight`], weights[`${name}.bias`]];
    let x = convolve(input, 1, SIDE, ...layer("conv1")); // (6, 14, 14)
    x = convolve(x, 6, 14, ...layer("conv2")); // (16, 5, 5)
    x = relu(dense(x, ...layer("fc1"))); // (120)
    x = relu(dense(x, ...layer("fc2"))); // (84)
    return dense(x, ...layer("fc3")); // (10)
  }

  function softmax(logits) {
    const highest = Math.max(...logits);
    const powers = Array.from(logits, (logit) => Math.exp(logit - highest));
    const sum = powers.reduce((all, power) => all + power, 0);
    return powers.map((power) => power / sum);
  }

  /** Return a digit of 28 x 28, 0 to 255, as the network takes it: 32 x 32, normalised. */
  function asInput(digit) {
    const input = new Float32Array(SIDE * SIDE);
    const places = Array.from({ length: SIDE }, (_, i) => {
      const at = Math.max(0, (FIELD / SIDE) * (i + 0.5) - 0.5);
      const low = Math.floor(at);
      return [low, Math.min(low + 1, FIELD - 1), at - low];
    });
    places.forEach(([top, bottom, down], row) =>
      places.forEach(([left, right, across], column) => {
        const upper = (1 - across) * digit[top * FIELD + left] + across * digit[top * FIELD + right];
        const lower =
          (1 - across) * digit[bottom * FIELD + left] + across * digit[bottom * FIELD + right];
        const share = Math.fround(((1 - down) * upper + down * lower) / 255);
        input[row * SIDE + column] = Math.fround(share - MEAN) / STD;
      }),
    );
    return input;
  }

  /** Round as Python does: a half goes to the even neighbour. */
  function rounded(value) {
    const low = Math.floor(value), rest = value - low;
    return rest < 0.5 || (rest === 0.5 && low % 2 === 0) ? low : low + 1;
  }

  /** Say of which old pixels, and how much of each, a new one is made: the mean over its place. */
  function shares(from, to, count, most) {
    const scale = (to - from) / count, width = Math.max(scale, 1);
    return Array.from({ length: count }, (_, place) => {
      const centre = from + (place + 0.5) * scale;
      const first = Math.max(0, Math.trunc(centre - 0.5 * width + 0.5));
      const end = Math.min(most, Math.trunc(centre + 0.5 * width + 0.5));
      const inside = [];
      for (let old = first; old < end; old++) {
        const off = (old - centre + 0.5) * (1 / width);
        inside.push(off > -0.5 && off <= 0.5 ? 1 : 0);
      }
      const sum = inside.reduce((all, one) => all + one, 0);
      return [first, inside.map((one) => (sum ? one / sum : one))];
    });
  }

  /** Shrink or enlarge the box of a picture as Pillow's BOX does; in whole numbers or in floats. */
  function resized(pixels, wide, high, box, columns, rows, { whole }) {
    const [left, top, right, bottom] = box, one = 2 ** 22;
    const rule = (values) =>
      values.map(([first, parts]) => [
        first,
        whole ? parts.map((part) => Math.trunc(0.5 + part * one)) : parts,
      ]);
    const mean = ([first, parts], at) => {
      let sum = whole ? one / 2 : 0;
      parts.forEach((part, i) => (sum += part * at(first + i)));
      return whole ? Math.min(255, Math.max(0, Math.floor(sum / one))) : Math.fround(sum);
    };
    // Pillow leaves out a way along which nothing would change.
    let x = pixels, width = wide;
    if (columns !== wide || left || right !== columns) {
      const along = rule(shares(left, right, columns, wide));
      x = new Float32Array(columns * high);
      width = columns;
      for (let row = top; row < bottom; row++)
        along.forEach((part, column) => {
          x[row * columns + column] = mean(part, (old) => pixels[row * wide + old]);
        });
    }
    if (rows === high && !top && bottom === rows) return Float32Array.from(x);
    const down = rule(shares(top, bottom, rows, high));
    const result = new Float32Array(columns * rows);
    down.forEach((part, row) => {
      for (let column = 0; column < columns; column++)
        result[row * columns + column] = mean(part, (old) => x[old * width + column]);
    });
    return result;
  }

  /** Return where a row of masses must begin for its centre to lie in the middle. */
  function firstPixel(mass) {
    const all = mass.reduce((sum, one) => sum + one, 0);
    const centre = mass.reduce((sum, one, place) => sum + place * one, 0) / all;
    return Math.min(Math.max(rounded(MIDDLE - centre), 0), FIELD - mass.length);
  }

  /**
   * Return a drawing as MNIST's makers would have: scaled until its longer side is 20 pixels, and
   * laid on a field of 28 x 28 so that its centre of mass falls on pixel (14, 14).
   *
   * @param {ArrayLike<number>} drawing One byte a pixel, row by row: 0 is paper, 255 is ink.
   * @returns {Uint8Array} 28 x 28; all 0 if there is no ink.
   */
  function asMnist(drawing, wide, high) {
    const field = new Uint8Array(FIELD * FIELD);
    const darkest = drawing.reduce((most, one) => Math.max(most, one), 0);
    const pixels = darkest === 1 ? Array.from(drawing, (one) => 255 * one) : drawing;
    let [left, top, right, bottom] = [wide, high, 0, 0];
    for (let row = 0; row < high; row++)
      for (let column = 0; column < wide; column++)
        if (pixels[row * wide + column]) {
          left = Math.min(left, column);
          right = Math.max(right, column + 1);
          top = Math.min(top, row);
          bottom = row + 1;
        }
    if (right === 0) return field;
    const scale = BOX / Math.max(right - left, bottom - top);
    const columns = Math.max(1, rounded((right - left) * scale));
    const rows = Math.max(1, rounded((bottom - top) * scale));
    const most = darkest === 1 ? 255 : darkest;
    const scaled = (whole) =>
      resized(pixels, wide, high, [left, top, right, bottom], columns, rows, { whole });
    let ink = scaled(true);
    if (ink.reduce((all, one) => Math.max(all, one), 0) < most / 2) {
      // Lines so thin that half of their darkness would be lost keep all of it.
      ink = scaled(false);
      const factor = Math.fround(most / ink.reduce((all, one) => Math.max(all, one), 0));
      ink = ink.map((one) => Math.min(255, Math.max(0, Math.fround(one * factor))));
    }
    const bytes = Uint8Array.from(ink, rounded);
    const byRow = Array(rows).fill(0), byColumn = Array(columns).fill(0);
    bytes.forEach((one, i) => {
      byRow[Math.floor(i / columns)] += one;
      byColumn[i % columns] += one;
    });
    const [down, along] = [firstPixel(byRow), firstPixel(byColumn)];
    for (let row = 0; row < rows; row++)
      field.set(bytes.subarray(row * columns, (row + 1) * columns), (down + row) * FIELD + along);
    return field;
  }

  /** Return the probabilities of the ten digits for a digit of 28 x 28, as of `asMnist`. */
  const read = (weights, digit) => softmax(forward(weights, asInput(digit)));

  playing.lenet = { network, forward, softmax, asInput, asMnist, read, FIELD, LAYERS };
})();
