/** Seeded randomness. It must not be used for cryptography. */
export type Random = () => number;

/** Mixes 32-bit words into one (the finaliser of MurmurHash3 after each). */
export function mix(...words: number[]): number {
  let hash = 0x9e3779b9;
  for (const word of words) {
    hash = Math.imul(hash ^ word, 0x85ebca6b);
    hash ^= hash >>> 13;
    hash = Math.imul(hash, 0xc2b2ae35);
    hash ^= hash >>> 16;
  }
  return hash >>> 0;
}

/** A 32-bit hash of a text (FNV-1a over its code units). */
export function hashText(text: string, seed = 0): number {
  let hash = 0x811c9dc5 ^ seed;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

/** Uniform numbers in [0, 1) with 53 bits, from a 32-bit seed (sfc32). */
export function createRandom(seed: number): Random {
  let a = mix(seed, 1);
  let b = mix(seed, 2);
  let c = mix(seed, 3);
  let counter = 1;
  const next = (): number => {
    const t = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (c << 21) | (c >>> 11);
    c = (c + t) | 0;
    return t >>> 0;
  };
  for (let i = 0; i < 12; i++) next();
  return () => (next() * 0x200000 + (next() >>> 11)) / 0x20000000000000;
}

/** Draws one of them, each with equal probability. */
export function pick<T>(list: readonly T[], random: Random): T {
  return list[Math.floor(random() * list.length)]!;
}

/** Shuffles a list, all orders with equal probability (Fisher and Yates). Its first n are n members drawn without replacement. */
export function shuffled<T>(list: readonly T[], random: Random): T[] {
  const drawn = [...list];
  for (let i = 0; i < drawn.length; i++) {
    const j = i + Math.floor(random() * (drawn.length - i));
    [drawn[i], drawn[j]] = [drawn[j]!, drawn[i]!];
  }
  return drawn;
}

export function standardNormal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

/** A draw from Gamma(shape, 1) by Marsaglia and Tsang (2000). */
function gamma(shape: number, random: Random): number {
  if (shape < 1) return gamma(shape + 1, random) * (1 - random()) ** (1 / shape);
  const d = shape - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = standardNormal(random);
    const v = (1 + c * x) ** 3;
    if (v > 0 && Math.log(1 - random()) < (x * x) / 2 + d - d * v + d * Math.log(v)) return d * v;
  }
}

/** A draw from the Beta distribution with this mean and intra-class correlation rho = 1 / (alpha + beta + 1). */
export function betaDraw(options: { mean: number; rho: number }, random: Random): number {
  const { mean, rho } = options;
  if (rho <= 0 || mean <= 0 || mean >= 1) return mean;
  const size = 1 / rho - 1;
  const x = gamma(mean * size, random);
  const y = gamma((1 - mean) * size, random);
  // Both underflow only for a tiny size, where the distribution is all but two-point.
  return x + y > 0 ? x / (x + y) : random() < mean ? 1 : 0;
}
