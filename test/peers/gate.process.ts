// Runs gate-fixture.process.ts as a vitest of its own; gate.long.test.ts starts this with peers taken away. Prints the names
// of the tests by their outcome, as JSON.
import { join } from 'node:path';
import { type Reporter, startVitest, type TestModule } from 'vitest/node';
import { AbsentPeersReporter } from './absent-reporter.ts';

class OutcomeReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const outcome: Record<string, string[]> = { passed: [], failed: [], skipped: [] };
    for (const module of modules) {
      for (const test of module.children.allTests()) outcome[test.result().state]?.push(test.name);
    }
    process.stdout.write(JSON.stringify(outcome));
  }
}

const vitest = await startVitest('test', [], {
  config: false,
  root: join(import.meta.dirname, '..', '..'),
  include: ['test/peers/gate-fixture.process.ts'],
  reporters: [new OutcomeReporter(), new AbsentPeersReporter()],
  watch: false,
});
await vitest.close();
