import type { Descriptor, Digest } from '#core';
import { maxManifestBytes } from '#oci/image';
import type { StoredRepository } from '#oci/store';
import { readBody } from '../body.ts';
import { REPOSITORY_PATH, type RegistryContext, type ServerApp, type ServerRequest } from '../context.ts';
import { matchesEtag } from '../entity-tag.ts';
import { reserveResponse } from '../sending.ts';
import { RegistryProblem, unsupported } from './problem.ts';
import { manifestNameOf, repositoryOf, tagFrom } from './request.ts';

/** Content types that do not say which kind of manifest it is. */
const GENERIC_TYPES = ['', 'application/json', 'application/octet-stream', 'text/plain'];

/** The most tags that a push may set. */
const MAX_TAGS = 100;

/** Reads, writes and deletes of manifests (spec.md#pulling-manifests, #pushing-manifests, #deleting-manifests). */
export function addManifestRoutes(app: ServerApp, context: RegistryContext): void {
  const path = `${REPOSITORY_PATH}/manifests/:reference` as const;

  app.get(path, async (c) => {
    const repository = repositoryOf(c, context);
    const name = manifestNameOf(c);
    const descriptor = await find(repository, name);
    if (descriptor === undefined) throw await unknown(repository, c);
    const headers = {
      ...headersOf(descriptor),
      'Cache-Control': 'digest' in name ? 'max-age=31536000, immutable' : 'no-cache',
      Vary: 'Accept',
    };
    if (matchesEtag(c, headers.ETag)) return new Response(null, { status: 304, headers });
    const length = { 'Content-Length': String(descriptor.size) };
    // Accept is ignored: other bytes would have another digest.
    if (c.req.method === 'HEAD') return new Response(null, { headers: { ...headers, ...length } });
    reserveResponse(c, context, descriptor.size);
    const bytes = await repository.manifests.read(descriptor);
    if (bytes === undefined) throw await unknown(repository, c);
    return new Response(bytes as Uint8Array<ArrayBuffer>, { headers: { ...headers, ...length } });
  });

  app.put(path, async (c) => {
    const repository = repositoryOf(c, context);
    const name = manifestNameOf(c);
    const more = (c.req.queries('tag') ?? []).map(tagFrom);
    const tags = 'tag' in name ? [name.tag, ...more] : more;
    if (tags.length > MAX_TAGS) {
      throw new RegistryProblem('UNSUPPORTED', `more than ${MAX_TAGS} tags at once`, { status: 400 });
    }
    using body = await readBody(c, context, maxManifestBytes);
    const digest = 'digest' in name ? name.digest : undefined;
    const { descriptor, subject } = await repository.manifests.put(body.bytes, { mediaType: typeOf(c), digest, tags });
    const headers = new Headers({
      Location: `/v2/${repository.name}/manifests/${descriptor.digest}`,
      'Docker-Content-Digest': descriptor.digest,
    });
    if (subject !== undefined) headers.set('OCI-Subject', subject);
    for (const tag of more) headers.append('OCI-Tag', tag);
    return new Response(null, { status: 201, headers });
  });

  app.delete(path, async (c) => {
    if (!context.deletes) throw unsupported('deletes are disabled in this registry');
    const repository = repositoryOf(c, context);
    const name = manifestNameOf(c);
    const found =
      'tag' in name ? await repository.tags.delete(name.tag) : await repository.manifests.delete(name.digest);
    if (found) return new Response(null, { status: 202 });
    throw await unknown(repository, c);
  });
}

async function find(
  { manifests, tags }: StoredRepository,
  name: { readonly digest: Digest } | { readonly tag: string },
): Promise<Descriptor | undefined> {
  const digest = 'digest' in name ? name.digest : await tags.read(name.tag);
  return digest === undefined ? undefined : await manifests.describe(digest);
}

function headersOf({ mediaType, digest }: Descriptor): { ETag: string } & Record<string, string> {
  return { 'Content-Type': mediaType, 'Docker-Content-Digest': digest, ETag: `"${digest}"` };
}

/** The Content-Type of a pushed manifest, without parameters. */
function typeOf(c: ServerRequest): string | undefined {
  const type = (c.req.header('content-type') ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
  return GENERIC_TYPES.includes(type) ? undefined : type;
}

async function unknown(repository: StoredRepository, c: ServerRequest): Promise<RegistryProblem> {
  const detail = { name: repository.name, reference: c.req.param('reference') };
  return new RegistryProblem((await repository.exists()) ? 'MANIFEST_UNKNOWN' : 'NAME_UNKNOWN', undefined, { detail });
}
