// Filters: words that must all occur, or folded names such as `ups.{0..3}.weight`.

/** A test for names: every word of the text must occur; braces stand for the numbers in them. */
function matcher(text) {
  const words = text.trim().split(/\s+/).filter(Boolean).map(expression);
  return (name) => words.every((word) => word.test(name));
}

function expression(word) {
  const parts = word.split(/(\{[\d.,]+\})/);
  const source = parts.map((part, index) => (index % 2 ? numbers(part.slice(1, -1)) : escaped(part))).join("");
  return new RegExp(/\{|\d$/.test(word) ? `${source}(?!\\d)` : source, "i");
}

function numbers(body) {
  const range = body.match(/^(\d+)\.\.(\d+)$/);
  if (!range) return `(?:${body.split(",").map(escaped).join("|")})`;
  const [first, last] = [Number(range[1]), Number(range[2])];
  const all = Array.from({ length: Math.min(last - first + 1, 100000) }, (_, index) => first + index);
  return `(?:${all.join("|")})`;
}

const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
