import { CodedError, type Descriptor, type Digest, isCoded, type JsonObject, mediaTypes, parseJsonObject } from '#core';
import type { OperationOptions, Repository } from '#oci/image';
import {
  bareDescriptor,
  fetchBytes,
  type GraphExpansion,
  type GraphLink,
  type GraphNode,
  GraphWalk,
  type ImageIndex,
  parseManifest,
  rootLink,
  successorLinks,
} from '#oci/image';

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
/** Below this no index is looked into. */
const MAX_DEPTH = 8;
const LIMITS = { maxNodes: 100_000 };

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
  const search = { repository, platform, seen, options };
  const walk = new GraphWalk({ expand: (node: GraphNode) => examine(search, node) }, { ...options, limits: LIMITS });
  for await (const { value: found } of walk.from([rootLink(descriptor)])) {
    if (found !== undefined) return bareDescriptor(found);
  }
  const what = `${repository.name}@${descriptor.digest}: no manifest for ${formatPlatform(platform)}`;
  const there = [...new Set(seen)].slice(0, 20).join(', ');
  throw new CodedError('ERR_EXPORT_NOT_FOUND', what, {
    hint: there === '' ? 'it names no platform: omit --platform' : `choose one of ${there}`,
    details: { digest: descriptor.digest, platform: formatPlatform(platform) },
  });
}

interface Search {
  readonly repository: Repository;
  readonly platform: Platform;
  /** The platforms that were found. */
  readonly seen: string[];
  readonly options: OperationOptions;
}

/** What is chosen of a manifest, and else what is to be looked at in its place. */
type Examined = GraphExpansion<Descriptor | undefined>;

async function examine(search: Search, node: GraphNode): Promise<Examined> {
  try {
    return await examineExisting(search, node);
  } catch (error) {
    // An archive of one platform may list manifests that it does not hold.
    if (node.depth === 0 || !isCoded(error, 'ERR_EXPORT_NOT_FOUND')) throw error;
    return { links: [], value: undefined };
  }
}

async function examineExisting(search: Search, { descriptor, depth }: GraphNode): Promise<Examined> {
  const { repository, platform, seen, options } = search;
  const name = `${repository.name}: ${descriptor.digest}`;
  const manifest = parseManifest(await fetchBytes(repository, descriptor, options), descriptor.mediaType, name);
  if (manifest.kind === 'index') return examineIndex(search, manifest, descriptor.digest, depth);
  const own = manifest.kind === 'artifact' ? undefined : await platformOfImage(repository, manifest.config, options);
  // What an index lists without saying what it runs on, and does not say itself, is not for a platform.
  if (own === undefined) return { links: [], value: depth === 0 ? descriptor : undefined };
  if (fits(own, platform)) return { links: [], value: descriptor };
  seen.push(formatPlatform(own));
  return { links: [], value: undefined };
}

function examineIndex({ platform, seen }: Search, index: ImageIndex, digest: Digest, depth: number): Examined {
  for (const child of index.manifests) {
    const own = platformIn(child.platform as JsonObject | undefined);
    if (own !== undefined && fits(own, platform)) return { links: [], value: child };
    if (own !== undefined) seen.push(formatPlatform(own));
  }
  const unmarked = ({ kind, descriptor }: GraphLink) => kind !== 'unknown' && descriptor.platform === undefined;
  const links = depth < MAX_DEPTH ? successorLinks(digest, index).filter(unmarked) : [];
  return { links, value: undefined };
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
