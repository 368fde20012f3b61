import type { Descriptor, Digest } from '#core';
import { contentOf, describeBytes, fetchBytes, nameOf, parseReference, type Repository } from '#oci/image';
import { copy, openRepository } from '#oci/transfer';
import { readJson } from '../../core/read-json.ts';

/** cosign's two forms. */
export type Form = 'tag' | 'sigstoreBundle';
export type Kind = 'signature' | 'provenance';

/** What was signed, and the signature in base64. */
export interface Signed {
  readonly payload: string;
  readonly signature: string;
}

/** Changes what was signed or the signature, so that the two no longer belong together. */
type Tamper = (signed: Signed) => Signed;

/** A signed object that a copy is to have. */
export interface Wanted {
  readonly form: Form;
  readonly kind: Kind;
  readonly tamper?: Tamper;
}

/** What is copied, and what is done to it on the way. */
export interface CopyPlan {
  readonly objects: readonly Wanted[];
  /** Changes the manifest's text; the signed objects are then hung on the manifest that comes of it. */
  readonly manifest?: (text: string) => string;
}

/** What a copy came to. */
export interface SignedCopy {
  readonly digest: Digest;
  /** How each wanted object is called in its repository: a tag, or the digest of a referrer. */
  readonly names: readonly string[];
}

/**
 * Copies an artifact of ours into another repository, with its export.json, and of its signed objects only those that
 * are wanted, as somebody would who tampers with a registry: every digest and size is right.
 */
export async function copySigned(from: string, to: string, plan: CopyPlan): Promise<SignedCopy> {
  const [source, target] = await Promise.all([open(from), open(to)]);
  try {
    const original = (await source.resolve(nameOf(parseReference(from)))) as Descriptor;
    const exports = await referrersOf(source, original.digest, 'application/vnd.stellaops.export.manifest.v1+json');
    await copy(source, target, [original, ...exports]);
    const subject = await pushManifest(source, target, original, plan.manifest);
    const names: string[] = [];
    for (const wanted of plan.objects) names.push(await hang(source, target, { original, subject, wanted }));
    await target.tag(subject, nameOf(parseReference(to)));
    return { digest: subject.digest, names };
  } finally {
    await Promise.all([source.close(), target.close()]);
  }
}

function open(reference: string): Promise<Repository> {
  return openRepository(parseReference(reference));
}

async function pushManifest(
  source: Repository,
  target: Repository,
  original: Descriptor,
  change: CopyPlan['manifest'],
): Promise<Descriptor> {
  if (change === undefined) return original;
  return push(target, original.mediaType, change(await readText(source, original)));
}

interface Hanging {
  readonly original: Descriptor;
  readonly subject: Descriptor;
  readonly wanted: Wanted;
}

async function hang(source: Repository, target: Repository, { original, subject, wanted }: Hanging): Promise<string> {
  const manifest = await findSigned(source, original.digest, wanted);
  let text = await readText(source, manifest);
  const { config, layers } = readJson(text) as { config: Descriptor; layers: readonly [Descriptor] };
  const [layer] = layers;
  const changed = tampered({ manifest: text, blob: await readText(source, layer) }, wanted);
  const blob = await push(target, layer.mediaType, changed.blob);
  const configText = (await readText(source, config)).replaceAll(layer.digest, blob.digest);
  const newConfig = await push(target, config.mediaType, configText);
  text = replaceDescriptor(changed.manifest, layer, blob);
  text = replaceDescriptor(text, config, newConfig);
  text = replaceDescriptor(text, original, subject);
  const pushed = await push(target, manifest.mediaType, text);
  if (wanted.form === 'sigstoreBundle') return pushed.digest;
  const tag = tagOf(subject.digest, wanted.kind);
  await target.tag(pushed, tag);
  return tag;
}

/** cosign's tag for what is said of a manifest. */
export function tagOf(subject: string, kind: Kind): string {
  return `${subject.replace(':', '-')}.${kind === 'signature' ? 'sig' : 'att'}`;
}

const predicateTypes: Readonly<Record<Kind, string>> = {
  signature: 'https://sigstore.dev/cosign/sign/v1',
  provenance: 'https://slsa.dev/provenance/v1',
};

