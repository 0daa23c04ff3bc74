/**
 * Half of the 95 % quantile of chi-square with one degree of freedom, 3.841: an interval ends where the log-likelihood is this
 * much below the maximum.
 */
export const DROP = 1.9207;

/** The largest value of f on a range: the best of a grid that is finer near its low end, then the golden section. */
export function maximise(f: (x: number) => number, low: number, high: number): { at: number; value: number } {
  const points = 16;
  const x = (i: number) => low + (high - low) * (Math.min(Math.max(i, 0), points) / points) ** 2;
  let at = 0;
  let value = Number.NEGATIVE_INFINITY;
  let index = 0;
  const visit = (candidate: number): number => {
    const result = f(candidate);
    if (result > value) {
      value = result;
      at = candidate;
    }
    return result;
  };
  for (let i = 0; i <= points; i++) {
    const before = value;
    if (visit(x(i)) > before) index = i;
  }
  let [left, right] = [x(index - 1), x(index + 1)];
  const golden = (Math.sqrt(5) - 1) / 2;
  let [a, b] = [right - golden * (right - left), left + golden * (right - left)];
  let [fa, fb] = [visit(a), visit(b)];
  while (right - left > 1e-9 + 1e-6 * right) {
    if (fa > fb) {
      [right, b, fb] = [b, a, fa];
      a = right - golden * (right - left);
      fa = visit(a);
    } else {
      [left, a, fa] = [a, b, fb];
      b = left + golden * (right - left);
      fb = visit(b);
    }
  }
  return { at, value };
}

/** The last point from `start` towards `end` at which f, which falls on the way, is at least `cut`. */
export function lastAbove(f: (x: number) => number, cut: number, start: number, end: number): number {
  if (f(end) >= cut) return end;
  let [inside, outside] = [start, end];
  for (let i = 0; i < 40; i++) {
    const middle = (inside + outside) / 2;
    if (f(middle) >= cut) inside = middle;
    else outside = middle;
  }
  return outside;
}
