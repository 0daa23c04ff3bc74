/** Prints rows in columns, the first flush left, numbers below each other. */
export function printTable(
  header: readonly string[],
  rows: readonly (readonly (string | number)[])[],
  say: (line: string) => void,
): void {
  const cells = [header, ...rows].map((row) => row.map(String));
  const widths = header.map((_, column) => Math.max(...cells.map((row) => row[column]!.length)));
  for (const row of cells) {
    const padded = row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!)));
    say(`  ${padded.join('  ')}`.trimEnd());
  }
}
