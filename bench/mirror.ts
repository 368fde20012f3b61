import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { measureAll } from './measure.ts';
import { contestDelta, type DeltaTurns, prepareDelta } from './mirror/delta.ts';
import { contestFull, printRerun, type Setting } from './mirror/full.ts';
import { prepareOurs } from './mirror/ours.ts';
import { printPlanning } from './mirror/planning.ts';
import { fillReference, moveReference } from './mirror/reference.ts';
import { printServing } from './mirror/server.ts';
import { peerTools } from './mirror/tools.ts';
import { startServer } from './oci/servers.ts';

const parts = ['full', 'delta', 'planning', 'server'] as const;

/**
 * Mirrors the reference mirror into files and loads it into an empty registry, then what a second day adds, with ours and
 * with tools of others, and counts what each has lost.
 *
 * @param shared the directory with `data` and `tools`
 */
export async function benchMirror(args: readonly string[], shared: string): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: 'string', default: '3' },
      small: { type: 'boolean', default: false },
      only: { type: 'string', default: parts.join(',') },
    },
  });
  const only = values.only.split(',');
  if (only.includes('planning')) await printPlanning(Number(values.rounds));
  if (only.join() === 'planning') return;
  const work = await mkdtemp(join(tmpdir(), 'bench-mirror-'));
  const source = await startServer('docker-registry', work);
  try {
    console.log(`${availableParallelism()} cores, load ${loadavg()[0]?.toFixed(1)} before filling the source`);
    const reference = { shared, host: source.host, work, small: values.small };
    const repositories = await fillReference(reference);
    const setting: Setting = { work, rounds: Number(values.rounds), shared, source: source.host, repositories };
    const peers = await peerTools(source.host, repositories, work);
    if (only.includes('full')) {
      const ours = await prepareOurs(join(work, 'ours'), 'full', source.host, repositories);
      await contestFull([ours.tool, ...peers], setting);
      await printRerun(ours.snapshot, setting.rounds);
    }
    if (only.includes('server')) {
      const served = await prepareOurs(join(work, 'served-keys'), 'served', source.host, repositories);
      await measureAll([served.snapshot]);
      await printServing(served, work, setting.rounds);
    }
    if (only.includes('delta')) {
      const turns: DeltaTurns = await prepareDelta(peers, setting);
      await contestDelta(turns, await moveReference(reference), setting);
    }
  } finally {
    await source.stop();
    await rm(work, { recursive: true, force: true });
  }
}
