/** Splits an expression into coloured pieces; never fails, whatever was typed so far. */

/** What a piece of an expression is. */
export type TokenKind =
  | 'space'
  | 'comment'
  | 'string'
  | 'number'
  | 'word'
  | 'label'
  | 'keyword'
  | 'function'
  | 'operator'
  | 'bracket';

/** A piece of an expression and where it starts. */
export interface Token {
  kind: TokenKind;
  text: string;
  start: number;
}

const KEYWORDS = new Set([
  'by',
  'without',
  'on',
  'ignoring',
  'group_left',
  'group_right',
  'and',
  'or',
  'unless',
  'atan2',
  'offset',
  'bool',
  'fill',
  'fill_left',
  'fill_right',
  'anchored',
  'smoothed',
]);

/** Keywords whose brackets hold names of labels. */
export const GROUPING = /^(by|without|on|ignoring|group_left|group_right)$/i;

const PATTERN = new RegExp(
  [
    '(?<space>\\s+)',
    '(?<comment>#[^\\n]*)',
    '(?<string>"(?:[^"\\\\\\n]|\\\\.)*"?|\'(?:[^\'\\\\\\n]|\\\\.)*\'?|`[^`]*`?)',
    '(?<number>(?:0[xX][0-9a-fA-F_]+|[0-9][0-9_]*(?:\\.[0-9_]*)?(?:[eE][+-]?[0-9]+)?|\\.[0-9]+)' +
      '(?:(?:ms|[smhdwy])(?:[0-9]+(?:ms|[smhdwy]))*)?)',
    '(?<word>[a-zA-Z_:][a-zA-Z0-9_:]*)',
    '(?<operator>=~|!~|==|!=|<=|>=|<\\/|>\\/|[-+*/%^=<>@,.])',
    '(?<bracket>[(){}\\[\\]])',
    '(?<other>[^])',
  ].join('|'),
  'gy',
);

/** All pieces, in order; together they are the text. */
export function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  for (const match of text.matchAll(PATTERN)) {
    const groups = match.groups ?? {};
    const found = Object.keys(groups).find((name) => groups[name] !== undefined);
    const kind = found === 'other' ? 'operator' : ((found ?? 'operator') as TokenKind);
    tokens.push({ kind, text: match[0], start: match.index });
  }
  markWords(tokens);
  return tokens;
}

function markWords(tokens: Token[]): void {
  const solid = tokens.filter(({ kind }) => kind !== 'space' && kind !== 'comment');
  // For each open bracket, whether the words directly inside it are names of labels.
  const labels: boolean[] = [];
  solid.forEach((token, index) => {
    if (token.kind === 'bracket') {
      if ('({['.includes(token.text)) labels.push(holdsLabels(token, solid[index - 1]));
      else labels.pop();
    }
    if (token.kind !== 'word') return;
    const next = solid[index + 1];
    if (labels.at(-1)) token.kind = 'label';
    else if (KEYWORDS.has(token.text.toLowerCase())) token.kind = 'keyword';
    else if (next?.text === '(' || opensGrouping(next)) token.kind = 'function';
  });
}

function holdsLabels(bracket: Token, before: Token | undefined): boolean {
  return (
    bracket.text === '{' ||
    (bracket.text === '(' && before?.kind === 'keyword' && GROUPING.test(before.text))
  );
}

function opensGrouping(token: Token | undefined): boolean {
  return token?.kind === 'word' && /^(by|without)$/i.test(token.text);
}
