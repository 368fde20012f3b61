import {
  CodedError,
  type Descriptor,
  type Digest,
  isArtifactManifestType,
  isDigest,
  isIndexType,
  isManifestType,
  type JsonObject,
  type JsonValue,
  mediaTypes,
  parseJsonObject,
  parseKnownJson,
} from '#core';
import { inlineData, maxManifestBytes } from './content.ts';
import { findFraction, KnownNames, lookOver } from './manifest-text.ts';

/** An image manifest (image-spec v1.1.1 manifest.md). */
export interface ImageManifest {
  readonly kind: 'manifest';
  readonly mediaType: string;
  readonly artifactType: string | undefined;
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
  readonly subject: Descriptor | undefined;
  readonly annotations: Readonly<Record<string, string>>;
}

/** An image index (image-spec v1.1.1 image-index.md). */
export interface ImageIndex {
  readonly kind: 'index';
  readonly mediaType: string;
  readonly artifactType: string | undefined;
  readonly manifests: readonly Descriptor[];
  readonly subject: Descriptor | undefined;
  readonly annotations: Readonly<Record<string, string>>;
}

/** An artifact manifest (image-spec v1.1.0-rc2 artifact.md), and the one of oras before it. */
interface ArtifactManifest {
  readonly kind: 'artifact';
  readonly mediaType: string;
  readonly artifactType: string | undefined;
  readonly blobs: readonly Descriptor[];
  readonly subject: Descriptor | undefined;
  readonly annotations: Readonly<Record<string, string>>;
}

/** What names other content by descriptor. Its bytes are kept apart: they are never written anew from this. */
export type Manifest = ImageManifest | ImageIndex | ArtifactManifest;

/** Most descriptors that one manifest may list. */
const MAX_ENTRIES = 12_000;

const COMMON_MEMBERS = ['mediaType', 'artifactType', 'annotations'];
const PLATFORM_TEXTS = ['architecture', 'os', 'os.version', 'variant'];
const PLATFORM_LISTS = ['os.features', 'features'];
const MANIFEST_MEMBERS = new KnownNames([
  ...COMMON_MEMBERS,
  'schemaVersion',
  'config',
  'layers',
  'manifests',
  'blobs',
  'subject',
]);
const DESCRIPTOR_MEMBERS = new KnownNames([...COMMON_MEMBERS, 'digest', 'size', 'data', 'urls', 'platform']);
const PLATFORM_MEMBERS = new KnownNames([...PLATFORM_TEXTS, ...PLATFORM_LISTS]);

/**
 * The manifest in `bytes`. Fields that we do not know are let be; those that we act on must be of the right form.
 *
 * @param mediaType the type it was announced with; undefined to go by the text alone
 * @param name what it is called in messages
 * @throws CodedError ERR_EXPORT_MANIFEST_INVALID, with `field` in its details
 */
export function parseManifest(bytes: Uint8Array, mediaType: string | undefined, name: string): Manifest {
  const manifest = parseHeldManifest(bytes, mediaType, name);
  const field = manifest.kind === 'index' ? 'manifests' : manifest.kind === 'artifact' ? 'blobs' : 'layers';
  const listed = manifest.kind === 'index' ? manifest.manifests : layersOf(manifest);
  listed.forEach((descriptor, i) => {
    checkInlineData(descriptor, name, `${field}[${i}]`);
  });
  if (manifest.kind === 'manifest') checkInlineData(manifest.config, name, 'config');
  if (manifest.subject !== undefined) checkInlineData(manifest.subject, name, 'subject');
  return manifest;
}

/** parseManifest for what is held already: inline data of another content is let be, and counts as not there where it is used. */
export function parseHeldManifest(bytes: Uint8Array, mediaType: string | undefined, name: string): Manifest {
  const fields = readFields(bytes, name);
  const type = typeOf(fields, mediaType, name);
  const common = {
    mediaType: type,
    artifactType: optionalText(fields, 'artifactType', name),
    subject: fields['subject'] == null ? undefined : parseDescriptor(fields['subject'], name, 'subject'),
    annotations: textMap(fields['annotations'], name, 'annotations') ?? {},
  };
  if (isIndexType(type)) {
    return { kind: 'index', ...common, manifests: descriptors(fields['manifests'], name, 'manifests') };
  }
  if (isArtifactManifestType(type)) {
    return { kind: 'artifact', ...common, blobs: descriptors(fields['blobs'] ?? null, name, 'blobs') };
  }
  const config = parseDescriptor(fields['config'], name, 'config');
  return { kind: 'manifest', ...common, config, layers: descriptors(fields['layers'], name, 'layers') };
}

