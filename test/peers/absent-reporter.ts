import type { Reporter, TestModule } from 'vitest/node';
import { type PeerName, peerPin } from './find.ts';
import type {} from './gate.ts';

/** Ends a run with one line on stderr for each absent peer: how many tests it cost. */
export class AbsentPeersReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const skipped = new Map<PeerName, number>();
    for (const module of modules) {
      for (const test of module.children.allTests('skipped')) {
        for (const name of test.meta().absentPeers ?? []) skipped.set(name, (skipped.get(name) ?? 0) + 1);
      }
    }
    for (const [name, count] of skipped) {
      const tests = count === 1 ? '1 test' : `${count} tests`;
      process.stderr.write(`PEER ABSENT ${name} ${peerPin(name).version}: ${tests} skipped; run test/peers/install\n`);
    }
  }
}
