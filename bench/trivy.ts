import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { benchRecords } from './export.ts';
import { contestDatabase, contestMerge } from './trivy/databases.ts';

const parts = ['records', 'million', 'database', 'merge'] as const;

/** Copies of the real records: 201,608 and 1,001,088. */
const [MANY, MILLION] = [29, 144];

/**
 * Builds a Trivy database of 6,952, 200,000 and a million records, beside the reference builder where it can; writes,
 * reads and checks a database of a given size, and merges it with 10,000 own advisories, beside bbolt.
 */
export async function benchTrivy(args: readonly string[], data: string): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: 'string', default: '3' },
      small: { type: 'boolean', default: false },
      mib: { type: 'string' },
      only: { type: 'string', default: parts.join(',') },
    },
  });
  const only = values.only.split(',');
  const rounds = Number(values.rounds);
  console.log(`${availableParallelism()} cores, load ${loadavg()[0]?.toFixed(1)}`);
  if (only.includes('records')) {
    await benchRecords(data, 1, rounds, false);
    if (!values.small) await benchRecords(data, MANY, 1, false);
    if (!values.small) await benchRecords(data, MANY, rounds, true);
  }
  // The reference takes more memory than most machines have.
  if (only.includes('million') && !values.small) await benchRecords(data, MILLION, 1, true);
  if (!only.includes('database') && !only.includes('merge')) return;
  const work = await mkdtemp(join(tmpdir(), 'bench-trivy-'));
  try {
    const setting = { work, rounds, mebibytes: Number(values.mib ?? (values.small ? 64 : 1024)) };
    if (only.includes('database')) await contestDatabase(setting);
    if (only.includes('merge')) await contestMerge(setting);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
