/** The whole page. */

import { Header } from './header';
import { PlusIcon } from './icons';
import { ClockNotice } from './notices';
import { PanelCard } from './panel';
import { addPanel, panels } from './panels';
import { PANELS_MAX } from './url';

/** Header and panels. */
export function Page() {
  return (
    <>
      <Header />
      <main>
        <h1 class="unseen">Query</h1>
        <ClockNotice />
        {panels.value.map((panel, index) => (
          <PanelCard key={panel.id} panel={panel} number={index + 1} />
        ))}
        {panels.value.length < PANELS_MAX && (
          <button type="button" class="quiet add" onClick={addPanel}>
            <PlusIcon /> Add panel
          </button>
        )}
      </main>
    </>
  );
}
