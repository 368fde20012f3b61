import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { parseKnownJson } from '#core';
import { median } from '../measure.ts';

const child = fileURLToPath(new URL('./planning-child.ts', import.meta.url));

/** Plans a delta of many digests, each time in a process of its own, and prints time and memory above idle. */
export async function printPlanning(rounds: number): Promise<void> {
  for (const digests of [100_000, 1_000_000]) {
    const costs: { readonly firstMs: number; readonly nextMs: number; readonly peakMiB: number }[] = [];
    for (let round = 0; round < rounds; round++) {
      const { stdout } = await promisify(execFile)(process.execPath, [child, String(digests)]);
      costs.push(parseKnownJson(stdout) as (typeof costs)[number]);
    }
    const first = median(costs.map((cost) => cost.firstMs)).toFixed(0);
    const next = median(costs.map((cost) => cost.nextMs)).toFixed(0);
    const peak = Math.max(...costs.map((cost) => cost.peakMiB)).toFixed(0);
    console.log(
      `\n${digests} digests against a list of as many: ${next} ms, ${peak} MiB above idle (${first} ms the first time in a process)`,
    );
  }
  console.log('aims at 100,000: < 100 ms, ≤ 60 MiB');
}
