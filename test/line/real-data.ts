import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'vitest';
import type { PeerName } from '../peers/find.ts';
import { describePeers } from '../peers/peers.ts';

/** Evidence that others published, beside the checkout. */
export const realData = join(import.meta.dirname, '../../../shared/data');

export function realSource(name: string): string {
  return join(realData, `${name}.zip`);
}

/** A suite that needs the real evidence, and peers. Where the evidence is absent it is skipped, and with CI=true it fails. */
export function describeRealData(peers: readonly PeerName[], title: string, suite: () => void): void {
  const { CI } = process.env;
  if (existsSync(realData)) {
    describePeers(peers, title, suite);
  } else if (CI === 'true') {
    test(`${title}: the real evidence is there`, () => {
      throw new Error(`real evidence is absent (${realData})`);
    });
  } else {
    console.warn(`skipped: real evidence is absent (${realData})`);
    describe.skip(title, suite);
  }
}
