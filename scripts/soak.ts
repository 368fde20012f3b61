import { type ChildProcess, spawn } from 'node:child_process';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const root = join(import.meta.dirname, '..');

/** A process that keeps one processor busy, until it is killed. */
function startLoad(): ChildProcess {
  return spawn(process.execPath, ['-e', 'for (;;) Math.random()'], { stdio: 'ignore' });
}

async function runOnce(args: readonly string[]): Promise<number> {
  const child = spawn('npm', args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
  const { promise, resolve } = Promise.withResolvers<number>();
  child.on('close', (code) => resolve(code ?? 1));
  return await promise;
}

/** Runs a script of package.json again and again beside a load, with so many workers, and says how often it failed. */
async function soak(rounds: number, load: number, script: string, workers: number): Promise<void> {
  const burners = Array.from({ length: load }, startLoad);
  let failed = 0;
  try {
    for (let round = 1; round <= rounds; round++) {
      const started = performance.now();
      const code = await runOnce(['run', '--silent', script, '--', `--maxWorkers=${workers}`]);
      if (code !== 0) failed++;
      const seconds = Math.round((performance.now() - started) / 1000);
      const [average = 0] = loadavg();
      console.log(`round ${round} of ${rounds}: exit ${code}, ${seconds} s, load ${average.toFixed(1)}`);
    }
  } finally {
    for (const burner of burners) burner.kill('SIGKILL');
  }
  console.log(`${rounds - failed} of ${rounds} rounds passed`);
  process.exitCode = failed === 0 ? 0 : 1;
}

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '20' },
    load: { type: 'string', default: '4' },
    script: { type: 'string', default: 'test' },
    workers: { type: 'string', default: '2' },
  },
});
await soak(Number(values.rounds), Number(values.load), values.script, Number(values.workers));
