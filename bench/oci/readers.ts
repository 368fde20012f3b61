import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { measure } from '../measure.ts';
import { clientNamed } from './clients.ts';
import { runContest } from './contest.ts';
import { withServers } from './copies.ts';
import { writeImage } from './image.ts';
import { readRaw } from './reader.ts';

/** One blob is read from our server and from docker-registry by a reader that does nothing with it. */
export async function contestReaders(work: string, sizeBytes: number, rounds: number): Promise<void> {
  const layout = await mkdtemp(join(work, 'blob-'));
  const [layer] = await writeImage(layout, { layers: 1, layerBytes: sizeBytes });
  const ours = clientNamed('ours', work);
  const path = `/v2/bench/image/blobs/${layer?.digest}`;
  await withServers(['ours', 'docker-registry'], work, async (servers) => {
    for (const { host } of servers.values()) await measure(ours.push(layout, `${host}/bench/image:v1`));
    await runContest(
      { title: `server, a plain reader of ${sizeBytes / 1024 / 1024} MiB`, rounds, aim: { minSpeed: 0.4 } },
      [...servers].map(([name, { host }]) => ({
        name,
        turn: async () => ({ wallSeconds: await readRaw(host, path, sizeBytes), peakMiB: 0 }),
      })),
    );
  });
  await rm(layout, { recursive: true });
}
