/** The settings of a panel: time, range, resolution, tenant and the switches. */

import { useEffect } from 'preact/hooks';
import { signal } from '@preact/signals';
import { CrossIcon, LeftIcon, MinusIcon, PlusIcon, RightIcon } from './icons';
import { tenants } from './names';
import type { Panel } from './panels';
import { utc } from './preferences';
import { autoStep, formatDuration, fromField, parseDuration, stepRange, toField } from './time';

const tenantNames = signal<string[]>([]);

async function refreshTenants(): Promise<void> {
  // Without the list, the tenant of the address stays choosable and nothing else is lost.
  tenantNames.value = await tenants().catch(() => tenantNames.peek());
}

/** Whom to ask for, and how strictly. */
export function AnswerSettings(props: { panel: Panel }) {
  const { panel } = props;
  const { dedup, partial } = panel.options.value;
  return (
    <div class="settings">
      <TenantSelect panel={panel} />
      <Switch
        label="Deduplication"
        hint="Count what several replicas of one Prometheus wrote once"
        on={dedup}
        onChange={(on) => panel.change({ dedup: on })}
      />
      <Switch
        label="Partial response"
        hint="Accept an answer, with a warning, when a part of the data cannot be reached"
        on={partial}
        onChange={(on) => panel.change({ partial: on })}
      />
    </div>
  );
}

function TenantSelect(props: { panel: Panel }) {
  const { panel } = props;
  const { tenant } = panel.options.value;
  useEffect(() => void refreshTenants(), []);
  const names = new Set(tenantNames.value);
  if (tenant !== '') names.add(tenant);
  return (
    <label class="field">
      <span>Tenant</span>
      <select
        name="tenant"
        value={tenant}
        onFocus={() => void refreshTenants()}
        onChange={(event) => panel.change({ tenant: event.currentTarget.value })}
      >
        <option value="">all tenants</option>
        {[...names].sort().map((name) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}

interface SwitchProps {
  label: string;
  hint: string;
  on: boolean;
  onChange(on: boolean): void;
}

function Switch(props: SwitchProps) {
  return (
    <label class="switch" title={props.hint}>
      <input
        type="checkbox"
        role="switch"
        checked={props.on}
        onChange={(event) => props.onChange(event.currentTarget.checked)}
      />
      <span>{props.label}</span>
    </label>
  );
}

/** When: the time of evaluation of a table, or range, end and resolution of a graph. */
export function TimeSettings(props: { panel: Panel }) {
  const { panel } = props;
  if (panel.options.value.tab === 'table') {
    return (
      <div class="times">
        <InstantField panel={panel} label="Evaluation time" />
      </div>
    );
  }
  return (
    <div class="times">
      <RangeField panel={panel} />
      <InstantField panel={panel} label="End time" />
      <StepField panel={panel} />
    </div>
  );
}

function RangeField(props: { panel: Panel }) {
  const { panel } = props;
  const { range } = panel.options.value;
  const step = (direction: 1 | -1) => panel.change({ range: stepRange(range, direction) });
  return (
    <div class="field" role="group" aria-label="Range">
      <span>Range</span>
      <div class="joined">
        <Button label="Shorter range" onClick={() => step(-1)} icon={<MinusIcon />} />
        <DurationInput
          name="range"
          label="Range"
          value={formatDuration(range)}
          placeholder=""
          onChange={(seconds) => seconds !== null && panel.change({ range: seconds })}
        />
        <Button label="Longer range" onClick={() => step(1)} icon={<PlusIcon />} />
      </div>
    </div>
  );
}

function StepField(props: { panel: Panel }) {
  const { panel } = props;
  const { step, range } = panel.options.value;
  return (
    <label class="field">
      <span>Resolution</span>
      <DurationInput
        name="step"
        label="Resolution"
        value={step === null ? '' : formatDuration(step)}
        placeholder={`auto (${formatDuration(autoStep(range))})`}
        onChange={(seconds) => panel.change({ step: seconds })}
      />
    </label>
  );
}

interface DurationProps {
  name: string;
  label: string;
  value: string;
  placeholder: string;
  /** Null for an empty field. */
  onChange(seconds: number | null): void;
}

function DurationInput(props: DurationProps) {
  return (
    <input
      type="text"
      class="duration"
      name={props.name}
      aria-label={props.label}
      placeholder={props.placeholder}
      value={props.value}
      onInput={(event) => event.currentTarget.setCustomValidity('')}
      onChange={(event) => {
        const field = event.currentTarget;
        const seconds = parseDuration(field.value);
        const good = seconds !== null || field.value.trim() === '';
        field.setCustomValidity(good ? '' : 'A duration such as 90s, 15m, 1h30m or 2d');
        if (field.reportValidity()) props.onChange(seconds);
      }}
    />
  );
}

function InstantField(props: { panel: Panel; label: string }) {
  const { panel, label } = props;
  const { end, range } = panel.options.value;
  const shift = (direction: 1 | -1) => {
    const from = end ?? Date.now();
    panel.change({ end: Math.round(from / 1000 + (direction * range) / 2) * 1000 });
  };
  return (
    <div class="field" role="group" aria-label={label}>
      <span>{label}</span>
      <div class="joined">
        <Button label="Earlier" onClick={() => shift(-1)} icon={<LeftIcon />} />
        <input
          type="datetime-local"
          step={1}
          name="end"
          aria-label={`${label}, ${utc.value ? 'UTC' : 'local time'}; empty is now`}
          data-empty={end === null}
          value={end === null ? '' : toField(end, utc.value)}
          onChange={(event) =>
            panel.change({ end: fromField(event.currentTarget.value, utc.peek()) })
          }
        />
        {end === null && (
          <span class="now" aria-hidden="true">
            now
          </span>
        )}
        {end !== null && (
          <Button
            label="Back to now"
            onClick={() => panel.change({ end: null })}
            icon={<CrossIcon />}
          />
        )}
        <Button label="Later" onClick={() => shift(1)} icon={<RightIcon />} />
      </div>
    </div>
  );
}

function Button(props: { label: string; onClick(): void; icon: preact.ComponentChildren }) {
  return (
    <button
      type="button"
      class="icon-button"
      aria-label={props.label}
      title={props.label}
      onClick={props.onClick}
    >
      {props.icon}
    </button>
  );
}
