/** Starts the page. */

import { render } from 'preact';
import './app.css';
import { Page } from './page';
import { loadAddress } from './panels';

function start(): void {
  const root = document.getElementById('app');
  if (root === null) return;
  loadAddress();
  addEventListener('popstate', loadAddress);
  render(<Page />, root);
}

// The script stands in the head, so that the theme is known before anything is painted.
document.addEventListener('DOMContentLoaded', start);
