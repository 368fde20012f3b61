import { execFileSync } from 'node:child_process';
import { accessSync, constants, readdirSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect, test } from 'vitest';
import { readJson } from '../core/read-json.ts';

const folder = join(import.meta.dirname, '../../zot-config');
const SCHEMA = 'zot-config.schema.json';
const read = (file: string) => readJson(readFileSync(join(folder, file), 'utf8'));
const files = readdirSync(folder).filter((file) => file.endsWith('.json') && file !== SCHEMA);
const validate = new Ajv2020({ strict: true, strictRequired: false, strictTypes: false, allErrors: true }).compile(
  read(SCHEMA) as object,
);

/** The pointers of what a configuration does wrong. */
function faultsOf(config: unknown): string[] {
  validate(config);
  return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
}

/** A configuration with one value changed; a member that becomes undefined is gone. */
function changed(file: string, path: string, value: unknown): unknown {
  const config = read(file) as Record<string, unknown>;
  const names = path.split('/');
  let at = config;
  for (const name of names.slice(0, -1)) at = at[name] as Record<string, unknown>;
  const last = names.at(-1) as string;
  if (value === undefined) delete at[last];
  else at[last] = value;
  return config;
}

test('the files are those that the README lists', () => {
  const readme = readFileSync(join(folder, 'README.md'), 'utf8');
  const listed = [...readme.matchAll(/^\| \[([a-z0-9-]+\.json)\]/gm)].map(([, file]) => file);
  expect(listed.sort()).toEqual(files.sort());
});

test.each(files)('%s: valid, and no secret in it', (file) => {
  expect(faultsOf(read(file))).toEqual([]);
  expect(readFileSync(join(folder, file), 'utf8')).not.toMatch(/password|secret|accesskey|token/i);
});

const REGISTRY = 'extensions/sync/registries/0';

test.each([
  ['an unknown key', 'minimal.json', 'storge', {}],
  ['an unknown key inside', 'retention.json', 'storage/retention/keepDays', 3],
  ['a port that is a number', 'minimal.json', 'http/port', 5000],
  ['a duration without a unit', 'retention.json', 'storage/gcDelay', '3600'],
  ['retries without a delay', 'sync-on-demand.json', `${REGISTRY}/retryDelay`, undefined],
  ['polling without content', 'sync-periodic.json', `${REGISTRY}/content`, undefined],
  ['neither polling nor on demand', 'sync-on-demand.json', `${REGISTRY}/onDemand`, false],
  [
    'manifest checks without on demand',
    'sync-periodic.json',
    REGISTRY,
    {
      urls: ['https://a.example'],
      pollInterval: '1h',
      content: [{ prefix: '**' }],
      manifestCheckInterval: '1h',
    },
  ],
  ['preserveDigest without docker2s2', 'sync-on-demand.json', `${REGISTRY}/preserveDigest`, true],
  ['a password in a URL', 'sync-on-demand.json', `${REGISTRY}/urls`, ['https://user:pw@a.example']],
  ['metrics at /', 'metrics.json', 'extensions/metrics/prometheus/path', '/'],
  ['metrics at /v2', 'metrics.json', 'extensions/metrics/prometheus/path', '/v2'],
  ['metrics below /v2', 'metrics.json', 'extensions/metrics/prometheus/path', '/v2/metrics'],
  ['sync into S3 without a directory', 's3.json', 'extensions/sync/downloadDir', undefined],
  ['a remote cache without a driver', 's3.json', 'storage/cacheDriver', undefined],
  ['a redirect without a cloud', 'minimal.json', 'storage/redirectBlobURL', true],
  ['an action that does not exist', 'users.json', 'http/accessControl/adminPolicy/actions', ['write']],
  ['policies of users without authentication', 'users.json', 'http/auth', undefined],
])('refuses %s', (_, file, path, value) => {
  expect(faultsOf(changed(file, path, value))).not.toEqual([]);
});

test('docker2s2 makes preserveDigest valid, and /metrics2 is a path', () => {
  const config = changed('sync-on-demand.json', `${REGISTRY}/preserveDigest`, true) as { http: object };
  expect(faultsOf({ ...config, http: { ...config.http, compat: ['docker2s2'] } })).toEqual([]);
  expect(faultsOf(changed('metrics.json', 'extensions/metrics/prometheus/path', '/metrics2'))).toEqual([]);
});

/** zot cannot be installed by our scripts; where somebody has it, it is the judge. */
const zot = (process.env['PATH'] ?? '')
  .split(delimiter)
  .map((dir) => join(dir, 'zot'))
  .find(isExecutable);

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

test.runIf(zot !== undefined).each(files)('%s: zot verify accepts it', (file) => {
  execFileSync(zot as string, ['verify', join(folder, file)], { stdio: 'pipe' });
});
