import { CodedError, type Digest, parseDigest } from '#core';
import { foreignTransport } from './foreign-transport.ts';

/** A repository of a registry: `HOST[:PORT]/REPO[:TAG][@DIGEST]`. */
export interface RegistryReference {
  readonly kind: 'registry';
  /** Host and port as they were written; an IPv6 address in brackets. */
  readonly registry: string;
  readonly repository: string;
  readonly tag?: string | undefined;
  readonly digest?: Digest | undefined;
}

/**
 * An OCI layout in a folder (`oci:DIR`) or in a tar file (`oci-archive:FILE`), or what `docker save` wrote
 * (`docker-archive:FILE`), each `[:[REPOSITORY:]TAG][@DIGEST]`. The path ends at the first colon that such a name follows.
 */
export interface LayoutReference {
  readonly kind: 'layout' | 'archive' | 'docker-archive';
  readonly path: string;
  /** Which of several repositories in it: `[HOST[:PORT]/]REPO`, or the end of that. */
  readonly repository?: string | undefined;
  readonly tag?: string | undefined;
  readonly digest?: Digest | undefined;
}

/** Where an artifact lies, with tag and digest apart: where both are there, the digest decides. */
export type Reference = RegistryReference | LayoutReference;

const REPOSITORY =
  /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+){0,127}(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+){0,127}){0,127}$/;
