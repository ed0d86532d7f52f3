/** What the node had to say beside or instead of an answer: errors, warnings, hints. */

import type { ComponentChildren } from 'preact';
import { clockAhead, type ApiError } from './api';
import { offsetOf, positionOf } from './format';
import { formatDuration } from './time';

/** Begin warnings and hints of the language; any other warning means that data is missing. */
const LANGUAGE = /^PromQL (warning|info): ?/;

/** A difference between the clocks which graphs that end now would show. */
const CLOCK_DIFFERENCE_MS = 30_000;

interface Props {
  expr: string;
  warnings: string[];
  infos: string[];
  /** Puts the cursor at a place of the expression. */
  onGo(offset: number): void;
}

/** Warnings that say a part of the data could not be read. */
export function missingData(warnings: string[]): string[] {
  return warnings.filter((text) => !LANGUAGE.test(text));
}

/** Says that the browser and the node disagree about the time. */
export function ClockNotice() {
  const ahead = clockAhead.value;
  if (Math.abs(ahead) < CLOCK_DIFFERENCE_MS) return null;
  const seconds = formatDuration(Math.round(Math.abs(ahead) / 1000));
  return (
    <Notice kind="warning" title="The clocks differ">
      <p>
        The node's clock is {seconds} {ahead > 0 ? 'ahead of' : 'behind'} this browser's. A graph
        that ends now ends at the browser's now.
      </p>
    </Notice>
  );
}

/** All that came with an answer. */
export function Notices(props: Props) {
  const missing = missingData(props.warnings);
  const language = props.warnings.filter((text) => LANGUAGE.test(text));
  const { expr, onGo } = props;
  return (
    <>
      {missing.length > 0 && (
        <Notice kind="incomplete" title="This answer may be incomplete">
          <ul>
            {missing.map((text) => (
              <li key={text}>{text}</li>
            ))}
          </ul>
        </Notice>
      )}
      {language.map((text) => (
        <Notice key={text} kind="warning" title="Warning">
          <Message text={text.replace(LANGUAGE, '')} expr={expr} onGo={onGo} />
        </Notice>
      ))}
      {props.infos.map((text) => (
        <Notice key={text} kind="info" title="Info">
          <Message text={text.replace(LANGUAGE, '')} expr={expr} onGo={onGo} />
        </Notice>
      ))}
    </>
  );
}

/** An error in place of an answer. */
export function ErrorNotice(props: { error: ApiError; expr: string; onGo(offset: number): void }) {
  const { error, expr, onGo } = props;
  return (
    <>
      <Notice kind="error" title={`Error (${error.kind})`}>
        <Message text={error.message} expr={expr} onGo={onGo} />
      </Notice>
      <Notices expr={expr} warnings={error.warnings} infos={[]} onGo={onGo} />
    </>
  );
}

function Notice(props: { kind: string; title: string; children: ComponentChildren }) {
  return (
    <div class={`notice ${props.kind}`} role={props.kind === 'error' ? 'alert' : 'status'}>
      <strong>{props.title}</strong>
      <div class="notice-text">{props.children}</div>
    </div>
  );
}

function Message(props: { text: string; expr: string; onGo(offset: number): void }) {
  const position = positionOf(props.text);
  const offset = position && offsetOf(props.expr, position);
  if (position === null || offset === null) return <p>{props.text}</p>;
  const line = props.expr.split('\n')[position.line - 1] ?? '';
  return (
    <>
      <p>{props.text}</p>
      <pre class="excerpt">
        {line}
        {'\n'}
        <span class="caret">{`${' '.repeat(position.column - 1)}▲`}</span>
      </pre>
      <button type="button" class="link" onClick={() => props.onGo(offset)}>
        Go to line {position.line}, column {position.column}
      </button>
    </>
  );
}
