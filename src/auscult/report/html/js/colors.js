// Colour maps. Levels: magma, by Nathaniel Smith and Stéfan van der Walt (CC0). Differences: blue for less, orange for more.

const MAGMA = ["000004", "0a0822", "1d1147", "36106b", "51127c", "6a1c81", "832681", "9c2e7f", "b73779", "d0416f", "e75263", "f56b5c", "fc8961", "fea772", "fec488", "fde2a3", "fcfdbf"];
const DIFFERENCE = ["6db8ff", "2f7fd6", "1b3f6b", "14161c", "6b3a12", "d67a1f", "ffc070"];

/** 256 colours as [red, green, blue, ...] between evenly spaced stops. */
function colorTable(stops) {
  const points = stops.map((stop) => [0, 2, 4].map((at) => parseInt(stop.slice(at, at + 2), 16)));
  const table = new Uint8ClampedArray(256 * 3);
  for (let index = 0; index < 256; index++) {
    const place = (index / 255) * (points.length - 1);
    const first = Math.min(points.length - 2, Math.floor(place));
    for (let part = 0; part < 3; part++) table[3 * index + part] = points[first][part] + (place - first) * (points[first + 1][part] - points[first][part]);
  }
  return table;
}

const LEVEL_COLORS = colorTable(MAGMA);
const DIFFERENCE_COLORS = colorTable(DIFFERENCE);
const NO_DATA_COLOR = [74, 74, 84];
