/** An exact number: numerator and positive denominator, without a common divisor. */
interface Rational {
  readonly top: bigint;
  readonly bottom: bigint;
}

type Expression =
  | { readonly type: 'number'; readonly value: Rational }
  | { readonly type: 'name'; readonly name: string }
  | { readonly type: 'call'; readonly function: string; readonly of: readonly Expression[] };

/** Arithmetic over names, which code computes exactly: no model is asked for a sum. */
export interface Formula {
  /** The names that it refers to, each once, in order of appearance. */
  readonly names: readonly string[];
  /**
   * @param answerOf the text of a number, as `readNumber` takes it
   * @returns an integer or a decimal; a fraction as `a/b` if it has no finite decimal form
   * @throws {RangeError} if a value is not a number, for a division by zero, and if a result is too large
   */
  readonly evaluate: (answerOf: (name: string) => string) => string;
}

/** Maximum length of a formula, in characters. */
const MAX_CHARS = 2_000;
/** Maximum size of a power and of a result, in bits. */
const MAX_BITS = 100_000;
/** Maximum number of decimal places; beyond it, a fraction is exact and shorter. */
const MAX_DECIMALS = 30;

const FUNCTIONS: Readonly<Record<string, (values: readonly Rational[]) => Rational>> = {
  '+': ([a, b]) => rational(a!.top * b!.bottom + b!.top * a!.bottom, a!.bottom * b!.bottom),
  '-': ([a, b]) => rational(a!.top * b!.bottom - b!.top * a!.bottom, a!.bottom * b!.bottom),
  '*': ([a, b]) => rational(a!.top * b!.top, a!.bottom * b!.bottom),
  '/': ([a, b]) => {
    if (b!.top === 0n) throw new RangeError('it divides by zero');
    return rational(a!.top * b!.bottom, a!.bottom * b!.top);
  },
  '%': ([a, b]) => {
    const [dividend, divisor] = [integer(a!, '%'), integer(b!, '%')];
    if (divisor === 0n) throw new RangeError('it divides by zero');
    return rational(((dividend % divisor) + divisor) % divisor, 1n);
  },
  '^': ([a, b]) => {
    const exponent = integer(b!, '^');
    const bits = BigInt(a!.top.toString(2).length + a!.bottom.toString(2).length);
    if (exponent < 0n || exponent * bits > MAX_BITS) {
      throw new RangeError('expected an exponent of at least 0, and a power that can be written down');
    }
    return rational(a!.top ** exponent, a!.bottom ** exponent);
  },
  min: (values) => values.reduce((least, value) => (isLess(value, least) ? value : least)),
  max: (values) => values.reduce((most, value) => (isLess(most, value) ? value : most)),
  abs: ([a]) => rational(a!.top < 0n ? -a!.top : a!.top, a!.bottom),
};
/** Number of arguments that they take; others take at least one. */
const ARITY: Readonly<Record<string, number>> = { abs: 1 };

/**
 * Reads `P1 * 1000 + P2`: numbers, names, + - * / % ^ and parentheses, and the functions min, max, abs. A power binds more
 * tightly than its sign, and is right-associative.
 * @throws {SyntaxError} saying what was expected where.
 */
