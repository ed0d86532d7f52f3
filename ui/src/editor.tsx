/** The field for an expression: coloured while typing, with completion and history. */

import { useEffect, useMemo, useRef } from 'preact/hooks';
import { HistoryIcon } from './icons';
import { namesOf } from './names';
import type { Panel } from './panels';
import { Suggestions, SuggestionList } from './suggestions';
import { tokenize } from './tokens';

/** The expression of a panel; Enter executes it. */
export function Editor(props: { panel: Panel; number: number }) {
  const { panel, number } = props;
  const area = useRef<HTMLTextAreaElement>(null);
  const paint = useRef<HTMLPreElement>(null);
  const list = useMemo(() => new Suggestions(() => namesOf(panel.options.peek().tenant)), [panel]);
  const listId = `suggestions-${panel.id}`;
  useEffect(() => {
    if (panel.draft.peek() === '') area.current?.focus();
  }, [panel]);
  const open = list.open.value;
  const active = list.active.value;
  return (
    <div class="editor">
      <pre class="editor-paint" aria-hidden="true" ref={paint}>
        <Painted text={panel.draft.value} />
        {'\n'}
      </pre>
      <textarea
        ref={area}
        id={`expr-${panel.id}`}
        name="expr"
        rows={1}
        spellcheck={false}
        autocomplete="off"
        autocapitalize="off"
        placeholder="Expression (Enter to execute, Alt+Enter for a new line)"
        aria-label={`Expression of panel ${number}`}
        aria-autocomplete="list"
        aria-controls={open ? listId : undefined}
        aria-activedescendant={open && active >= 0 ? `${listId}-${active}` : undefined}
        value={panel.draft.value}
        onInput={(event) => {
          panel.draft.value = event.currentTarget.value;
          void list.typed(event.currentTarget);
        }}
        onKeyDown={(event) => onKey(event, panel, list)}
        onBlur={() => list.close()}
        onClick={() => list.close()}
      />
      <button
        type="button"
        class="quiet icon-button"
        aria-label="Earlier expressions"
        title="Earlier expressions"
        onMouseDown={(event) => event.preventDefault()}
        onClick={() => area.current && list.showHistory(area.current)}
      >
        <HistoryIcon />
      </button>
      {open && <SuggestionList id={listId} list={list} area={area} paint={paint} />}
    </div>
  );
}

function Painted(props: { text: string }) {
  return (
    <>
      {tokenize(props.text).map((token) => (
        <span key={token.start} class={`t-${token.kind}`}>
          {token.text}
        </span>
      ))}
    </>
  );
}

type AreaKey = KeyboardEvent & { currentTarget: HTMLTextAreaElement };

function onKey(event: AreaKey, panel: Panel, list: Suggestions): void {
  if (event.isComposing) return;
  if (event.key === 'Enter') onEnter(event, panel, list);
  else if (event.key === ' ' && event.ctrlKey) void list.ask(event.currentTarget);
  else if (!list.open.peek() || !onListKey(event, list)) return;
  event.preventDefault();
}

function onEnter(event: AreaKey, panel: Panel, list: Suggestions): void {
  const plain = !event.ctrlKey && !event.shiftKey && !event.metaKey;
  if (event.altKey) return insertText(event.currentTarget, '\n');
  if (plain && list.open.peek() && list.active.peek() >= 0) {
    return list.accept(list.active.peek(), event.currentTarget);
  }
  list.close();
  panel.execute();
}

function insertText(area: HTMLTextAreaElement, text: string): void {
  document.execCommand('insertText', false, text);
  area.focus();
}

/** Whether the key was meant for the list. */
function onListKey(event: AreaKey, list: Suggestions): boolean {
  switch (event.key) {
    case 'ArrowDown':
      list.move(1);
      return true;
    case 'ArrowUp':
      list.move(-1);
      return true;
    case 'Tab':
      if (event.shiftKey) return false;
      list.accept(Math.max(0, list.active.peek()), event.currentTarget);
      return true;
    case 'Escape':
      list.close();
      return true;
    default:
      return false;
  }
}