/** The media type of the manifest in `bytes`; undefined when it is none that we know. */
export function detectManifestType(bytes: Uint8Array): string | undefined {
  if (bytes.byteLength > maxManifestBytes || bytes[0] !== 0x7b) return undefined;
  try {
    return typeOf(readFields(bytes, 'manifest'), undefined, 'manifest');
  } catch {
    return undefined;
  }
}

function checkInlineData(descriptor: Descriptor, name: string, field: string): void {
  try {
    inlineData(descriptor, name);
  } catch (error) {
    if (!(error instanceof CodedError)) throw error;
    throw invalid(name, `${field}.data`, 'content that does not match digest and size', error);
  }
}

/** The content that a manifest names and cannot do without, each once; its subject, which it can, is left out. */
export function successorsOf(manifest: Manifest): Descriptor[] {
  const seen = new Set<string>();
  return mentionsIn(manifest).filter(({ digest }) => !seen.has(digest) && seen.add(digest));
}

/** The contents of an artifact: layers, or the blobs of an artifact manifest. */
export function layersOf(manifest: Exclude<Manifest, ImageIndex>): readonly Descriptor[] {
  return manifest.kind === 'artifact' ? manifest.blobs : manifest.layers;
}

/** As successorsOf, and each as often as it is named: other mentions may say another size or carry the content. */
export function mentionsIn(manifest: Manifest): readonly Descriptor[] {
  if (manifest.kind === 'index') return manifest.manifests;
  return manifest.kind === 'artifact' ? manifest.blobs : [manifest.config, ...manifest.layers];
}

/** What can be told of a manifest of a type that is not supported. */
export interface UnknownManifest {
  readonly mediaType: string | undefined;
  readonly artifactType: string | undefined;
  readonly subject: Digest | undefined;
  /** Contents that it names by a member `digest` or `blobSum`, its subject aside. */
  readonly needs: readonly Digest[];
  /** All texts in it that are digests, for whatever reason. */
  readonly mentions: readonly Digest[];
  /** False where it is made of more JSON values than any manifest needs: nothing is known of it but what it mentions. */
  readonly isRead: boolean;
}