export function parseFormula(text: string): Formula {
  if (text.length > MAX_CHARS) {
    throw new SyntaxError(`expected a formula of at most ${MAX_CHARS} characters, got ${text.length}`);
  }
  const tokens = [...text.matchAll(/\s*(?:(\d+(?:\.\d+)?)|([A-Za-z_]\w*)|(\*\*|[-+*/%^(),×·−])|(\S))/g)];
  const names = new Set<string>();
  let place = 0;
  const peek = () => OPERATORS[tokens[place]?.[3] ?? ''] ?? tokens[place]?.[3];
  const fail = (wanted: string): never => {
    const token = tokens[place];
    const got = token === undefined ? 'the end' : `${JSON.stringify(token[0].trim())} (character ${token.index})`;
    throw new SyntaxError(`expected ${wanted} in the formula, got ${got}`);
  };
  const take = (symbol: string) => {
    if (peek() !== symbol) fail(symbol);
    place++;
  };
  const chain = (symbols: readonly string[], operand: () => Expression): Expression => {
    let left = operand();
    for (let symbol = peek(); symbol !== undefined && symbols.includes(symbol); symbol = peek()) {
      place++;
      left = { type: 'call', function: symbol, of: [left, operand()] };
    }
    return left;
  };
  const sum = (): Expression => chain(['+', '-'], product);
  const product = (): Expression => chain(['*', '/', '%'], signed);
  const signed = (): Expression => {
    if (peek() === '+' || peek() === '-') {
      const symbol = peek()!;
      place++;
      return { type: 'call', function: symbol, of: [ZERO, signed()] };
    }
    const base = atom();
    if (peek() !== '^') return base;
    place++;
    return { type: 'call', function: '^', of: [base, signed()] };
  };
  const atom = (): Expression => {
    const [, number, name] = tokens[place] ?? [];
    if (number !== undefined) {
      place++;
      return { type: 'number', value: readRational(number)! };
    }
    if (name !== undefined) {
      place++;
      return peek() === '(' ? call(name) : named(name);
    }
    if (peek() !== '(') return fail('a number, a name or a parenthesis');
    place++;
    const inner = sum();
    take(')');
    return inner;
  };
  const named = (name: string): Expression => {
    names.add(name);
    return { type: 'name', name };
  };
  const call = (name: string): Expression => {
    if (!/^(min|max|abs)$/.test(name)) {
      place--;
      fail('min, max or abs');
    }
    const of: Expression[] = [];
    do {
      place++;
      of.push(sum());
    } while (peek() === ',');
    take(')');
    const arity = ARITY[name];
    if (arity !== undefined && of.length !== arity) {
      throw new SyntaxError(`expected one argument of ${name} in the formula, got ${of.length}`);
    }
    return { type: 'call', function: name, of };
  };
  const expression = sum();
  if (place < tokens.length) fail('an operator or the end');
  return { names: [...names], evaluate: (answerOf) => show(evaluate(expression, answerOf)) };
}

/** Operators as models write them. */
const OPERATORS: Readonly<Record<string, string>> = { '**': '^', '×': '*', '·': '*', '−': '-' };

/**
 * Normalises a number: without separators of thousands, a plus sign or unnecessary zeros.
 * @returns undefined if it is not a number: an integer, a decimal, or a fraction `a/b`
 */
export function readNumber(text: string): string | undefined {
  const value = readRational(text.trim().replace('−', '-'));
  return value && show(value);
}

function readRational(text: string): Rational | undefined {
  const found = /^([-+]?)(\d+|\d{1,3}(?:,\d{3})+)(?:\.(\d+)|\/([1-9]\d*))?$/.exec(text);
  if (found === null) return undefined;
  const [, sign, whole, decimals = '', bottom] = found;
  const top = BigInt(whole!.replaceAll(',', '') + decimals) * (sign === '-' ? -1n : 1n);
  return rational(top, bottom === undefined ? 10n ** BigInt(decimals.length) : BigInt(bottom));
}

function evaluate(expression: Expression, answerOf: (name: string) => string): Rational {
  if (expression.type === 'number') return expression.value;
  if (expression.type === 'name') {
    const text = answerOf(expression.name);
    const value = readRational(text);
    if (value === undefined) {
      throw new RangeError(`expected a number as ${expression.name}, got ${JSON.stringify(text.slice(0, 50))}`);
    }
    return value;
  }
  const value = FUNCTIONS[expression.function]!(expression.of.map((part) => evaluate(part, answerOf)));
  if (value.top.toString(16).length * 4 > MAX_BITS) throw new RangeError('it gives a number too large to write down');
  return value;
}

const ZERO: Expression = { type: 'number', value: { top: 0n, bottom: 1n } };

function rational(top: bigint, bottom: bigint): Rational {
  const sign = bottom < 0n ? -1n : 1n;
  const divisor = greatestCommonDivisor(top < 0n ? -top : top, bottom * sign);
  return { top: (top * sign) / divisor, bottom: (bottom * sign) / divisor };
}

function greatestCommonDivisor(a: bigint, b: bigint): bigint {
  let [large, small] = [a, b];
  while (small !== 0n) [large, small] = [small, large % small];
  return large;
}

function isLess(a: Rational, b: Rational): boolean {
  return a.top * b.bottom < b.top * a.bottom;
}

function integer({ top, bottom }: Rational, symbol: string): bigint {
  if (bottom !== 1n) throw new RangeError(`expected integers on both sides of ${symbol}`);
  return top;
}

function show({ top, bottom }: Rational): string {
  if (bottom === 1n) return String(top);
  for (let decimals = 1, scale = 10n; decimals <= MAX_DECIMALS; decimals++, scale *= 10n) {
    if (scale % bottom !== 0n) continue;
    const digits = String((top < 0n ? -top : top) * (scale / bottom)).padStart(decimals + 1, '0');
    return `${top < 0n ? '-' : ''}${digits.slice(0, -decimals)}.${digits.slice(-decimals)}`;
  }
  return `${top}/${bottom}`;
}
