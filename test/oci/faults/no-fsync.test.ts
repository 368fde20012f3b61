import type * as FileSystem from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { packManifest } from '#oci/image';
import { openLayout } from '#oci/layout';
import { startServer } from '#server';
import { cli } from '../../cli/command-line.ts';
import { makeTempDir } from '../../fixtures/temp-dir.ts';
import { inPieces, pushBytes } from '../content.ts';

const refusal = vi.hoisted(() => ({ code: '' }));
const refuse = () => Object.assign(new Error('fsync'), { code: refusal.code });

vi.mock('node:fs', async (original) => {
  const fs = await original<typeof FileSystem>();
  const fsync = (file: number, done: (error: NodeJS.ErrnoException | null) => void) => {
    if (refusal.code === '') fs.fsync(file, done);
    else done(refuse());
  };
  return { ...fs, fsync };
});

let dir: string;

beforeEach(async () => {
  dir = await makeTempDir();
  const layout = await openLayout(join(dir, 'l'), { create: true });
  const config = await pushBytes(layout, Buffer.from('{}'), 'application/vnd.oci.empty.v1+json');
  const layer = await pushBytes(layout, Buffer.from('content'), 'text/plain');
  const titled = { ...layer, annotations: { 'org.opencontainers.image.title': 'file.txt' } };
  const { descriptor, bytes } = packManifest({ artifactType: 'application/vnd.example', config, layers: [titled] });
  await layout.push(descriptor, inPieces(bytes, 100));
  await layout.tag(descriptor, '1');
  await layout.close();
});

afterEach(() => {
  refusal.code = '';
  vi.restoreAllMocks();
});

/** Lets the file system say this for every fsync. */
async function refuseFsync(code: string): Promise<void> {
  await using file = await open(join(dir, 'any'), 'w');
  const prototype = Object.getPrototypeOf(file) as typeof file;
  for (const method of ['sync', 'datasync'] as const) {
    vi.spyOn(prototype, method).mockImplementation(() => Promise.reject(refuse()));
  }
  refusal.code = code;
}

async function copyEverywhere(): Promise<number[]> {
  const server = await startServer({ dataDir: join(dir, 'data'), port: 0 });
  try {
    const targets = [`oci:${dir}/out`, `oci-archive:${dir}/out.tar`, `${server.address}/a`];
    const statuses: number[] = [];
    for (const to of targets) statuses.push((await cli('copy', `oci:${dir}/l:1`, `${to}:1`)).status);
    statuses.push((await cli('pull', `oci:${dir}/l:1`, '--dir', join(dir, 'pulled'))).status);
    return statuses;
  } finally {
    await server.close(0);
  }
}

test.each(['ENOTSUP', 'EINVAL'])(
  'layouts, archives, stores and pulls on a file system whose fsync says %s',
  async (code) => {
    await refuseFsync(code);
    expect(await copyEverywhere()).toEqual([0, 0, 0, 0]);
    expect(await readFile(join(dir, 'pulled', 'file.txt'), 'utf8')).toBe('content');
    expect((await cli('fsck', `oci:${dir}/out`)).status).toBe(0);
  },
);

test('an fsync that fails for another reason is a failure', async () => {
  await refuseFsync('EIO');
  expect((await cli('copy', `oci:${dir}/l:1`, `oci:${dir}/out:1`)).status).toBe(1);
});
