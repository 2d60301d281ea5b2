/** Which parts of two expressions differ, token by token (a longest common subsequence). */

export interface Piece {
  readonly text: string;
  readonly differs: boolean;
}

/** Beyond this many cells the table would cost more than the view is worth. */
const TABLE_LIMIT = 4_000_000;

export function tokens(text: string): string[] {
  return text.match(/\s+|[\p{L}_][\p{L}\p{N}_]*|\d+(?:\.\d+)?(?:e[+-]?\d+)?|->|<=|>=|==|!=|\*\*|./gsu) ?? [];
}

/** Both texts as pieces; white space never differs on its own. */
export function difference(left: string, right: string): { readonly left: Piece[]; readonly right: Piece[] } {
  const a = tokens(left);
  const b = tokens(right);
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) {
    start += 1;
  }
  let end = 0;
  while (end < a.length - start && end < b.length - start && a[a.length - 1 - end] === b[b.length - 1 - end]) {
    end += 1;
  }
  const keptA = new Array<boolean>(a.length).fill(false).map((_, i) => i < start || i >= a.length - end);
  const keptB = new Array<boolean>(b.length).fill(false).map((_, i) => i < start || i >= b.length - end);
  markCommon(a.slice(start, a.length - end), b.slice(start, b.length - end), start, keptA, keptB);
  return { left: pieces(a, keptA), right: pieces(b, keptB) };
}

function markCommon(a: string[], b: string[], offset: number, keptA: boolean[], keptB: boolean[]): void {
  const width = b.length + 1;
  if ((a.length + 1) * width > TABLE_LIMIT) {
    return;
  }
  // length[i][j]: longest common subsequence of a[i:] and b[j:].
  const length = new Uint32Array((a.length + 1) * width);
  const at = (i: number, j: number): number => length[i * width + j] ?? 0;
  for (let i = a.length - 1; i >= 0; i -= 1) {
    for (let j = b.length - 1; j >= 0; j -= 1) {
      length[i * width + j] = a[i] === b[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  let i = 0;
  let j = 0;
  while (i < a.length && j < b.length) {
    if (a[i] === b[j]) {
      keptA[offset + i] = true;
      keptB[offset + j] = true;
      i += 1;
      j += 1;
    } else if (at(i + 1, j) >= at(i, j + 1)) {
      i += 1;
    } else {
      j += 1;
    }
  }
}

function pieces(words: string[], kept: boolean[]): Piece[] {
  const result: { text: string; differs: boolean }[] = [];
  const changed = words.map((text, i) => text.trim() !== "" && kept[i] !== true);
  words.forEach((text, i) => {
    const last = result.at(-1);
    const between = text.trim() === "" && changed[i - 1] === true && changed[i + 1] === true;
    const differs = between || changed[i] === true;
    if (last?.differs === differs) {
      last.text += text;
    } else {
      result.push({ text, differs });
    }
  });
  return result;
}