/** What a text of JSON says of itself; undefined for anything that is not one object of JSON. */
export function parseUnknownManifest(bytes: Uint8Array): UnknownManifest | undefined {
  if (bytes.byteLength > maxManifestBytes || bytes[0] !== 0x7b) return undefined;
  if (lookOver(bytes).excess !== undefined) return unreadManifest(bytes);
  let fields: JsonValue;
  try {
    // Garbage collection would rather keep too much than read too strictly.
    fields = parseKnownJson(bytes);
  } catch {
    return undefined;
  }
  if (!isObject(fields)) return undefined;
  const { subject, ...rest } = fields;
  const { needs, mentions } = digestsIn(rest);
  const subjectDigest = isObject(subject) ? subject['digest'] : undefined;
  const textOf = (key: string) => {
    const value = fields[key];
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  return {
    mediaType: textOf('mediaType'),
    artifactType: textOf('artifactType'),
    subject: typeof subjectDigest === 'string' && isDigest(subjectDigest) ? subjectDigest : undefined,
    needs,
    mentions,
    isRead: true,
  };
}

/** Garbage collection needs to know what it mentions, however long reading it would take. */
function unreadManifest(bytes: Uint8Array): UnknownManifest {
  const found = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    .toString('latin1')
    .matchAll(/"(sha(?:256|512):[0-9a-f]{64,128})"/g);
  const mentions = new Set([...found].map(([, text]) => text as string).filter(isDigest));
  const unknown = { mediaType: undefined, artifactType: undefined, subject: undefined, needs: [] };
  return { ...unknown, mentions: [...mentions], isRead: false };
}

function digestsIn(root: JsonValue): Pick<UnknownManifest, 'needs' | 'mentions'> {
  const [needs, mentions] = [new Set<Digest>(), new Set<Digest>()];
  const open: JsonValue[] = [root];
  for (let value = open.pop(); value !== undefined; value = open.pop()) {
    if (value === null || typeof value !== 'object') continue;
    for (const [key, member] of Object.entries(value) as [string, JsonValue][]) {
      if (typeof member !== 'string') open.push(member);
      else if (isDigest(member)) {
        mentions.add(member);
        if (key === 'digest' || key === 'blobSum') needs.add(member);
      }
    }
  }
  return { needs: [...needs], mentions: [...mentions] };
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

/** Content whose maker keeps it at a place of his own (image-spec v1.1.1 layer.md#non-distributable-layers). */
export function isForeign({ mediaType, urls }: Descriptor): boolean {
  const kept = mediaType.includes('.nondistributable.') || mediaType.endsWith('.foreign.diff.tar.gzip');
  return kept && urls !== undefined && urls.length > 0;
}

/** What kind of artifact this is; the config's media type where the manifest does not say (manifest.md#guidelines-for-artifact-usage). */
export function artifactTypeOf(manifest: Manifest): string | undefined {
  if (manifest.artifactType !== undefined && manifest.artifactType !== '') return manifest.artifactType;
  return manifest.kind === 'manifest' ? manifest.config.mediaType : undefined;
}

/** How a referrer is listed: with the artifactType and the annotations of the manifest itself (spec.md#listing-referrers). */
export function referrerDescriptor(descriptor: Descriptor, manifest: Manifest): Descriptor {
  const artifactType = artifactTypeOf(manifest);
  return {
    mediaType: manifest.mediaType,
    digest: descriptor.digest,
    size: descriptor.size,
    ...(artifactType === undefined ? {} : { artifactType }),
    ...(Object.keys(manifest.annotations).length === 0 ? {} : { annotations: manifest.annotations }),
  };
}

/**
 * The descriptor in a JSON value (image-spec v1.1.1 descriptor.md).
 *
 * @throws CodedError ERR_EXPORT_MANIFEST_INVALID
 */
export function parseDescriptor(value: JsonValue | undefined, name: string, field: string): Descriptor {
  if (value === null || typeof value !== 'object' || Array.isArray(value))
    throw invalid(name, field, 'not a descriptor');
  const fields = value as JsonObject;
  const { mediaType, digest, size, data, urls, platform } = fields;
  refuseOtherCase(fields, DESCRIPTOR_MEMBERS, name, field);
  if (typeof mediaType !== 'string' || mediaType === '') throw invalid(name, `${field}.mediaType`, 'not a media type');
  if (typeof digest !== 'string' || !isDigest(digest)) {
    throw invalid(name, `${field}.digest`, 'not a sha256 or sha512 digest');
  }
  if (!Number.isSafeInteger(size) || (size as number) < 0) throw invalid(name, `${field}.size`, 'not a size in bytes');
  if (data != null && !isBase64(data)) throw invalid(name, `${field}.data`, 'not standard base64 with padding');
  if (urls != null && !isTextList(urls)) throw invalid(name, `${field}.urls`, 'not a list of strings');
  if (platform != null) checkPlatform(platform, name, `${field}.platform`);
  const artifactType = optionalText(fields, 'artifactType', name, field);
  const annotations = textMap(fields['annotations'], name, `${field}.annotations`);
  return {
    mediaType,
    digest,
    size: size as number,
    ...(artifactType === undefined ? {} : { artifactType }),
    ...(annotations === undefined ? {} : { annotations }),
    ...(data == null ? {} : { data: data as string }),
    ...(Array.isArray(urls) ? { urls: urls.filter((url) => typeof url === 'string') } : {}),
    ...(platform !== null && typeof platform === 'object' ? { platform: platform as Record<string, unknown> } : {}),
  };
}

/** As Go's readers take it: line breaks in it are skipped. */
function isBase64(value: JsonValue): boolean {
  if (typeof value !== 'string') return false;
  const text = value.replace(/[\r\n]/g, '');
  const end = text.endsWith('==') ? text.length - 2 : text.endsWith('=') ? text.length - 1 : text.length;
  return text.length % 4 === 0 && !/[^A-Za-z0-9+/]/.test(text.slice(0, end));
}

/** Go's readers take null for an empty text. */
function isTextList(value: JsonValue): boolean {
  return Array.isArray(value) && value.every((item) => item === null || typeof item === 'string');
}

function checkPlatform(value: JsonValue, name: string, field: string): void {
  if (!isObject(value)) throw invalid(name, field, 'not a platform object');
  refuseOtherCase(value, PLATFORM_MEMBERS, name, field);
  for (const key of PLATFORM_TEXTS) {
    if (value[key] != null && typeof value[key] !== 'string') throw invalid(name, `${field}.${key}`, 'not a string');
  }
  for (const key of PLATFORM_LISTS) {
    if (value[key] != null && !isTextList(value[key])) throw invalid(name, `${field}.${key}`, 'not a list of strings');
  }
}

function readFields(bytes: Uint8Array, name: string): JsonObject {
  const { excess, mayReadExactly, hasFractions } = lookOver(bytes);
  if (excess !== undefined) throw invalid(name, '', `too many ${excess}`);
  let fields: JsonObject;
  try {
    fields = parseJsonObject(bytes, name, { maxBytes: maxManifestBytes, maxDepth: 64, mayReadExactly });
  } catch (cause) {
    throw new CodedError('ERR_EXPORT_MANIFEST_INVALID', `${name}: ambiguous or invalid manifest JSON`, {
      hint: 'see the cause below; ask its publisher to push it again',
      details: { name, field: '' },
      cause,
    });
  }
  const fraction = hasFractions ? findFraction(Buffer.from(bytes).toString('utf8')) : undefined;
  if (fraction !== undefined)
    throw invalid(name, fraction, 'written with a fraction or an exponent, not as a whole number');
  refuseOtherCase(fields, MANIFEST_MEMBERS, name, '');
  return fields;
}

/** Readers in Go take a member for another whose name differs in case alone, and the last of them counts. */
function refuseOtherCase(fields: JsonObject, members: KnownNames, name: string, field: string): void {
  for (const key in fields) {
    if (!members.isTakenForOne(key)) continue;
    throw invalid(name, field === '' ? key : `${field}.${key}`, 'differs from the name of another member only in case');
  }
}

/** One text must not be a manifest to one reader and an index to another (GHSA-mc8v-mgrf-8f4m). */
function typeOf(fields: JsonObject, announced: string | undefined, name: string): string {
  const own = optionalText(fields, 'mediaType', name);
  const listed = fields['manifests'] !== undefined;
  const packed = fields['config'] !== undefined || fields['layers'] !== undefined;
  if (listed && packed) throw invalid(name, 'manifests', 'both an index and an image manifest');
  if (own !== undefined && announced !== undefined && own !== announced) {
    throw invalid(
      name,
      'mediaType',
      `announced as ${JSON.stringify(announced)} but its mediaType is ${JSON.stringify(own)}`,
    );
  }
  const type = own ?? announced ?? (listed ? mediaTypes.ociIndex : packed ? mediaTypes.ociManifest : '');
  if (isArtifactManifestType(type)) {
    if (listed || packed) throw invalid(name, 'mediaType', 'fields of another type of manifest');
    return type;
  }
  if (fields['schemaVersion'] !== 2) throw invalid(name, 'schemaVersion', 'expected 2');
  if (!isManifestType(type))
    throw invalid(name, 'mediaType', `manifest type ${JSON.stringify(type.slice(0, 200))} is not supported`);
  if (isIndexType(type) ? packed : listed) throw invalid(name, 'mediaType', 'fields of another type of manifest');
  return type;
}

function descriptors(value: JsonValue | undefined, name: string, field: string): Descriptor[] {
  // Go writes an empty list as null.
  if (value === null) return [];
  if (!Array.isArray(value)) throw invalid(name, field, 'not a list');
  if (value.length > MAX_ENTRIES) throw invalid(name, field, `${value.length} entries, more than ${MAX_ENTRIES}`);
  return (value as readonly JsonValue[]).map((item, i) => parseDescriptor(item, name, `${field}[${i}]`));
}

function textMap(value: JsonValue | undefined, name: string, field: string): Record<string, string> | undefined {
  if (value == null) return undefined;
  if (typeof value !== 'object' || Array.isArray(value)) throw invalid(name, field, 'not a map of strings');
  const texts = value as JsonObject;
  for (const key in texts) {
    if (typeof texts[key] !== 'string') throw invalid(name, `${field}.${key}`, 'not a string');
  }
  return value as Record<string, string>;
}

function optionalText(fields: JsonObject, key: string, name: string, parent?: string): string | undefined {
  const value = fields[key];
  if (value == null || value === '') return undefined;
  if (typeof value !== 'string') throw invalid(name, parent === undefined ? key : `${parent}.${key}`, 'not a string');
  return value;
}

function invalid(name: string, field: string, what: string, cause?: CodedError): CodedError {
  return new CodedError('ERR_EXPORT_MANIFEST_INVALID', `${name}: ${field === '' ? '' : `${field}: `}${what}`, {
    hint: 'the manifest is damaged or of an unsupported kind; ask its publisher to push it again',
    details: { name, field },
    ...(cause === undefined ? {} : { cause }),
  });
}
