/** The few pictures of the page, drawn in the colour of the text around them. */

import type { ComponentChildren } from 'preact';

function Icon(props: { children: ComponentChildren }) {
  return (
    <svg class="icon" viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      {props.children}
    </svg>
  );
}

/** Something goes away. */
export const CrossIcon = () => (
  <Icon>
    <path d="m4 4 8 8m0-8-8 8" />
  </Icon>
);

/** Something is added. */
export const PlusIcon = () => (
  <Icon>
    <path d="M8 3v10M3 8h10" />
  </Icon>
);

/** Something gets less. */
export const MinusIcon = () => (
  <Icon>
    <path d="M3 8h10" />
  </Icon>
);

/** Earlier. */
export const LeftIcon = () => (
  <Icon>
    <path d="m10 3-5 5 5 5" />
  </Icon>
);

/** Later. */
export const RightIcon = () => (
  <Icon>
    <path d="m6 3 5 5-5 5" />
  </Icon>
);

/** What was asked before. */
export const HistoryIcon = () => (
  <Icon>
    <path d="M3 4.5v3h3M3.3 7.5a5 5 0 1 1 .4 2.6M8 5.5V8l1.8 1.2" />
  </Icon>
);

/** The sign of granary. */
export const Logo = () => (
  <svg class="logo" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
    <path class="logo-house" d="M16 2 29 10v20H3V10z" />
    <path class="logo-bars" d="M8 24v-6h3v6zm6.5 0V13h3v11zm6.5 0v-8h3v8z" />
  </svg>
);
