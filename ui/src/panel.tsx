/** One panel: an expression, its settings, and its answer as table or graph. */

import { AnswerSettings, TimeSettings } from './controls';
import { Editor } from './editor';
import { loadTime } from './format';
import { ResultGraph } from './graph';
import { CrossIcon } from './icons';
import { ErrorNotice, missingData, Notices } from './notices';
import { removePanel, type Outcome, type Panel } from './panels';
import { ResultTable } from './table';
import { formatDuration } from './time';
import type { Tab } from './url';
import { Welcome } from './welcome';

/** A panel as a card. */
export function PanelCard(props: { panel: Panel; number: number }) {
  const { panel, number } = props;
  const loading = panel.loading.value;
  return (
    <section class="panel" aria-label={`Panel ${number}`} aria-busy={loading}>
      <div class={loading ? 'progress running' : 'progress'} />
      <div class="ask">
        <Editor panel={panel} number={number} />
        {loading ? (
          <button type="button" class="execute cancel" onClick={() => panel.cancel()}>
            Cancel
          </button>
        ) : (
          <button type="button" class="execute" onClick={() => panel.execute()}>
            Execute
          </button>
        )}
        <button
          type="button"
          class="quiet icon-button remove"
          aria-label="Remove panel"
          title="Remove panel"
          onClick={() => removePanel(panel)}
        >
          <CrossIcon />
        </button>
      </div>
      <div class="bar">
        <AnswerSettings panel={panel} />
        <Statistics outcome={panel.outcome.value} />
      </div>
      <div class="bar views">
        <Tabs panel={panel} />
        <TimeSettings panel={panel} />
      </div>
      <div
        class={loading ? 'result stale' : 'result'}
        role="tabpanel"
        id={`result-${panel.id}`}
        aria-labelledby={`tab-${panel.options.value.tab}-${panel.id}`}
      >
        <Result panel={panel} />
      </div>
    </section>
  );
}

function Tabs(props: { panel: Panel }) {
  const { panel } = props;
  const chosen = panel.options.value.tab;
  const onKey = (event: KeyboardEvent) => {
    if (event.key !== 'ArrowLeft' && event.key !== 'ArrowRight') return;
    const next: Tab = chosen === 'table' ? 'graph' : 'table';
    panel.change({ tab: next });
    document.getElementById(`tab-${next}-${panel.id}`)?.focus();
  };
  const tab = (name: Tab, text: string) => (
    <button
      type="button"
      role="tab"
      id={`tab-${name}-${panel.id}`}
      aria-selected={chosen === name}
      aria-controls={`result-${panel.id}`}
      tabIndex={chosen === name ? 0 : -1}
      onClick={() => chosen !== name && panel.change({ tab: name })}
    >
      {text}
    </button>
  );
  return (
    <div class="tabs" role="tablist" aria-label="View" onKeyDown={onKey}>
      {tab('table', 'Table')}
      {tab('graph', 'Graph')}
    </div>
  );
}

function Statistics(props: { outcome: Outcome }) {
  const { outcome } = props;
  if (outcome.kind !== 'answer') return null;
  const { data, warnings } = outcome.answer;
  const list = data.resultType === 'vector' || data.resultType === 'matrix';
  return (
    <dl class="statistics">
      {missingData(warnings).length > 0 && (
        <div>
          <dd class="badge">incomplete</dd>
        </div>
      )}
      <Figure name="Load time" value={loadTime(outcome.ms)} />
      {outcome.window && <Figure name="Resolution" value={formatDuration(outcome.window.step)} />}
      <Figure name="Series" value={String(list ? data.result.length : 1)} />
    </dl>
  );
}

function Figure(props: { name: string; value: string }) {
  return (
    <div>
      <dt>{props.name}</dt>
      <dd>{props.value}</dd>
    </div>
  );
}

function Result(props: { panel: Panel }) {
  const { panel } = props;
  const outcome = panel.outcome.value;
  const onGo = (offset: number) => goTo(panel, offset);
  switch (outcome.kind) {
    case 'idle':
      return <Idle panel={panel} />;
    case 'cancelled':
      return <p class="nothing">Cancelled. Execute asks again.</p>;
    case 'error':
      return <ErrorNotice error={outcome.error} expr={outcome.expr} onGo={onGo} />;
    case 'answer': {
      const { answer, expr, window } = outcome;
      return (
        <>
          <Notices expr={expr} warnings={answer.warnings} infos={answer.infos} onGo={onGo} />
          {window ? (
            <ResultGraph panel={panel} data={answer.data} window={window} />
          ) : (
            <ResultTable data={answer.data} />
          )}
        </>
      );
    }
  }
}

function Idle(props: { panel: Panel }) {
  const { panel } = props;
  if (panel.loading.value) return <p class="nothing">Waiting for the answer…</p>;
  return <Welcome onPick={(expr) => pick(panel, expr)} />;
}

function pick(panel: Panel, expr: string): void {
  panel.draft.value = expr;
  panel.execute();
}

function goTo(panel: Panel, offset: number): void {
  const area = document.getElementById(`expr-${panel.id}`);
  if (!(area instanceof HTMLTextAreaElement)) return;
  area.focus();
  area.setSelectionRange(offset, offset);
}
