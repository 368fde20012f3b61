import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { instantOf, systemClock } from '#core';
import { refreshRepository } from '../../src/tuf/client/refresh.ts';
import type { TufSource } from '../../src/tuf/client/source.ts';
import { directoryState } from '../../src/tuf/client/state.ts';
import type { FoundTarget } from '../../src/tuf/client/trusted.ts';
import { requireFile } from '../../src/tuf/metadata/verify.ts';

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    'metadata-dir': { type: 'string', default: '.' },
    'metadata-url': { type: 'string', default: '' },
    'target-name': { type: 'string', multiple: true, default: [] },
    'target-base-url': { type: 'string', default: '' },
    'target-dir': { type: 'string', default: '.' },
  },
});

const trustedPath = join(values['metadata-dir'], 'root.json');

/** A repository behind a web server. */
const webSource: TufSource = {
  async read(folder, path, maxBytes) {
    const base = folder === 'metadata' ? values['metadata-url'] : values['target-base-url'];
    const url = `${base.replace(/\/$/, '')}/${path.split('/').map(encodeURIComponent).join('/')}`;
    const response = await fetch(url);
    if (response.status === 404 || response.status === 403) return undefined;
    if (!response.ok) throw new Error(`${url}: ${response.status}`);
    const chunks: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of response.body ?? []) {
      size += chunk.length;
      if (size > maxBytes) throw new Error(`${url}: more than ${maxBytes} bytes`);
      chunks.push(chunk);
    }
    return Buffer.concat(chunks);
  },
};

/** The newest root of the state is what this client trusts: there is no other in the protocol. */
async function refreshed() {
  const trustedRoot = await readFile(trustedPath);
  const state = directoryState(values['metadata-dir']);
  return refreshRepository({ trustedRoot, source: webSource, state, at: instantOf(systemClock.now()) });
}

async function download(): Promise<void> {
  const repository = await refreshed();
  await mkdir(values['target-dir'], { recursive: true });
  for (const name of values['target-name']) {
    const found = await repository.find(name);
    if (found === undefined) throw new Error(`${name}: no role lists it`);
    const path = join(values['target-dir'], encodeURIComponent(name));
    if (!(await isDownloaded(path, found))) await writeFile(path, await repository.download(found));
  }
}

async function isDownloaded(path: string, found: FoundTarget): Promise<boolean> {
  try {
    requireFile(await readFile(path), found, path);
    return true;
  } catch {
    return false;
  }
}

const [command, root = ''] = positionals;
try {
  if (command === 'init') await writeFile(trustedPath, await readFile(root));
  else if (command === 'refresh') await refreshed();
  else if (command === 'download') await download();
  else throw new Error(`no such command: ${command}`);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
