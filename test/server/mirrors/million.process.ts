import { readFile } from 'node:fs/promises';
import { systemClock } from '#core';
import { parseMirrorSpec } from '#mirror';
import { openRepository } from '#oci/transfer';
import { startServer } from '#server';

// A server in a process of its own that offers the mirror of a spec, so that its memory can be seen: `SPEC DATA`. It
// writes its URL, and its peak of memory in KiB for each line on standard input.
const [spec = '', dataDir = ''] = process.argv.slice(2);
const ports = {
  open: (reference: Parameters<typeof openRepository>[0]) => openRepository(reference, { env: {} }),
  list: async () => [],
};
const offer = { spec: parseMirrorSpec(await readFile(spec), spec), ports, clock: systemClock };
const server = await startServer({ dataDir, port: 0, mirrors: [offer] });
process.stdout.write(`${server.url}\n`);
process.stdin.on('data', () => process.stdout.write(`${process.resourceUsage().maxRSS}\n`));