/** The manifest of a signed object of a manifest. */
export async function findSigned(source: Repository, subject: Digest, wanted: Wanted): Promise<Descriptor> {
  const found = await listSigned(source, subject, wanted);
  const [first] = found;
  if (first === undefined) throw new Error(`${source.name}: no ${wanted.kind} of ${subject} in ${wanted.form} form`);
  return first;
}

/** The manifests of all signed objects of a form and kind. */
export async function listSigned(
  source: Repository,
  subject: Digest,
  { form, kind }: Wanted,
): Promise<readonly Descriptor[]> {
  if (form === 'tag') {
    const found = await source.resolve(tagOf(subject, kind));
    return found === undefined ? [] : [found];
  }
  const bundles = await referrersOf(source, subject, 'application/vnd.dev.sigstore.bundle.v0.3+json');
  return bundles.filter(
    ({ annotations }) => annotations?.['dev.sigstore.bundle.predicateType'] === predicateTypes[kind],
  );
}

async function referrersOf(source: Repository, subject: Digest, artifactType: string): Promise<Descriptor[]> {
  return Array.fromAsync(source.referrers(subject, { artifactType }));
}

interface Texts {
  readonly manifest: string;
  readonly blob: string;
}

const signatureAnnotation = 'dev.cosignproject.cosign/signature';

interface Envelope {
  payload: string;
  signatures: [{ sig: string }];
}

/** A manifest signature in tag form has its signature in the manifest; everything else is a DSSE envelope in the blob. */
function tampered(texts: Texts, { form, kind, tamper }: Wanted): Texts {
  if (tamper === undefined) return texts;
  if (form === 'tag' && kind === 'signature') {
    const parsed = readJson(texts.manifest) as { layers: [{ annotations: Record<string, string> }] };
    const before = parsed.layers[0].annotations[signatureAnnotation] ?? '';
    const { payload, signature } = tamper({ payload: texts.blob, signature: before });
    return { manifest: replaceOnce(texts.manifest, before, signature), blob: payload };
  }
  const blob = readJson(texts.blob) as Envelope | { dsseEnvelope: Envelope };
  const envelope = 'dsseEnvelope' in blob ? blob.dsseEnvelope : blob;
  const payload = Buffer.from(envelope.payload, 'base64').toString('utf8');
  const after = tamper({ payload, signature: envelope.signatures[0].sig });
  envelope.payload = Buffer.from(after.payload).toString('base64');
  envelope.signatures[0].sig = after.signature;
  return { ...texts, blob: JSON.stringify(blob) };
}

function replaceOnce(text: string, from: string, to: string): string {
  if (!text.includes(from)) throw new Error(`nothing to change: ${from}`);
  return text.replace(from, () => to);
}

function replaceDescriptor(text: string, from: Descriptor, to: Descriptor): string {
  if (from.digest === to.digest) return text;
  return text.replaceAll(`"digest":"${from.digest}","size":${from.size}`, `"digest":"${to.digest}","size":${to.size}`);
}

async function push(target: Repository, mediaType: string, text: string): Promise<Descriptor> {
  const bytes = Buffer.from(text);
  const descriptor = describeBytes(mediaType, bytes);
  await target.push(descriptor, contentOf(bytes));
  return descriptor;
}

async function readText(source: Repository, descriptor: Descriptor): Promise<string> {
  return Buffer.from(await fetchBytes(source, descriptor)).toString('utf8');
}

/** Another signature of the same length. */
export function flipSignature({ payload, signature }: Signed): Signed {
  const bytes = Buffer.from(signature, 'base64');
  const at = bytes.length - 5;
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  return { payload, signature: bytes.toString('base64') };
}

/** Another text that says as much of the same manifest. */
export function alterPayload({ payload, signature }: Signed): Signed {
  const changes = [
    ['"optional":null', '"optional":{"by":"nobody"}'],
    ['"predicate":{}', '"predicate":{"by":"nobody"}'],
    ['"tenant":"default"', '"tenant":"another"'],
  ] as const;
  const [from, to] = changes.find(([text]) => payload.includes(text)) ?? ['', ''];
  if (from === '') throw new Error(`nothing to change in ${payload}`);
  return { payload: payload.replace(from, to), signature };
}
