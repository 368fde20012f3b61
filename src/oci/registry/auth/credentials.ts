import { CodedError } from '#core';
import { isDockerHub } from '#oci/image';
import { type CredentialHelper, runCredentialHelper } from './credential-helper.ts';
import { type DockerConfig, entryOf, readDockerConfigs } from './docker-config.ts';

/** What proves who we are. */
export type Credential =
  | { readonly kind: 'password'; readonly username: string; readonly password: string }
  /** A refresh token for the token service. */
  | { readonly kind: 'identity'; readonly token: string }
  /** A token that goes to the registry as it is. */
  | { readonly kind: 'bearer'; readonly token: string };

/** The credential for a repository of a registry; undefined to go there as anybody. */
export type CredentialSource = (registry: string, repository: string) => Promise<Credential | undefined>;

/** Where docker, podman and their credential helpers are looked for. */
export interface CredentialFiles {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Runs a helper program; the real one unless told. */
  readonly helper?: CredentialHelper | undefined;
}

/** A source that knows one registry only. */
export function fixedCredential(registry: string, credential: Credential): CredentialSource {
  return async (asked) => (asked.toLowerCase() === registry.toLowerCase() ? credential : undefined);
}

/**
 * The credentials that `docker login` and `podman login` keep. Files are read once, when the first credential is
 * asked for; in each a helper for the registry comes before the general helper, and that before what the file holds.
 *
 * @throws CodedError ERR_EXPORT_JSON_INVALID, ERR_EXPORT_USAGE for files and helpers that are of no use
 */
export function storedCredentials(files: CredentialFiles): CredentialSource {
  const helper = files.helper ?? runCredentialHelper;
  let configs: Promise<DockerConfig[]> | undefined;
  return async (registry, repository) => {
    configs ??= readDockerConfigs(files.env);
    for (const config of await configs) {
      const found = await credentialIn(config, helper, registry, repository);
      if (found !== undefined) return found;
    }
    return undefined;
  };
}

async function credentialIn(
  config: DockerConfig,
  helper: CredentialHelper,
  registry: string,
  repository: string,
): Promise<Credential | undefined> {
  const server = isDockerHub(registry) ? 'https://index.docker.io/v1/' : registry;
  const program = config.credHelpers.get(server) ?? config.credHelpers.get(registry);
  for (const name of [program, config.credsStore]) {
    const answer = name === undefined ? undefined : await helper(name, server);
    if (answer === undefined) continue;
    const { username, secret } = answer;
    if (username === '<token>') return { kind: 'identity', token: secret };
    return { kind: 'password', username, password: secret };
  }
  const entry = entryOf(config, registry, repository);
  if (entry === undefined) return undefined;
  if (entry.registryToken !== undefined) return { kind: 'bearer', token: entry.registryToken };
  if (entry.identityToken !== undefined) return { kind: 'identity', token: entry.identityToken };
  if (entry.username === undefined || entry.password === undefined) return undefined;
  if (/[\0\r\n]/.test(entry.username + entry.password)) {
    throw new CodedError('ERR_EXPORT_USAGE', `${config.path}: the login for ${registry} holds a control character`, {
      hint: `log in again: docker login ${registry}`,
      details: { path: config.path, registry },
    });
  }
  return { kind: 'password', username: entry.username, password: entry.password };
}
