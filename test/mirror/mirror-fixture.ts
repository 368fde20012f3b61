import { createHash } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough, Writable } from 'node:stream';
import { type Descriptor, type Instant, instantOf, systemClock } from '#core';
import { parseReference, type Repository } from '#oci/image';
import { openRepository } from '#oci/transfer';
import {
  createSigner,
  encodePublicKey,
  generateKeyPair,
  type KeyKind,
  type KeyPair,
  packSignatureTag,
  packSigstoreBundle,
  pushSignedObject,
  type Signer,
  signatureStatement,
  signStatement,
  writeKeyPair,
} from '#signing';
import { defaultLifetimes, initRepository, signRoot } from '#tuf';
import { run } from '../../src/cli/run.ts';
import { fakeIo } from '../cli/fake-io.ts';
import { readJson } from '../core/read-json.ts';
import { makeTempDir } from '../fixtures/temp-dir.ts';
import { type DoubleOptions, type Fault, RegistryDouble, send } from '../oci/registry-double.ts';

/** What a command did. */
export interface Ended {
  readonly status: number;
  readonly out: Buffer;
  readonly err: string;
}

/** A mirror with everything that it takes: keys, a TUF repository, a spec, in a temporary folder. */
export interface MirrorFixture {
  readonly dir: string;
  readonly spec: string;
  readonly root: string;
  readonly cosign: KeyPair & { readonly signer: Signer; readonly publicFile: string };
  path(...names: string[]): string;
  writeSpec(repositories: string): Promise<void>;
  /** Runs `mirror COMMAND`, with what every run of it needs. */
  snapshot(...more: string[]): Promise<Ended>;
  /** The same with a text on standard input. */
  snapshotWith(input: string, ...more: string[]): Promise<Ended>;
  exportTo(to: string, ...more: string[]): Promise<Ended>;
  plan(...more: string[]): Promise<Ended>;
  importTo(kit: string, to: string, ...more: string[]): Promise<Ended>;
}

/** Runs one command; its output as bytes. */
export function cliBytes(...args: string[]): Promise<Ended> {
  return cliWith('', ...args);
}

async function cliWith(input: string, ...args: string[]): Promise<Ended> {
  const chunks: Buffer[] = [];
  const io = fakeIo({ env: { COSIGN_PASSWORD: '' } });
  const stdout = new Writable({
    write(chunk, _, done) {
      chunks.push(Buffer.from(chunk));
      done();
    },
  });
  const status = await run(args, { ...io, stdout, archiveOut: () => stdout, stdin: new PassThrough().end(input) });
  return { status, out: Buffer.concat(chunks), err: io.err() };
}

/** A key without a password, as PKCS#8 PEM. */
export async function writePem(path: string, kind: KeyKind = 'ed25519'): Promise<KeyPair> {
  const pair = generateKeyPair(kind);
  await writeFile(path, pair.privateKey.export({ type: 'pkcs8', format: 'pem' }));
  await writeFile(`${path}.pub`, encodePublicKey(pair.publicKey));
  return pair;
}

/** The beginning of a spec, for a registry. */
export function specHead(host: string, snapshots = `${host}/mirrors/main`): string {
  return `version: 1\nstream: main\nsource: ${host}\nsnapshots: ${snapshots}\ntuf: tuf\nrepositories:\n`;
}

const DAY = 86_400;

