const MAX_DEPTH = 100;

/**
 * Canonical JSON of an action: object keys sorted by code unit, strings in Unicode normal form C, -0 as 0. Two actions
 * with equal keys are one candidate. Only plain JSON is accepted, because the journal must give back what was decided.
 * @throws {TypeError} for anything that JSON cannot carry, and for nesting deeper than 100.
 */
export function candidateKey(action: unknown): string {
  return canonicalJson(action, 0);
}

function canonicalJson(value: unknown, depth: number): string {
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value.normalize('NFC'));
    case 'number':
      if (!Number.isFinite(value)) throw new TypeError(`expected a finite number, got ${value}`);
      return String(value === 0 ? 0 : value);
    case 'boolean':
      return value ? 'true' : 'false';
    case 'object':
      break;
    default:
      throw new TypeError(`expected a JSON value, got ${typeof value}`);
  }
  if (value === null) return 'null';
  if (depth >= MAX_DEPTH) throw new TypeError(`expected at most ${MAX_DEPTH} levels of nesting`);
  if (Array.isArray(value)) {
    let text = '[';
    for (let i = 0; i < value.length; i++) {
      if (i > 0) text += ',';
      text += canonicalJson(value[i], depth + 1);
    }
    return `${text}]`;
  }
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    throw new TypeError(`expected a plain object, got ${prototype.constructor?.name ?? 'an exotic object'}`);
  }
  const members = new Map<string, unknown>();
  for (const [name, member] of Object.entries(value)) {
    // JSON drops undefined members, so they make no difference between two actions.
    if (member === undefined) continue;
    const normal = name.normalize('NFC');
    if (members.has(normal)) throw new TypeError(`two keys are the same in normal form C: ${JSON.stringify(normal)}`);
    members.set(normal, member);
  }
  const names = [...members.keys()].sort();
  return `{${names.map((name) => `${JSON.stringify(name)}:${canonicalJson(members.get(name), depth + 1)}`).join(',')}}`;
}
