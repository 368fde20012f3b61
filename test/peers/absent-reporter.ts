import type { Reporter, TestModule } from 'vitest/node';
import { type PeerName, peerPin } from './find.ts';
import type {} from './gate.ts';

/** Ends a run with one line on stderr for all absent peers together: how many tests they cost, and the remedy. */
export class AbsentPeersReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const absent = new Set<PeerName>();
    let skipped = 0;
    for (const module of modules) {
      for (const test of module.children.allTests('skipped')) {
        const { absentPeers = [] } = test.meta();
        if (absentPeers.length > 0) skipped++;
        for (const name of absentPeers) absent.add(name);
      }
    }
    if (absent.size === 0) return;
    const peers = [...absent].sort().map((name) => `${name} ${peerPin(name).version}`);
    const tests = skipped === 1 ? '1 test' : `${skipped} tests`;
    process.stderr.write(`${tests} skipped, absent peers: ${peers.join(', ')}; install them with test/peers/install\n`);
  }
}