export async function openMirror(
  host: string,
  options: { readonly snapshots?: string; readonly at?: Instant; readonly rootDays?: number } = {},
): Promise<MirrorFixture> {
  const dir = await makeTempDir();
  const at = options.at ?? instantOf(systemClock.now());
  const names = ['root', 'targets', 'stream', 'online', 'zone'];
  const keys = new Map<string, KeyPair>();
  for (const name of names) keys.set(name, await writePem(join(dir, `${name}.pem`)));
  const keyOf = (name: string) => keys.get(name) as KeyPair;
  const cosign = generateKeyPair();
  const files = await writeKeyPair(join(dir, 'cosign'), cosign, '');
  const tuf = join(dir, 'tuf');
  await initRepository(tuf, {
    rootKeys: [keyOf('root').publicKey],
    rootThreshold: 1,
    targetsKeys: [keyOf('targets').publicKey],
    onlineKeys: [keyOf('online').publicKey],
    lifetimes: { ...defaultLifetimes, root: (options.rootDays ?? 365) * DAY },
    at,
  });
  const signers = ['targets', 'online'].map((name) => createSigner(keyOf(name).privateKey));
  await signRoot(tuf, { rootSigners: [createSigner(keyOf('root').privateKey)], copies: [], signers, at });
  const spec = join(dir, 'mirror.yaml');
  const pem = (name: string) => join(dir, `${name}.pem`);
  const keyOptions = ['--stream-key', pem('stream'), '--targets-key', pem('targets'), '--online-key', pem('online')];
  const root = join(tuf, 'metadata/1.root.json');
  const snapshotArgs = ['mirror', 'snapshot', spec, '--key', files.privateKey, ...keyOptions];
  return {
    ...{ dir, spec, root },
    cosign: { ...cosign, signer: createSigner(cosign.privateKey), publicFile: files.publicKey },
    path: (...parts) => join(dir, ...parts),
    writeSpec: (repositories) => writeFile(spec, `${specHead(host, options.snapshots)}${repositories}`),
    snapshot: (...more) => cliBytes(...snapshotArgs, ...more),
    snapshotWith: (input, ...more) => cliWith(input, ...snapshotArgs, ...more),
    exportTo: (to, ...more) => cliBytes('mirror', 'export', spec, '--to', to, ...more),
    plan: (...more) => cliBytes('mirror', 'plan', spec, ...more),
    importTo: (kit, to, ...more) => cliBytes('mirror', 'import', kit, '--to', to, ...trustOf(root, more, dir), ...more),
  };
}

/** Trust and state, where a test does not choose them itself. */
function trustOf(root: string, more: readonly string[], dir: string): string[] {
  return [
    ...(more.includes('--trust') ? [] : ['--trust', root]),
    ...(more.includes('--state') ? [] : ['--state', join(dir, 'state')]),
  ];
}

/** A registry in memory that has a catalog too. */
export async function startRegistry(options: DoubleOptions = {}): Promise<RegistryDouble> {
  const double = await RegistryDouble.start(options);
  double.fault = withCatalog(double, options.fault);
  return double;
}

/** What a double does on a request, and its catalog. */
export function withCatalog(double: RegistryDouble, fault?: Fault): Fault {
  return (request, response, path) => {
    if (!path.startsWith('/v2/_catalog')) return fault?.(request, response, path);
    const repositories = [...new Set([...double.manifests.keys()].map((key) => key.split(' ')[0]))];
    send(response, 200, { 'content-type': 'application/json' }, JSON.stringify({ repositories }));
    return true;
  };
}

/** A repository of a registry, open for writing until `work` is done. */
export async function within<T>(reference: string, work: (repository: Repository) => Promise<T>): Promise<T> {
  const repository = await openRepository(parseReference(reference), { env: {}, create: true, writes: true });
  try {
    return await work(repository);
  } finally {
    await repository.close();
  }
}

/** Signs a manifest with cosign's key, in one of cosign's forms. */
export async function signWith(
  repository: Repository,
  descriptor: Descriptor,
  signer: Signer,
  form: 'tag' | 'bundle',
): Promise<void> {
  const created = '2026-08-22T00:00:00Z' as Instant;
  const object =
    form === 'tag'
      ? await packSignatureTag(descriptor.digest, repository.name, signer)
      : packSigstoreBundle(descriptor, await signStatement(signatureStatement(descriptor.digest), signer), {
          predicateType: 'https://sigstore.dev/cosign/sign/v1',
          created,
        });
  await pushSignedObject(repository, object, {});
}

/** Every file below a directory with the digest of its bytes, without what the layout keeps for itself. */
export async function treeOf(dir: string): Promise<Record<string, string>> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true }).catch(() => []);
  const paths = entries.filter((entry) => !entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name));
  const tree: Record<string, string> = {};
  for (const path of paths.sort()) {
    const hash = createHash('sha256').update(await readFile(path));
    tree[path.slice(dir.length + 1)] = hash.digest('hex');
  }
  return tree;
}

/** All that a double holds, as one text: it is the same exactly where nothing was written. */
export function contentOf({ blobs, manifests, tags }: RegistryDouble): string {
  return JSON.stringify([[...blobs.keys()].sort(), [...manifests.keys()].sort(), [...tags].sort()]);
}

/** The JSON that a command wrote. */
export function jsonOf({ status, out, err }: Ended) {
  if (status !== 0) throw new Error(`exit ${status}: ${err}`);
  return readJson(out.toString());
}
