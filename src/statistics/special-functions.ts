export interface Interval {
  readonly low: number;
  readonly high: number;
}

/**
 * Exact two-sided interval of a share (Clopper and Pearson 1934). For values between 0 and 1 in place of hits, `successes`
 * is their sum, because they vary less than hits with the same mean.
 */
export function clopperPearson(options: { successes: number; trials: number; confidence?: number }): Interval {
  const { successes, trials, confidence = 0.95 } = options;
  const tail = (1 - confidence) / 2;
  const low = (hits: number) => (hits <= 0 ? 0 : betaQuantile(tail, hits, trials - hits + 1));
  return { low: low(successes), high: 1 - low(trials - successes) };
}

/** Finds x with P(X <= x) = chance for X ~ Beta(a, b), by bisection to the last bit. */
function betaQuantile(chance: number, a: number, b: number): number {
  let [low, high] = [0, 1];
  for (;;) {
    const middle = (low + high) / 2;
    if (middle <= low || middle >= high) return middle;
    if (betaBelow(middle, a, b) < chance) low = middle;
    else high = middle;
  }
}

/** P(X <= x) for X ~ Beta(a, b), the regularised incomplete beta function I_x(a, b). It stays accurate where it is small. */
export function betaBelow(x: number, a: number, b: number): number {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  // With b < 1 the probability may be small beyond the mean too. The fraction converges there, only slower.
  if (x < (a + 1) / (a + b + 2) || (b < 1 && x < 0.99)) return betaFraction(x, a, b);
  return 1 - betaFraction(1 - x, b, a);
}

/** I_x(a, b) as a continued fraction (DLMF 8.17.22), by the modified method of Lentz. */
function betaFraction(x: number, a: number, b: number): number {
  const nonZero = (value: number) => (Math.abs(value) < 1e-300 ? 1e-300 : value);
  let c = 1;
  let d = 1 / nonZero(1 - ((a + b) * x) / (a + 1));
  let fraction = d;
  for (let m = 1; m < 100_000; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    for (const term of [even, odd]) {
      d = 1 / nonZero(1 + term * d);
      c = nonZero(1 + term / c);
      fraction *= d * c;
    }
    if (Math.abs(d * c - 1) < 1e-15) break;
  }
  return (betaKernel(x, a, b) * fraction) / a;
}

/** x^a (1-x)^b / B(a, b); for large a and b by Loader's saddle-point form (2000), since the factors under- and overflow. */
function betaKernel(x: number, a: number, b: number): number {
  if (Math.min(a, b) < 10) return Math.exp(a * Math.log(x) + b * Math.log1p(-x) - logBeta(a, b));
  const n = a + b;
  const offset = n * x - a;
  const rest = stirlingRest(n) - stirlingRest(a) - stirlingRest(b);
  const exponent = rest - a * excess(offset / a) - b * excess(-offset / b);
  return Math.sqrt(((a / n) * b) / (2 * Math.PI)) * Math.exp(exponent);
}

/** u - ln(1 + u); for small u by its series, as the difference would cancel. */
function excess(u: number): number {
  if (Math.abs(u) > 0.1) return u - Math.log1p(u);
  let sum = 0;
  let power = u * u;
  for (let i = 2; Math.abs(power) > 1e-17 * sum; i++) {
    sum += power / i;
    power *= -u;
  }
  return sum;
}

/** ln B(a, b) for a, b > 0. The common part of large arguments is removed before it can cancel. */
export function logBeta(a: number, b: number): number {
  const [small, large] = a < b ? [a, b] : [b, a];
  if (large < 10) return logGamma(small) + logGamma(large) - logGamma(small + large);
  // ln Gamma(large) - ln Gamma(small + large) + small ln(small + large), by Stirling's series
  const quotient =
    small - (large - 0.5) * Math.log1p(small / large) + stirlingRest(large) - stirlingRest(small + large);
  return logGamma(small) + quotient - small * Math.log(small + large);
}

/** ln Gamma(x) for x > 0. */
function logGamma(x: number): number {
  // Gamma(x) = Gamma(x + n) / (x (x+1) ... (x+n-1)), to where the series is exact
  let product = 1;
  let shifted = x;
  while (shifted < 10) product *= shifted++;
  const main = (shifted - 0.5) * Math.log(shifted) - shifted + Math.log(2 * Math.PI) / 2;
  return main + stirlingRest(shifted) - Math.log(product);
}

/** ln Gamma(x) less (x - 1/2) ln x - x + ln(2 pi)/2, for x >= 10, by Stirling's series (DLMF 5.11.1). */
function stirlingRest(x: number): number {
  const y = 1 / (x * x);
  return (1 / 12 - y * (1 / 360 - y * (1 / 1260 - y * (1 / 1680 - y * (1 / 1188 - (y * 691) / 360360))))) / x;
}
