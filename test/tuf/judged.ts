import { copyFile, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { addSeconds, type Instant, instantOf, systemClock } from '#core';
import { rotateRoot, signRoot } from '../../src/tuf/repository/ceremony.ts';
import { type RepositoryFixture, signedFixture } from './repository-fixture.ts';

/** The files of a directory behind http on loopback. */
export async function serveDirectory(dir: string): Promise<AsyncDisposable & { readonly url: string }> {
  const server = createServer(async (request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? '/', 'http://localhost').pathname);
    const bytes = path.includes('..') ? undefined : await readFile(join(dir, path)).catch(() => undefined);
    response.writeHead(bytes === undefined ? 404 : 200).end(bytes);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** What a client is given; it has to write the target to `out`. */
interface Task {
  readonly url: string;
  /** The root that it trusts, as a file. */
  readonly root: string;
  /** Its state: empty, or what it left there before. */
  readonly state: string;
  readonly target: string;
  readonly out: string;
}

/** A client of others: undefined where it accepts, its words where it refuses. */
export type Judge = (task: Task) => Promise<string | undefined>;

const DAY = 86_400;
const present = (): Instant => instantOf(systemClock.now());

/** A repository of ours, served, with two targets, and a client that has accepted the first. */
export async function judgedFixture(judge: Judge, at = present()) {
  const fixture = await signedFixture(at);
  await fixture.add('one', at);
  const server = await serveDirectory(fixture.dir);
  const folder = await mkdtemp(join(tmpdir(), 'tuf-judge-'));
  const root = join(folder, 'trusted.json');
  await copyFile(join(fixture.dir, 'metadata/1.root.json'), root);
  const ask = async (target: string, state?: string): Promise<string | undefined> => {
    const own = state ?? (await mkdtemp(join(folder, 'state-')));
    const out = join(await mkdtemp(join(folder, 'out-')), 'target');
    const words = await judge({ url: server.url, root, state: own, target, out });
    if (words !== undefined) return words;
    const content = await readFile(out, 'utf8');
    return content === CONTENTS[target] ? undefined : `wrote ${content}`;
  };
  return {
    fixture,
    ask,
    newState: () => mkdtemp(join(folder, 'state-')),
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await fixture[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

const CONTENTS: Readonly<Record<string, string>> = { 'feed.1.json': 'one', 'feed.2.json': 'two' };

async function pathOf({ dir }: RepositoryFixture, folder: string, pattern: RegExp): Promise<string> {
  const names = (await readdir(join(dir, folder))).filter((name) => pattern.test(name));
  const newest = names.sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10)).at(-1);
  if (newest === undefined) throw new Error(`no ${pattern} in ${folder}`);
  return join(dir, folder, newest);
}

/** Another hex digit or letter in the middle of what is signed or hashed. */
function flip(folder: string, pattern: RegExp) {
  return async (fixture: RepositoryFixture) => {
    const path = await pathOf(fixture, folder, pattern);
    const bytes = await readFile(path);
    const at = bytes.lastIndexOf('"version"') > 0 ? bytes.lastIndexOf('"version": ') + 11 : bytes.length >> 1;
    bytes[at] = bytes[at] === 0x39 ? 0x38 : 0x39;
    await writeFile(path, bytes);
  };
}

/** What may have happened to a repository on its way, after the client has accepted an earlier state of it. */
export const damages: Readonly<
  Record<string, (fixture: RepositoryFixture, before: Map<string, Buffer>) => Promise<void>>
> = {
  'one byte of the timestamp': flip('metadata', /^timestamp/),
  'one byte of the snapshot': flip('metadata', /snapshot/),
  'one byte of the stream': flip('metadata', /feed/),
  'one byte of the target': flip('targets', /feed\.2/),
  'a snapshot that is missing': async (fixture) => rm(await pathOf(fixture, 'metadata', /snapshot/)),
  'a target that is missing': async (fixture) => rm(await pathOf(fixture, 'targets', /feed\.2/)),
  'the snapshot of another publication': async (fixture, before) => {
    const old = [...before].filter(([name]) => name.includes('snapshot')).at(-1)?.[1] as Buffer;
    await writeFile(await pathOf(fixture, 'metadata', /snapshot/), old);
  },
  'a root of somebody else': async (fixture) => {
    await using other = await signedFixture();
    await rotateRoot(other.dir, 'root', { add: [], remove: [], threshold: undefined }, present());
    await signRoot(other.dir, { rootSigners: other.root, copies: [], signers: [other.online], at: present() });
    await copyFile(join(other.dir, 'metadata/2.root.json'), join(fixture.dir, 'metadata/2.root.json'));
  },
  'a root that skips a version': async (fixture, before) => {
    await writeFile(join(fixture.dir, 'metadata/2.root.json'), before.get('metadata/1.root.json') as Buffer);
  },
};

/** A timestamp that has expired: the repository was signed eight days ago. */
export const eightDaysAgo = (): Instant => addSeconds(present(), -8 * DAY);
