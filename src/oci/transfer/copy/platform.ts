import {
  CodedError,
  type Descriptor,
  isCoded,
  isManifestType,
  type JsonObject,
  mediaTypes,
  parseJsonObject,
} from '#core';
import type { OperationOptions, Repository } from '#oci/image';
import { bareDescriptor, fetchBytes, type ImageIndex, parseManifest } from '#oci/image';

/** What an image runs on (image-spec v1.1.1 image-index.md, `platform`). */
export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string | undefined;
}

const PART = /^[A-Za-z0-9._-]{1,64}$/;
/** What others call an architecture, as containerd reads it. */
const ALIASES: Readonly<Record<string, readonly [architecture: string, variant?: string]>> = {
  x86_64: ['amd64'],
  'x86-64': ['amd64'],
  aarch64: ['arm64'],
  armhf: ['arm', 'v7'],
  armel: ['arm', 'v6'],
  i386: ['386'],
};
const MAX_DEPTH = 8;

/**
 * The platform that `OS/ARCH[/VARIANT]` spells.
 *
 * @throws CodedError ERR_EXPORT_USAGE
 */
export function parsePlatform(text: string): Platform {
  const parts = text.split('/');
  const [os = '', arch = '', given] = parts;
  if (parts.length < 2 || parts.length > 3 || !parts.every((part) => PART.test(part))) {
    throw new CodedError('ERR_EXPORT_USAGE', `platform ${JSON.stringify(text.slice(0, 200))}: not OS/ARCH[/VARIANT]`, {
      hint: 'write it as linux/amd64 or linux/arm/v7',
    });
  }
  const alias = Object.hasOwn(ALIASES, arch.toLowerCase()) ? ALIASES[arch.toLowerCase()] : undefined;
  const [architecture, implied] = alias ?? [arch.toLowerCase()];
  return { os: os.toLowerCase(), architecture, variant: given?.toLowerCase() ?? implied };
}

/** The text of a platform. */
export function formatPlatform({ os, architecture, variant }: Platform): string {
  return `${os}/${architecture}${variant === undefined ? '' : `/${variant}`}`;
}

/**
 * The manifest for a platform: of an index the first that is marked with it, else the first without a mark whose config
 * says it; of an image the manifest itself where its config does not say another platform.
 *
 * @throws CodedError ERR_EXPORT_NOT_FOUND where there is none, with those that there are in the hint
 */
export async function selectPlatform(
  repository: Repository,
  descriptor: Descriptor,
  platform: Platform,
  options: OperationOptions = {},
): Promise<Descriptor> {
  const seen: string[] = [];
  const found = await search(repository, descriptor, platform, { ...options, seen, depth: 0 });
  if (found !== undefined) return bareDescriptor(found);
  const what = `${repository.name}@${descriptor.digest}: no manifest for ${formatPlatform(platform)}`;
  const there = [...new Set(seen)].slice(0, 20).join(', ');
  throw new CodedError('ERR_EXPORT_NOT_FOUND', what, {
    hint: there === '' ? 'it names no platform: omit --platform' : `choose one of ${there}`,
    details: { digest: descriptor.digest, platform: formatPlatform(platform) },
  });
}

interface Search extends OperationOptions {
  /** The platforms that were found. */
  readonly seen: string[];
  readonly depth: number;
}

async function search(
  repository: Repository,
  descriptor: Descriptor,
  platform: Platform,
  options: Search,
): Promise<Descriptor | undefined> {
  const name = `${repository.name}: ${descriptor.digest}`;
  const manifest = parseManifest(await fetchBytes(repository, descriptor, options), descriptor.mediaType, name);
  if (manifest.kind === 'index') return searchIndex(repository, manifest, platform, options);
  const own = manifest.kind === 'artifact' ? undefined : await platformOfImage(repository, manifest.config, options);
  // What an index lists without saying what it runs on, and does not say itself, is not for a platform.
  if (own === undefined) return options.depth === 0 ? descriptor : undefined;
  if (fits(own, platform)) return descriptor;
  options.seen.push(formatPlatform(own));
  return undefined;
}

async function searchIndex(
  repository: Repository,
  { manifests }: ImageIndex,
  platform: Platform,
  options: Search,
): Promise<Descriptor | undefined> {
  const unmarked: Descriptor[] = [];
  for (const child of manifests) {
    const own = platformIn(child.platform as JsonObject | undefined);
    if (own !== undefined && fits(own, platform)) return child;
    if (own !== undefined) options.seen.push(formatPlatform(own));
    else if (child.platform === undefined && isManifestType(child.mediaType)) unmarked.push(child);
  }
  if (options.depth >= MAX_DEPTH) return undefined;
  for (const child of unmarked) {
    const found = await search(repository, child, platform, { ...options, depth: options.depth + 1 }).catch(unlessGone);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** An archive of one platform may list manifests that it does not hold. */
function unlessGone(error: unknown): undefined {
  if (!isCoded(error, 'ERR_EXPORT_NOT_FOUND')) throw error;
}

async function platformOfImage(
  repository: Repository,
  config: Descriptor,
  options: OperationOptions,
): Promise<Platform | undefined> {
  if (config.mediaType !== mediaTypes.ociConfig && config.mediaType !== mediaTypes.dockerConfig) return undefined;
  const bytes = await fetchBytes(repository, config, options);
  return platformIn(parseJsonObject(bytes, `${repository.name}: ${config.digest}`, { maxBytes: bytes.byteLength }));
}

/** @returns undefined for one that says nothing, as attestations beside images (`unknown/unknown`) */
function platformIn(value: JsonObject | undefined): Platform | undefined {
  const { os, architecture, variant } = value ?? {};
  if (typeof os !== 'string' || typeof architecture !== 'string' || os === '' || architecture === '') return undefined;
  if (os === 'unknown') return undefined;
  return { os, architecture, variant: typeof variant === 'string' && variant !== '' ? variant : undefined };
}

function fits(own: Platform, wanted: Platform): boolean {
  if (own.os !== wanted.os || own.architecture !== wanted.architecture) return false;
  return wanted.variant === undefined || variantOf(own) === variantOf(wanted);
}

/** arm64 is v8, and 32-bit arm v7, where nothing else is said, as containerd has it. */
function variantOf({ architecture, variant }: Platform): string | undefined {
  const implied: Readonly<Record<string, string>> = { arm64: 'v8', arm: 'v7' };
  return variant ?? implied[architecture];
}
