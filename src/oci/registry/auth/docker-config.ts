import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import {
  CodedError,
  fileError,
  isSystemError,
  type JsonObject,
  type JsonValue,
  parseJsonObject,
  trimEndOf,
} from '#core';
import { isDockerHub } from '#oci/image';

/** What a login file keeps for a registry. */
export interface LoginEntry {
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly identityToken?: string | undefined;
  readonly registryToken?: string | undefined;
}

/** A `config.json` of docker or an `auth.json` of podman, which have one form. */
export interface DockerConfig {
  readonly path: string;
  readonly auths: ReadonlyMap<string, LoginEntry>;
  readonly credHelpers: ReadonlyMap<string, string>;
  readonly credsStore: string | undefined;
}

type Env = Readonly<Record<string, string | undefined>>;

/** The login files that there are, those looked at first first. */
export async function readDockerConfigs(env: Env): Promise<DockerConfig[]> {
  const configs: DockerConfig[] = [];
  for (const path of configPaths(env)) {
    const config = await readConfig(path);
    if (config !== undefined) configs.push(config);
  }
  return configs;
}

/**
 * The entry for a repository: the most specific of `HOST/a/b`, `HOST/a`, `HOST` (containers-auth.json(5)); a key may
 * be a URL, of which only the host counts, as docker wrote it long ago.
 */
export function entryOf(config: DockerConfig, registry: string, repository: string): LoginEntry | undefined {
  const parts = repository.split('/');
  for (let n = parts.length; n > 0; n--) {
    const entry = config.auths.get(`${registry}/${parts.slice(0, n).join('/')}`);
    if (entry !== undefined) return entry;
  }
  for (const [key, entry] of config.auths) {
    const host = hostIn(key);
    if (host === registry.toLowerCase() || (isDockerHub(host) && isDockerHub(registry))) return entry;
  }
  return undefined;
}

function configPaths(env: Env): string[] {
  const home = env['HOME'] ?? homedir();
  const paths = [
    env['REGISTRY_AUTH_FILE'],
    join(env['DOCKER_CONFIG'] || join(home, '.docker'), 'config.json'),
    env['XDG_RUNTIME_DIR'] && join(env['XDG_RUNTIME_DIR'], 'containers', 'auth.json'),
    join(env['XDG_CONFIG_HOME'] || join(home, '.config'), 'containers', 'auth.json'),
  ];
  return [...new Set(paths.filter((path) => path !== undefined && path !== ''))] as string[];
}

function parseLogins(bytes: Uint8Array, path: string): JsonObject {
  try {
    return parseJsonObject(bytes, path);
  } catch (error) {
    if (!(error instanceof CodedError)) throw error;
    throw new CodedError(error.code, error.message, {
      hint: 'fix this login file, or delete it and log in again',
      details: error.details,
      cause: error,
    });
  }
}

async function readConfig(path: string): Promise<DockerConfig | undefined> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw fileError(error, path);
  }
  if (bytes.byteLength === 0) return undefined;
  const fields = parseLogins(bytes, path);
  const helpers = Object.entries(objectIn(fields['credHelpers'])).filter((pair) => typeof pair[1] === 'string');
  const store = textIn(fields['credsStore']);
  return {
    path,
    auths: new Map(Object.entries(objectIn(fields['auths'])).map(([key, value]) => [key, readEntry(path, key, value)])),
    credHelpers: new Map(helpers as [string, string][]),
    credsStore: store,
  };
}

function readEntry(path: string, key: string, value: JsonValue): LoginEntry {
  const fields = objectIn(value);
  const registryToken = textIn(fields['registrytoken']);
  const identityToken = textIn(fields['identitytoken']);
  const auth = textIn(fields['auth']);
  if (auth === undefined) {
    return { username: textIn(fields['username']), password: textIn(fields['password']), registryToken, identityToken };
  }
  // Some tools pad the decoded text with NULs.
  const login = trimEndOf(Buffer.from(auth, 'base64').toString('utf8'), '\0');
  const colon = login.indexOf(':');
  if (colon <= 0) {
    throw new CodedError('ERR_EXPORT_USAGE', `${path}: the entry for ${key} is not base64 of USER:PASSWORD`, {
      hint: `log in again: docker login ${hostIn(key)}`,
      details: { path, registry: key },
    });
  }
  return { username: login.slice(0, colon), password: login.slice(colon + 1), registryToken, identityToken };
}

function hostIn(key: string): string {
  const [host = ''] = key.replace(/^https?:\/\//i, '').split('/', 1);
  return host.toLowerCase();
}

function objectIn(value: JsonValue | undefined): JsonObject {
  return value !== null && typeof value === 'object' && !Array.isArray(value) ? (value as JsonObject) : {};
}

function textIn(value: JsonValue | undefined): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