const TAG = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;
const HOST = /^(?:\[[0-9a-fA-F:.]{2,45}\]|[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?)(?::(\d{1,5}))?$/;
/** An `@` that begins no digest at the end: what is before it may be a login, whose password may hold anything. */
const STRAY_AT = /@(?!sha(?:256|512):[^/@]*$)/;
const DIGEST_PART = /@([^/@]*)$/;
/** In a path, `@name:tag` is a part of a folder's name; only what begins as a digest is one. */
const DIGEST_PART_OF_PATH = /@(sha\d+:[^/@]*)$/;
const MAX_NAME = 255;
const MAX_TAG = 128;

/** What tells the schemes of places on this machine apart. */
export interface LocalScheme {
  /** What a reference begins with, before the colon. */
  readonly scheme: string;
  /** What its path names; `-` for a file is standard input or output. */
  readonly path: 'DIR' | 'FILE';
  /** It mostly holds one artifact, which then needs no name. */
  readonly isNameOptional: boolean;
}

const LOCAL: Readonly<Record<LocalKind, LocalScheme>> = {
  layout: { scheme: 'oci', path: 'DIR', isNameOptional: false },
  archive: { scheme: 'oci-archive', path: 'FILE', isNameOptional: false },
  'docker-archive': { scheme: 'docker-archive', path: 'FILE', isNameOptional: true },
};

type LocalKind = LayoutReference['kind'];

/** Whether a reference names a repository of a registry, not a place on this machine. */
export function isRegistryReference(reference: Reference): reference is RegistryReference {
  return reference.kind === 'registry';
}

/** The scheme of a reference to a place on this machine. */
export function schemeOf({ kind }: LayoutReference): LocalScheme {
  return LOCAL[kind];
}

/** Whether `text` can name a repository (distribution-spec v1.1.1 spec.md#pulling-manifests). */
export function isRepositoryName(text: string): boolean {
  return text.length <= MAX_NAME && REPOSITORY.test(text);
}

/** Whether `text` can be a tag (distribution-spec v1.1.1 spec.md#pulling-manifests). */
export function isTag(text: string): boolean {
  return TAG.test(text);
}

/** A name as layouts have it: a tag, a repository with its host or without, or both. */
export interface LayoutName {
  readonly repository?: string | undefined;
  readonly tag?: string | undefined;
}

/** What follows the path of a layout: `TAG`, `[HOST[:PORT]/]REPO:TAG` or, with a slash in it, `[HOST[:PORT]/]REPO`. */
export function parseLayoutName(text: string): LayoutName | undefined {
  if (isTag(text)) return { tag: text };
  const colon = text.lastIndexOf(':');
  const slash = text.lastIndexOf('/');
  const repository = colon > slash ? text.slice(0, colon) : text;
  if (!isHostedRepository(repository)) return undefined;
  if (repository === text) return { repository };
  const tag = text.slice(colon + 1);
  return isTag(tag) ? { repository, tag } : undefined;
}

/** Whether `text` can name a repository, with the host and port of its registry before it or without. */
function isHostedRepository(text: string): boolean {
  if (text.length > MAX_NAME) return false;
  if (REPOSITORY.test(text)) return true;
  const slash = text.indexOf('/');
  return slash !== -1 && isRegistryHost(text.slice(0, slash)) && REPOSITORY.test(text.slice(slash + 1));
}

/**
 * The reference that `text` spells. Nothing is filled in: no default host, no default tag.
 *
 * @throws CodedError ERR_EXPORT_REFERENCE_INVALID, ERR_EXPORT_DIGEST_INVALID
 */
export function parseReference(text: string): Reference {
  if (/^[^:]*:\/\//.test(text)) refuseTransport(text);
  for (const [kind, { scheme }] of Object.entries(LOCAL)) {
    const prefix = `${scheme}:`;
    if (text.startsWith(prefix)) return parseLayout(text, kind as LocalKind, text.slice(prefix.length));
  }
  refuseTransport(text);
  return parseRegistry(text);
}

/** @throws CodedError ERR_EXPORT_REFERENCE_INVALID for a URL, and for a transport of other tools */
function refuseTransport(text: string): void {
  const foreign = foreignTransport(text);
  if (foreign === undefined) return;
  if (STRAY_AT.test(text)) throw maybeLogin();
  throw invalid(text, foreign.what, foreign.hint);
}

/** The text of a reference; parseReference gives the same reference back. */
export function formatReference(reference: Reference): string {
  const place = isRegistryReference(reference)
    ? `${reference.registry}/${reference.repository}`
    : `${LOCAL[reference.kind].scheme}:${reference.path}${reference.repository === undefined ? '' : `:${reference.repository}`}`;
  const tag = reference.tag === undefined ? '' : `:${reference.tag}`;
  return `${place}${tag}${reference.digest === undefined ? '' : `@${reference.digest}`}`;
}

/**
 * What to resolve: the digest where there is one, else the tag.
 *
 * @throws CodedError ERR_EXPORT_REFERENCE_INVALID when the reference has neither
 */
export function nameOf(reference: Reference): string {
  const name = reference.digest ?? reference.tag;
  if (name !== undefined) return name;
  throw invalid(formatReference(reference), 'tag or digest missing', 'add :TAG or @sha256:…; no tag is assumed');
}

/**
 * The tag to write to.
 *
 * @throws CodedError ERR_EXPORT_REFERENCE_INVALID when the reference has none
 */
export function tagOf(reference: Reference): string {
  if (reference.tag !== undefined) return reference.tag;
  throw invalid(formatReference(reference), 'tag missing', 'add :TAG; no tag is assumed');
}

/** Docker Hub's names; its API answers to the last. */
const HUB: readonly string[] = ['docker.io', 'index.docker.io', 'registry-1.docker.io'];

/** Whether a registry is Docker Hub, under any of its names. */
export function isDockerHub(registry: string): boolean {
  return HUB.includes(registry.toLowerCase());
}

/** Whether a registry's host can only be this machine: `localhost`, a name under it, or a loopback address. */
export function isLoopbackHost(registry: string): boolean {
  const host = registry.replace(/:\d+$/, '').toLowerCase();
  if (host === 'localhost' || host.endsWith('.localhost') || host === '[::1]') return true;
  return /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host);
}

/** The error where a choice between repositories is to be made. @param end what follows the name in a reference */
export function severalRepositories(place: string, what: string, names: readonly string[], end: string): CodedError {
  const shown = names.slice(0, 8).join(', ');
  const more = names.length > 8 ? ` and ${names.length - 8} more` : '';
  return new CodedError(
    'ERR_EXPORT_REFERENCE_INVALID',
    `${place}: ${what} is in several repositories: ${shown}${more}`,
    {
      hint: `specify one: ${place}:${names[0]}${end}`,
      details: { place, repositories: names.slice(0, 100) },
    },
  );
}

function parseLayout(text: string, kind: LocalKind, rest: string): LayoutReference {
  const { before, digest } = cutDigest(rest, DIGEST_PART_OF_PATH);
  const { path, repository, tag } = cutName(text, before);
  if (path === '') throw invalid(text, 'path missing', `write it as ${LOCAL[kind].scheme}:${LOCAL[kind].path}:TAG`);
  if (path.includes('\0')) throw invalid(text, 'a NUL byte in the path', 'remove it');
  return { kind, path, ...(repository === undefined ? {} : { repository }), tag, digest };
}

/** The path ends at the first colon that a name follows; without one, the tag begins at the last colon after the last slash. */
function cutName(text: string, rest: string): LayoutName & { readonly path: string } {
  for (let colon = rest.indexOf(':', 1); colon !== -1; colon = rest.indexOf(':', colon + 1)) {
    // What is longer cannot be a name, and is not looked at again for each colon.
    if (rest.length - colon > MAX_NAME + MAX_TAG + 2) continue;
    const name = parseLayoutName(rest.slice(colon + 1));
    if (name !== undefined) return { path: rest.slice(0, colon), ...name };
  }
  const { name: path, tag } = cutTag(text, rest);
  return { path, tag };
}

function parseRegistry(text: string): RegistryReference {
  if (STRAY_AT.test(text)) throw maybeLogin();
  const { before, digest } = cutDigest(text, DIGEST_PART);
  const slash = before.indexOf('/');
  const registry = slash === -1 ? '' : before.slice(0, slash);
  if (!looksLikeHost(registry)) {
    throw invalid(text, 'registry host missing', 'write it as HOST[:PORT]/REPO:TAG, or oci:DIR:TAG for a directory');
  }
  if (!isRegistryHost(registry)) {
    throw invalid(text, `${JSON.stringify(registry)} is not a valid host`, 'write it as HOST[:PORT]/REPO:TAG');
  }
  const { name: repository, tag } = cutTag(text, before.slice(slash + 1));
  if (!isRepositoryName(repository) || registry.length + 1 + repository.length > MAX_NAME) {
    const hint = `use lower-case letters, digits, single . _ -, parts joined by /, ${MAX_NAME} characters with the host`;
    throw invalid(text, `${JSON.stringify(repository)} is not a valid repository name`, hint);
  }
  return { kind: 'registry', registry, repository, tag, digest };
}

/** As of docker and containerd: what else stands before the first slash is a part of the repository. */
function looksLikeHost(registry: string): boolean {
  return /[.:]/.test(registry) || registry === 'localhost';
}

function isRegistryHost(registry: string): boolean {
  const host = looksLikeHost(registry) ? HOST.exec(registry) : null;
  return host !== null && Number(host[1] ?? 1) <= 65_535 && Number(host[1] ?? 1) > 0;
}

function cutDigest(text: string, part: RegExp): { before: string; digest: Digest | undefined } {
  const match = part.exec(text);
  if (match === null) return { before: text, digest: undefined };
  return { before: text.slice(0, match.index), digest: parseDigest(match[1] as string) };
}

/** The tag begins at the last colon after the last slash. */
function cutTag(text: string, rest: string): { name: string; tag: string | undefined } {
  const colon = rest.lastIndexOf(':');
  if (colon <= rest.lastIndexOf('/')) return { name: rest, tag: undefined };
  const tag = rest.slice(colon + 1);
  if (isTag(tag)) return { name: rest.slice(0, colon), tag };
  const hint = 'use letters, digits, _ . -, at most 128 characters, not beginning with . or -';
  throw invalid(text, `${JSON.stringify(tag)} is not a valid tag`, hint);
}

/** It quotes nothing: where a password ends cannot be told. */
function maybeLogin(): CodedError {
  const what = 'a reference, not shown here: it contains a login, or an @ without a digest';
  return new CodedError('ERR_EXPORT_REFERENCE_INVALID', what, {
    hint: 'omit the login, and use --username and --password-stdin or docker login HOST; write a digest as @sha256:…',
  });
}

function invalid(text: string, what: string, hint: string): CodedError {
  const reference = text.slice(0, 300);
  return new CodedError('ERR_EXPORT_REFERENCE_INVALID', `reference ${JSON.stringify(reference)}: ${what}`, {
    hint,
    details: { reference },
  });
}
