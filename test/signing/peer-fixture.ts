import { join } from 'node:path';
import { type Descriptor, digestOf, type Instant, mediaTypes } from '#core';
import {
  createSigner,
  createVerifier,
  type Envelope,
  exportBuild,
  generateKeyPair,
  type KeyFiles,
  type KeyPair,
  packAttestationTag,
  packSignatureTag,
  packSigstoreBundle,
  predicateTypes,
  provenanceStatement,
  type SignedObject,
  type Signer,
  type Statement,
  signatureStatement,
  signStatement,
  subjectOf,
  type Verifier,
  writeKeyPair,
} from '#signing';
import { makeTempDir } from '../fixtures/temp-dir.ts';
import { type DockerRegistry, type RunResult, runPeer, startDockerRegistry } from '../peers/peers.ts';
import { type PlainRepository, plainRepository } from './plain-registry.ts';

export const cosigns = ['cosign25', 'cosign26', 'cosign3'] as const;
export type Cosign = (typeof cosigns)[number];

/** A key with its files, as `keys generate` leaves them; the password is empty. */
export interface Owner extends KeyPair {
  readonly signer: Signer;
  readonly verifier: Verifier;
  readonly files: KeyFiles;
}

/** A manifest in a registry that is waiting for signatures. */
export interface Unsigned {
  readonly repository: PlainRepository;
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
  /** `host/name@digest`. */
  readonly reference: string;
}

/** A registry without a referrers API, two keys, and a folder for files. */
export interface PeerFixture {
  readonly dir: string;
  readonly us: Owner;
  readonly otherSigner: Owner;
  /** Pushes a manifest of its own into a repository of its own. */
  publish(name: string): Promise<Unsigned>;
  /** Runs a cosign that can reach nothing but loopback. */
  cosign(name: Cosign, args: readonly string[]): Promise<RunResult>;
  close(): Promise<void>;
}

/** Whatever is not on loopback meets a proxy that is not there. */
const OFFLINE = { HTTPS_PROXY: 'http://127.0.0.1:9', HTTP_PROXY: 'http://127.0.0.1:9' };

export async function openPeerFixture(): Promise<PeerFixture> {
  const dir = await makeTempDir();
  const registry: DockerRegistry = await startDockerRegistry();
  return {
    dir,
    us: await newOwner(join(dir, 'us')),
    otherSigner: await newOwner(join(dir, 'otherSigner')),
    publish: (name) => publish(registry.host, name),
    cosign: (name, args) => runPeer(name, args, { env: OFFLINE, cwd: dir }),
    close: async () => {
      await registry.stop();
    },
  };
}

async function newOwner(dir: string): Promise<Owner> {
  const pair = generateKeyPair();
  const files = await writeKeyPair(dir, pair, '');
  return { ...pair, files, signer: createSigner(pair.privateKey), verifier: createVerifier(pair.publicKey) };
}

async function publish(host: string, name: string): Promise<Unsigned> {
  const repository = plainRepository(host, name);
  const [config, layer] = [Buffer.from('{}'), Buffer.from(`the layer of ${name}`)];
  for (const blob of [config, layer]) await repository.putBlob(blob);
  const manifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    artifactType: 'application/vnd.example.test',
    config: { mediaType: mediaTypes.ociEmpty, digest: digestOf(config), size: config.length },
    layers: [{ mediaType: 'text/plain', digest: digestOf(layer), size: layer.length }],
  };
  const bytes = Buffer.from(JSON.stringify(manifest));
  const descriptor = { mediaType: mediaTypes.ociManifest, digest: digestOf(bytes), size: bytes.length };
  await repository.putManifest(bytes, descriptor.digest);
  return { repository, descriptor, bytes, reference: `${repository.reference}@${descriptor.digest}` };
}

/** The flags that every cosign since 2.5 takes, whatever form it finds. */
export function keyFlags({ files }: Owner): string[] {
  const registryFlags = ['--allow-insecure-registry', '--allow-http-registry'];
  return ['--key', files.publicKey, '--insecure-ignore-tlog', '--trusted-root', files.trustedRoot, ...registryFlags];
}

const created = '2026-08-22T00:00:00Z' as Instant;

/** The provenance of a manifest and of an export.json beside it. */
function provenanceOf({ descriptor }: Unsigned): Statement {
  const subjects = [subjectOf(descriptor.digest), subjectOf(digestOf('export.json'), 'export.json')];
  return provenanceStatement(
    subjects,
    {
      externalParameters: {
        profile: { kind: 'json', variant: 'raw', name: 'json:raw', revision: 'r1' },
        tenant: 'default',
        selector: { packages: ['<&>'] },
        asOf: created,
        options: {},
      },
      resolvedDependencies: [{ name: 'a.zip', uri: 'file:a.zip', digest: { sha256: digestOf('a').slice(7) } }],
      builder: { id: 'https://example.org/export-center/cli', version: { 'export-center': '0.1.0' } },
      run: { invocationId: '1', startedOn: created, finishedOn: created },
    },
    exportBuild,
  );
}

/** A manifest signature and a provenance, each in both forms. */
export interface Forms {
  readonly signatureTag: SignedObject;
  readonly attestationTag: SignedObject;
  readonly signatureBundle: SignedObject;
  readonly attestationBundle: SignedObject;
}

/** What may be done to the objects before they are packed. */
export interface Tampering {
  readonly signer?: (signer: Signer) => Signer;
  readonly envelope?: (envelope: Envelope) => Envelope;
  /** Signed as being about that other manifest. */
  readonly about?: Unsigned;
}

/** The manifests that the two tags lead to already. */
export interface Existing {
  readonly signatures?: Uint8Array | undefined;
  readonly attestations?: Uint8Array | undefined;
}

/** Fetches them. */
export async function existingTags({ repository, descriptor }: Unsigned): Promise<Existing> {
  const at = descriptor.digest.replace(':', '-');
  const [signatures, attestations] = await Promise.all([
    repository.getManifest(`${at}.sig`),
    repository.getManifest(`${at}.att`),
  ]);
  return { signatures, attestations };
}

export async function makeForms(
  target: Unsigned,
  owner: Owner,
  tampering: Tampering = {},
  existing: Existing = {},
): Promise<Forms> {
  const { signer: changeSigner = same, envelope: changeEnvelope = same, about = target } = tampering;
  const signer = changeSigner(owner.signer);
  const { cosignSignature, slsaProvenance } = predicateTypes;
  const signature = changeEnvelope(await signStatement(signatureStatement(about.descriptor.digest), signer));
  const provenance = changeEnvelope(await signStatement(provenanceOf(about), signer));
  const { digest } = target.descriptor;
  const tag = await packSignatureTag(about.descriptor.digest, target.repository.reference, signer, {
    existing: existing.signatures,
  });
  const at = digest.replace(':', '-');
  return {
    signatureTag: { ...tag, tag: `${at}.sig` },
    attestationTag: packAttestationTag(digest, provenance, slsaProvenance, { existing: existing.attestations }),
    signatureBundle: packSigstoreBundle(target.descriptor, signature, { predicateType: cosignSignature, created }),
    attestationBundle: packSigstoreBundle(target.descriptor, provenance, { predicateType: slsaProvenance, created }),
  };
}

function same<T>(value: T): T {
  return value;
}
