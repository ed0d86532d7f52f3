/** The list under the cursor: completions while typing, or earlier expressions. */

import { signal } from '@preact/signals';
import type { RefObject } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { candidatesFor, contextAt, type Candidate, type Context, type Source } from './completion';
import { history } from './preferences';

/** What the list holds and which line is chosen. */
export class Suggestions {
  readonly open = signal(false);
  readonly items = signal<Candidate[]>([]);
  /** The chosen line; -1 is none, so that Enter executes. */
  readonly active = signal(-1);
  context: Context = { wanted: { kind: 'nothing' }, start: 0, typed: '' };
  private turn = 0;

  constructor(private readonly source: () => Source) {}

  /** After a keystroke: opens where there is something to go by. */
  async typed(area: HTMLTextAreaElement): Promise<void> {
    const context = contextAt(area.value, area.selectionStart);
    if (context.wanted.kind === 'expression' && context.typed === '') return this.close();
    await this.show(context);
  }

  /** On demand: opens wherever the cursor is; in an empty field, with what was asked before. */
  async ask(area: HTMLTextAreaElement): Promise<void> {
    if (area.value.trim() === '' && history.peek().length > 0) return this.showHistory(area);
    await this.show(contextAt(area.value, area.selectionStart));
  }

  /** Earlier expressions, to replace the whole field. */
  showHistory(area: HTMLTextAreaElement): void {
    const shown = this.open.peek() && this.items.peek().every(({ kind }) => kind === 'history');
    this.turn += 1;
    area.focus();
    this.context = { wanted: { kind: 'nothing' }, start: 0, typed: '' };
    const earlier = history.peek();
    this.items.value = earlier.map((expr) => {
      return { label: expr, insert: expr, kind: 'history', detail: '' };
    });
    this.active.value = earlier.length > 0 ? 0 : -1;
    this.open.value = !shown;
  }

  close(): void {
    this.turn += 1;
    this.open.value = false;
  }

  /** Chooses the next or previous line, around the ends. */
  move(by: 1 | -1): void {
    const count = this.items.peek().length;
    if (count === 0) return;
    const from = this.active.peek() < 0 && by < 0 ? 0 : this.active.peek();
    this.active.value = (from + by + count) % count;
  }

  /** Puts a line into the expression. */
  accept(index: number, area: HTMLTextAreaElement): void {
    const item = this.items.peek()[index];
    this.close();
    if (!item) return;
    const end = item.kind === 'history' ? area.value.length : area.selectionStart;
    const next = area.value.slice(end);
    area.focus();
    area.setSelectionRange(this.context.start, end);
    const text = item.insert + this.closing(item, next);
    // The editing command keeps undo working and tells the field that its text changed.
    if (document.execCommand('insertText', false, text)) return;
    area.setRangeText(text, this.context.start, end, 'end');
    area.dispatchEvent(new Event('input', { bubbles: true }));
  }

  private async show(context: Context): Promise<void> {
    const turn = ++this.turn;
    // Names that cannot be had now are no reason to disturb someone who is typing.
    const items = await candidatesFor(context, this.source()).catch(() => []);
    if (turn !== this.turn) return;
    const done = items[0]?.label === context.typed;
    this.context = context;
    this.items.value = items;
    this.active.value = context.typed === '' || done ? -1 : 0;
    this.open.value = items.length > 0 && !(done && items.length === 1);
  }

  /** What follows a name anyway: the operator of a matcher, the end of a string. */
  private closing(item: Candidate, next: string): string {
    const { wanted } = this.context;
    if (wanted.kind === 'value') return next.startsWith(wanted.quote) ? '' : wanted.quote;
    if (item.kind !== 'label' || wanted.kind !== 'label' || !wanted.inSelector) return '';
    return /^\s*[=!]/.test(next) ? '' : '="';
  }
}

interface ListProps {
  id: string;
  list: Suggestions;
  area: RefObject<HTMLTextAreaElement | null>;
  paint: RefObject<HTMLElement | null>;
}

/** The list itself, under the word that it completes. */
export function SuggestionList(props: ListProps) {
  const { id, list, area, paint } = props;
  const box = useRef<HTMLDivElement>(null);
  const items = list.items.value;
  const active = list.active.value;
  useLayoutEffect(() => {
    if (box.current && paint.current) place(box.current, paint.current, list.context.start);
  }, [items]);
  useLayoutEffect(() => {
    box.current?.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: 'nearest' });
  }, [active, items]);
  return (
    <div class="suggestions" ref={box}>
      <div role="listbox" id={id} aria-label="Suggestions">
        {items.map((item, index) => (
          <div
            key={`${item.kind} ${item.label}`}
            id={`${id}-${index}`}
            role="option"
            aria-selected={index === active}
            onMouseDown={(event) => {
              event.preventDefault();
              if (area.current) list.accept(index, area.current);
            }}
          >
            <span class={`kind kind-${item.kind}`}>{item.kind}</span>
            <span class="name">{item.label}</span>
            <span class="detail">{item.detail}</span>
          </div>
        ))}
      </div>
      <div class="hint" role="status">
        {items.length === 0
          ? 'Nothing was asked yet'
          : `${items.length} suggestions. Tab accepts, arrows choose, Esc closes`}
      </div>
    </div>
  );
}

/** Moves the list under a place in the painted text, inside the field's width. */
function place(box: HTMLElement, paint: HTMLElement, offset: number): void {
  const frame = paint.getBoundingClientRect();
  const caret = caretBox(paint, offset) ?? frame;
  const left = Math.min(caret.left - frame.left, frame.width - box.offsetWidth);
  box.style.left = `${Math.max(0, left)}px`;
  box.style.top = `${caret.bottom - frame.top + 10}px`;
}

function caretBox(paint: HTMLElement, offset: number): DOMRect | null {
  const walker = document.createTreeWalker(paint, NodeFilter.SHOW_TEXT);
  let rest = offset;
  for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
    const length = node.textContent?.length ?? 0;
    if (rest <= length) {
      const range = document.createRange();
      range.setStart(node, rest);
      range.collapse(true);
      return range.getBoundingClientRect();
    }
    rest -= length;
  }
  return null;
}
