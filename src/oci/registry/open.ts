import { join } from 'node:path';
import { CodedError, isCoded } from '#core';
import type { Repository } from '#oci/image';
import { isDockerHub, isLoopbackHost, type RegistryReference } from '#oci/image';
import { type Credential, type CredentialSource, fixedCredential, storedCredentials } from './auth.ts';
import { type CatalogOptions, readCatalog } from './catalog.ts';
import { refusal } from './faults.ts';
import type { RetryOptions } from './http/backoff.ts';
import type { WireResponse } from './http/message.ts';
import type { Lookup } from './http/pinned-lookup.ts';
import { RegistryClient, type RegistryRequest, type WarningHook } from './http/registry-client.ts';
import type { SharedConnections } from './http/shared-connections.ts';
import { meansTls, type TlsOptions } from './http/tls.ts';
import { RegistryRepository } from './registry.ts';
import { Remote } from './remote.ts';

/** How registries are talked to. */
export interface RegistryOptions {
  /** Plain http; unless told, for hosts on this machine only, and for these only without certificates (TlsOptions). */
  readonly plainHttp?: boolean | undefined;
  /** For the registry of the reference; unless given, what docker and podman keep. */
  readonly credential?: Credential | undefined;
  readonly tls?: TlsOptions | undefined;
  readonly retry?: RetryOptions | undefined;
  /** Told once of each thing that the registry, or a host that it leads to, wants its users to know. */
  readonly onWarning?: WarningHook | undefined;
  /** Connections at a time; 8 unless told. */
  readonly connections?: number | undefined;
  /** Connections of several repositories together; each has its own unless given. */
  readonly shared?: SharedConnections | undefined;
  /** How long the other side may be silent; 60 s unless told. */
  readonly idleTimeoutMs?: number | undefined;
  /** Resolves host names; the system's way unless told. */
  readonly lookup?: Lookup | undefined;
  /** Ask for the right to write from the start, so that one token does. */
  readonly writes?: boolean | undefined;
  /** For proxies and the places of login files; the process's own unless told. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
}

/** The repository of a registry that a reference names. No request is made before something is asked of it. */
export function openRegistry(reference: RegistryReference, options: RegistryOptions = {}): Repository {
  const { registry } = reference;
  const repository =
    isDockerHub(registry) && !reference.repository.includes('/')
      ? `library/${reference.repository}`
      : reference.repository;
  const client = clientOf(registry, repository, options);
  const name = `${registry}/${reference.repository}`;
  const state = stateFolderIn(options.env ?? process.env);
  return new RegistryRepository(new Remote(client, name, repository, options.writes ?? false, state), () =>
    client.close(),
  );
}

/**
 * The repositories of a registry that it lists to this user, in byte order (`/v2/_catalog` of docker-registry).
 *
 * @throws CodedError ERR_EXPORT_UNSUPPORTED where it has no such list, and those of any request
 */
export async function listRepositories(
  registry: string,
  options: RegistryOptions & CatalogOptions = {},
): Promise<string[]> {
  const client = clientOf(registry, '', options);
  try {
    return await readCatalog(client, registry, options);
  } finally {
    await client.close();
  }
}

/** An HTTP service beside a registry: the same logins, certificates, proxies, patience and rules of redirects. */
export interface HttpService {
  /**
   * The answer to a request, if its status is one of `expected`. It is never redirected to another origin.
   *
   * @throws CodedError as RegistryClient.send does, and for any other status
   */
  send(request: HttpServiceRequest, expected: readonly number[]): Promise<WireResponse>;
  close(): Promise<void>;
}

/** A request to a service. */
type HttpServiceRequest = Pick<RegistryRequest, 'method' | 'headers' | 'body' | 'signal'> & {
  /** Path and query, from the root. */
  readonly path: string;
};

/** Opens a service by its origin; nothing is sent before it is asked. */
export function openService(origin: URL, options: RegistryOptions = {}): HttpService {
  const plainHttp = origin.protocol === 'http:';
  const client = clientOf(origin.host, '', { ...options, plainHttp });
  return {
    async send({ path, ...request }, expected) {
      const url = new URL(path, client.origin);
      if (url.origin !== client.origin.origin) throw new TypeError(`not a path: ${path}`);
      const sent = client.send({ ...request, url, scopes: new Map(), mayLeave: false });
      const response = await sent.catch((error: unknown) => {
        throw withUrlHint(error);
      });
      if (expected.includes(response.status)) return response;
      throw withUrlHint(await refusal(response, request.method, 'server'));
    },
    close: () => client.close(),
  };
}

/** The scheme of a service is that of its URL, not an option. */
function withUrlHint(error: unknown): unknown {
  if (!isCoded(error) || error.hint === undefined) return error;
  const hint = error.hint
    .replace('add --plain-http', 'write http:// in the URL')
    .replace('add --no-plain-http', 'write https:// in the URL')
    .replace('the registry', 'the server');
  if (hint === error.hint) return error;
  return new CodedError(error.code, error.message, { hint, details: error.details, cause: error.cause });
}

/** @param repository whose login is used, where logins of one registry differ */
function clientOf(registry: string, repository: string, options: RegistryOptions): RegistryClient {
  const env = options.env ?? process.env;
  const source: CredentialSource =
    options.credential === undefined ? storedCredentials({ env }) : fixedCredential(registry, options.credential);
  const plain = options.plainHttp ?? (isLoopbackHost(registry) && !meansTls(registry, options.tls ?? {}));
  const host = isDockerHub(registry) ? 'registry-1.docker.io' : registry;
  return new RegistryClient(originOf(`${plain ? 'http' : 'https'}://${host}`, registry), {
    wire: {
      env,
      tls: options.tls,
      connections: options.connections,
      idleTimeoutMs: options.idleTimeoutMs,
      lookup: options.lookup,
      userAgent: 'export-center',
    },
    retry: options.retry ?? {},
    onWarning: options.onWarning,
    shared: options.shared,
    credential: () => source(registry, repository),
  });
}

/** @throws CodedError ERR_EXPORT_REFERENCE_INVALID for a name such as `main.1`, which URLs take for a wrong IPv4 address */
function originOf(url: string, registry: string): URL {
  const origin = URL.parse(url);
  if (origin !== null) return origin;
  throw new CodedError('ERR_EXPORT_REFERENCE_INVALID', `${JSON.stringify(registry)}: not a valid host name`, {
    hint: 'write HOST[:PORT]; a host name that ends with a number must be an IPv4 address',
    details: { registry },
  });
}

/** Where this user's programs keep what outlives a run (XDG Base Directory Specification); nowhere without a home. */
function stateFolderIn({ XDG_STATE_HOME, HOME }: Readonly<Record<string, string | undefined>>): string | undefined {
  if (XDG_STATE_HOME) return join(XDG_STATE_HOME, 'export-center', 'uploads');
  return HOME ? join(HOME, '.local', 'state', 'export-center', 'uploads') : undefined;
}
